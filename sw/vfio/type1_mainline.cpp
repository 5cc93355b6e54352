// SPDX-License-Identifier: Apache-2.0
#include "sw/vfio/type1.h"

namespace iommulab::sw::vfio {

std::unique_ptr<caller> type1_mainline::make(const caller_machine& machine, const caller_options& options) {
    return std::make_unique<type1_mainline>("vfio-type1", machine, options);
}

result<void> type1_mainline::join(group& g) {
    result<std::unique_ptr<vfio_domain>> made = fresh_domain(g);
    if (!made)
        return made.error();
    std::unique_ptr<vfio_domain> own = std::move(*made);
    result<void> r = core().attach_group(*own->iommu, g);
    if (!r) {
        core().retire(std::move(own->iommu));
        return r;
    }
    result<iova_ranges> addresses = check_addresses(*own->iommu, g);
    r = addresses ? check_interrupts(g) : addresses.error();
    if (!r) {
        leave(std::move(own), g);
        return r;
    }
    own->coherent = own->iommu->enforce_cache_coherency();

    for (const auto& other : list()) {
        if (&other->iommu->owner() != &own->iommu->owner() || other->coherent != own->coherent)
            continue;
        core().detach_group(*own->iommu, g);
        if (core().attach_group(*other->iommu, g)) {
            other->groups.push_back(&g);
            core().retire(std::move(own->iommu));
            valid() = std::move(*addresses);
            return {};
        }
        if (r = core().attach_group(*own->iommu, g); !r) {
            core().retire(std::move(own->iommu));
            return r;
        }
    }

    test_superpages(*own, *addresses);
    if (r = replay(*own); r)
        r = prepare_msi(*own, g);
    if (!r) {
        leave(std::move(own), g);
        return r;
    }
    own->groups.push_back(&g);
    list().insert(list().begin(), std::move(own));
    valid() = std::move(*addresses);
    return {};
}

} // namespace iommulab::sw::vfio
