// SPDX-License-Identifier: Apache-2.0
#include "sw/vfio/type1.h"

#include <algorithm>

namespace iommulab::sw::vfio {

std::unique_ptr<caller> type1_simplified::make(const caller_machine& machine, const caller_options& options) {
    return std::make_unique<type1_simplified>("vfio-type1-2022", machine, options);
}

linux_errno type1_simplified::soft() {
    if (options().soft)
        return *options().soft;
    return in().rules() == rule_set::emediumtype ? linux_errno::emediumtype : linux_errno::einval;
}

result<std::unique_ptr<type1::vfio_domain>> type1_simplified::join_fresh(group& g) {
    result<std::unique_ptr<vfio_domain>> made = fresh_domain(g);
    if (!made)
        return made.error();
    std::unique_ptr<vfio_domain> own = std::move(*made);
    result<void> r = core().attach_group(*own->iommu, g);
    if (!r) {
        core().retire(std::move(own->iommu));
        return r.error();
    }
    own->coherent = own->iommu->enforce_cache_coherency();
    // Where superpages can be tried is known from the domain alone here: the checks of addresses come later.
    iova_ranges addresses = valid();
    addresses.restrict_to(own->iommu->aperture_first(), own->iommu->aperture_last());
    static_cast<void>(addresses.exclude(core().reserved_regions(g)));
    test_superpages(*own, addresses);
    if (r = replay(*own); r)
        r = prepare_msi(*own, g);
    if (!r) {
        leave(std::move(own), g);
        return r.error();
    }
    return own;
}

result<void> type1_simplified::join(group& g) {
    vfio_domain* found = nullptr;
    for (const auto& other : list()) {
        const result<void> r = core().attach_group(*other->iommu, g);
        if (r) {
            found = other.get();
            break;
        }
        if (r.error().number != soft())
            return r;
    }
    std::unique_ptr<vfio_domain> own;
    if (!found) {
        auto made = join_fresh(g);
        if (!made)
            return made.error();
        own = std::move(*made);
        found = own.get();
    }
    result<iova_ranges> addresses = check_addresses(*found->iommu, g);
    const result<void> r = addresses ? check_interrupts(g) : addresses.error();
    if (!r) {
        if (own)
            leave(std::move(own), g);
        else
            core().detach_group(*found->iommu, g);
        return r;
    }
    found->groups.push_back(&g);
    if (own)
        list().insert(list().begin(), std::move(own));
    valid() = std::move(*addresses);
    return {};
}

} // namespace iommulab::sw::vfio
