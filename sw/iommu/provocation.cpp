// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/provocation.h"

#include "sw/iommu/iommu_core.h"

namespace iommulab::sw {

std::string provoking_unit_name(std::size_t n) {
    return "iommu" + std::to_string(n);
}

domain* prepare(const provocation& p, iommu_core& core, kept_domains& kept) {
    const auto fresh = [&](const device& dev) -> domain* {
        kept.push_back(core.allocate_domain(dev));
        return kept.back().get();
    };
    device* const first = core.find_device(p.devices.front().name);
    device* const last = core.find_device(p.devices.back().name);
    if (!first || !last)
        return nullptr;
    for (unsigned n = 0; n < p.used_up; ++n) {
        domain* const d = fresh(*last);
        if (!d || !core.attach_device(*d, *last))
            return nullptr;
        core.detach_device(*d, *last);
    }
    domain* const d = fresh(*first);
    if (!d)
        return nullptr;
    for (std::size_t n = 0; n + 1 < p.devices.size(); ++n) {
        device* const dev = core.find_device(p.devices[n].name);
        if (!dev || !core.attach_device(*d, *dev))
            return nullptr;
    }
    if (p.before && !p.before(core, *last))
        return nullptr;
    return d;
}

result<void> attempt(const provocation& p, iommu_core& core, domain& d) {
    if (*p.inject)
        core.in().injection().nth(p.inject, 1);
    device& last = *core.find_device(p.devices.back().name);
    return p.direct ? d.attach_dev(last) : core.attach_device(d, last);
}

} // namespace iommulab::sw
