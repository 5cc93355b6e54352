// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/provocation.h"

#include "sw/iommu/iommu_core.h"

namespace iommulab::sw {

std::string provoking_unit_name(std::size_t n) {
    return "iommu" + std::to_string(n);
}

domain* prepare(const provocation& p, iommu_core& core, kept_domains& kept) {
    const auto fresh = [&](const device& dev, domain_type type) -> domain* {
        kept.push_back(core.allocate_domain(dev, type));
        return kept.back().get();
    };
    device* const first = core.find_device(p.devices.front().name);
    device* const last = core.find_device(p.devices.back().name);
    if (!first || !last)
        return nullptr;
    for (unsigned n = 0; n < p.used_up; ++n) {
        domain* const d = fresh(*last, domain_type::unmanaged);
        if (!d || !core.attach_device(*d, *last))
            return nullptr;
        core.detach_device(*d, *last);
    }
    domain* const d = fresh(*first, p.type);
    if (!d || (p.pasids != 0 && !(d->offers_pasids() && d->enable_pasids(p.pasids))))
        return nullptr;
    for (std::size_t n = 0; p.others_join && n + 1 < p.devices.size(); ++n) {
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
        core.in().injection().nth(p.inject, p.inject_nth);
    device& last = *core.find_device(p.devices.back().name);
    if (p.direct)
        return d.attach_dev(last);
    const bool alone = !last.in_group || last.in_group->devices().size() == 1;
    return alone ? core.attach_device(d, last) : core.attach_group(d, *last.in_group);
}

} // namespace iommulab::sw
