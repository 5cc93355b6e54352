// SPDX-License-Identifier: Apache-2.0
#include "sw/iommufd/users.h"

namespace iommulab::sw::iommufd {

std::unique_ptr<caller> auto_user::make(const caller_machine& machine, const caller_options& options) {
    return std::make_unique<auto_user>("iommufd", machine, options);
}

std::unique_ptr<caller> hwpt_user::make(const caller_machine& machine, const caller_options& options) {
    return std::make_unique<hwpt_user>("iommufd-hwpt", machine, options);
}

std::unique_ptr<caller> qemu_user::make(const caller_machine& machine, const caller_options& options) {
    return std::make_unique<qemu_user>("qemu", machine, options);
}

result<void> hwpt_user::attach(device& dev) {
    if (!hwpts().empty())
        return attach_hwpt(dev, *hwpts().front());
    result<hw_pagetable*> made = allocate_hwpt(dev, space());
    if (!made)
        return made.error();
    result<void> r = attach_hwpt(dev, **made);
    if (!r)
        destroy_hwpt(**made);
    return r;
}

void hwpt_user::detach(device& dev) {
    hw_pagetable* const h = hwpt_of(dev);
    context::detach(dev);
    if (h)
        destroy_hwpt(*h);
}

result<void> qemu_user::attach_in(device& dev, ioas& in_space) {
    std::vector<hw_pagetable*> candidates;
    for (const auto& h : hwpts())
        if (h->space == &in_space)
            candidates.push_back(h.get());
    for (hw_pagetable* h : candidates)
        if (result<void> r = attach_hwpt(dev, *h); r || r.error().number != linux_errno::einval)
            return r;
    result<hw_pagetable*> made = allocate_hwpt(dev, in_space);
    if (!made)
        return made.error();
    result<void> r = attach_hwpt(dev, **made);
    if (!r)
        destroy_hwpt(**made);
    return r;
}

result<void> qemu_user::attach(device& dev) {
    for (std::size_t n = 0; n < spaces(); ++n)
        if (result<void> r = attach_in(dev, space(n)); r)
            return r;
    ioas& made = make_ioas();
    result<void> r;
    for (const user_mapping& m : mappings())
        if (r = made.map(m); !r)
            break;
    if (r)
        r = attach_in(dev, made);
    if (!r)
        destroy_last_ioas();
    return r;
}

void qemu_user::detach(device& dev) {
    hw_pagetable* const h = hwpt_of(dev);
    context::detach(dev);
    if (h)
        destroy_hwpt(*h);
}

} // namespace iommulab::sw::iommufd
