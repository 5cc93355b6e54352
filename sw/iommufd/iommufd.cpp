// SPDX-License-Identifier: Apache-2.0
#include "sw/iommufd/iommufd.h"

#include "sw/iommufd/failures.h"

#include <algorithm>

namespace iommulab::sw::iommufd {
namespace {

/// What the loop over domains takes for "this one does not fit".
constexpr linux_errno soft = linux_errno::einval;

/// Where the doorbells of software-managed MSIs are to be mapped (struct iommu_dma_cookie).
struct msi_cookie final : domain::cookie {
    explicit msi_cookie(std::uint64_t at) : base(at) {}
    std::uint64_t base;
};

} // namespace

context::context(const char* name, const caller_machine& machine, const caller_options& options)
    : caller(name, machine, options) {
    in().injection().declare(injection_points());
    make_ioas();
}

void context::close() {
    while (!bound_.empty())
        context::detach(**bound_.begin());
    while (!hwpts_.empty())
        destroy_hwpt(*hwpts_.back());
}

ioas& context::make_ioas() {
    spaces_.push_back(std::make_unique<ioas>(in(), memory()));
    return *spaces_.back();
}

result<hw_pagetable*> context::allocate_hwpt(const device& dev, ioas& space, bool automatic) {
    auto made = std::make_unique<hw_pagetable>();
    made->iommu = make_domain(dev);
    made->space = &space;
    made->automatic = automatic;
    if (!made->iommu)
        return in().fail(row::no_domain, dev.name());
    if (options().nesting)
        if (const result<void> r = core().enable_nesting(*made->iommu); !r)
            return r.error();
    hwpts_.push_back(std::move(made));
    return hwpts_.back().get();
}

void context::destroy_hwpt(hw_pagetable& h) {
    const auto place = std::find_if(hwpts_.begin(), hwpts_.end(), [&](const auto& other) { return other.get() == &h; });
    if (place == hwpts_.end() || !h.devices.empty())
        return;
    core().retire(std::move(h.iommu));
    hwpts_.erase(place);
}

hw_pagetable* context::hwpt_of(const device& dev) const {
    for (const auto& h : hwpts_)
        if (std::find(h->devices.begin(), h->devices.end(), &dev) != h->devices.end())
            return h.get();
    return nullptr;
}

bool context::has_group(const hw_pagetable& h, const group& g) {
    return std::any_of(h.devices.begin(), h.devices.end(), [&](const device* dev) { return dev->in_group == &g; });
}

result<void> context::claim(device& dev) {
    if (bound_.contains(&dev))
        return {};
    if (options().capability_test && !core().capable(dev, capability::cache_coherency))
        return in().fail(row::not_coherent, dev.name());
    if (!dev.in_group)
        return in().fail(row::no_group, dev.name());
    if (result<void> r = own(*dev.in_group); !r)
        return r;
    bound_.insert(&dev);
    return {};
}

// All that comes before the driver is asked; the reserved regions stay when it succeeds.
result<void> context::prepare(const device& dev, hw_pagetable& h, bool same_space) {
    if (core().capable(dev, capability::enforce_cache_coherency) && !h.coherent) {
        h.coherent = h.iommu->enforce_cache_coherency();
        if (!h.coherent)
            return in().fail(row::cannot_enforce_coherency, dev.name());
    }
    const reserved_region* doorbells = nullptr;
    const std::vector<reserved_region> regions = core().reserved_regions(*dev.in_group);
    for (const reserved_region& region : regions) {
        if (region.type == region_type::direct_relaxable || region.bytes == 0)
            continue;
        if (region.type == region_type::software_msi)
            doorbells = &region;
        if (!same_space)
            if (result<void> r = h.space->reserve(region.start, region.last(), &dev, row::reserved_conflict); !r) {
                h.space->unreserve(&dev);
                return r;
            }
    }
    result<void> r;
    if (!options().interrupts_isolated && !core().capable(dev, capability::interrupt_remapping) &&
        !options().allow_unsafe_interrupts)
        r = in().fail(row::unsafe_interrupts, dev.name());
    else if (doorbells && !h.iommu->dma_cookie) {
        if (in().injection().fires("iommufd.msi_cookie.alloc"))
            r = in().fail(row::msi_memory, dev.name());
        else
            h.iommu->dma_cookie = std::make_unique<msi_cookie>(doorbells->start);
    }
    if (!r && !same_space)
        h.space->unreserve(&dev);
    return r;
}

result<void> context::do_attach(device& dev, hw_pagetable& h) {
    if (result<void> r = prepare(dev, h, false); !r)
        return r;
    result<void> r;
    if (!has_group(h, *dev.in_group)) {
        r = core().attach_group(*h.iommu, *dev.in_group);
        if (r && h.devices.empty())
            if (r = h.space->add_domain(*h.iommu); !r)
                core().detach_group(*h.iommu, *dev.in_group);
    }
    if (!r) {
        h.space->unreserve(&dev);
        return r;
    }
    h.devices.push_back(&dev);
    return {};
}

result<void> context::do_replace(device& dev, hw_pagetable& h) {
    hw_pagetable& old = *hwpt_of(dev);
    if (&old == &h)
        return {};
    group& g = *dev.in_group;
    std::vector<device*> moving;
    for (device* member : old.devices)
        if (member->in_group == &g)
            moving.push_back(member);
    const bool same_space = old.space == h.space;
    const auto unreserve = [&](ioas& space) {
        if (!same_space)
            for (const device* member : moving)
                space.unreserve(member);
    };
    for (const device* member : moving)
        if (result<void> r = prepare(*member, h, same_space); !r) {
            unreserve(*h.space);
            return r;
        }
    result<void> r = core().replace_group(*h.iommu, g);
    if (r && h.devices.empty())
        if (r = h.space->add_domain(*h.iommu); !r)
            static_cast<void>(core().replace_group(*old.iommu, g)); // as before: it was there a moment ago
    if (!r) {
        unreserve(*h.space);
        return r;
    }
    unreserve(*old.space);
    for (device* member : moving) {
        std::erase(old.devices, member);
        h.devices.push_back(member);
    }
    if (old.devices.empty()) {
        old.space->remove_domain(*old.iommu);
        if (old.automatic)
            destroy_hwpt(old);
    }
    return {};
}

result<void> context::automatically(const device& dev, ioas& space, const way& go) {
    std::vector<hw_pagetable*> candidates;
    for (const auto& h : hwpts_)
        if (h->automatic && h->space == &space)
            candidates.push_back(h.get());
    for (hw_pagetable* h : candidates)
        if (result<void> r = go(*h); r || r.error().number != soft)
            return r;
    result<hw_pagetable*> made = allocate_hwpt(dev, space, true);
    if (!made)
        return made.error();
    result<void> r = go(**made);
    if (!r)
        destroy_hwpt(**made);
    return r;
}

result<void> context::attach_hwpt(device& dev, hw_pagetable& h) {
    if (!bound_.contains(&dev))
        return in().fail(row::not_bound, dev.name());
    if (hwpt_of(dev))
        return in().fail(row::attached_already, dev.name());
    return do_attach(dev, h);
}

result<void> context::attach_ioas(device& dev, ioas& space) {
    if (!bound_.contains(&dev))
        return in().fail(row::not_bound, dev.name());
    if (hwpt_of(dev))
        return in().fail(row::attached_already, dev.name());
    return automatically(dev, space, [&](hw_pagetable& h) { return do_attach(dev, h); });
}

result<void> context::replace_hwpt(device& dev, hw_pagetable& h) {
    if (!hwpt_of(dev))
        return in().fail(row::not_attached, dev.name());
    return do_replace(dev, h);
}

result<void> context::replace_ioas(device& dev, ioas& space) {
    if (!hwpt_of(dev))
        return in().fail(row::not_attached, dev.name());
    return automatically(dev, space, [&](hw_pagetable& h) { return do_replace(dev, h); });
}

void context::detach_hwpt(device& dev) {
    hw_pagetable* const h = hwpt_of(dev);
    if (!h)
        return;
    std::erase(h->devices, &dev);
    if (!has_group(*h, *dev.in_group)) {
        if (h->devices.empty())
            h->space->remove_domain(*h->iommu);
        core().detach_group(*h->iommu, *dev.in_group);
    }
    h->space->unreserve(&dev);
    if (h->automatic)
        destroy_hwpt(*h);
}

void context::detach(device& dev) {
    detach_hwpt(dev);
    if (bound_.erase(&dev) == 0)
        return;
    group* const g = dev.in_group;
    if (g && std::none_of(bound_.begin(), bound_.end(), [&](const device* other) { return other->in_group == g; }))
        disown(*g);
}

result<void> context::map(const user_mapping& m) {
    for (std::size_t n = 0; n < spaces_.size(); ++n)
        if (result<void> r = spaces_[n]->map(m); !r) {
            while (n-- != 0)
                static_cast<void>(spaces_[n]->unmap(m.iova, m.bytes));
            return r;
        }
    return {};
}

result<std::uint64_t> context::unmap(std::uint64_t iova, std::uint64_t bytes) {
    result<std::uint64_t> done = std::uint64_t{0};
    for (const auto& space : spaces_)
        if (done = space->unmap(iova, bytes); !done)
            break;
    return done;
}

result<std::uint64_t> context::unmap_all() {
    std::uint64_t done = 0;
    for (const auto& space : spaces_)
        done = space->unmap_all();
    return done;
}

std::vector<const domain*> context::domains() const {
    std::vector<const domain*> all;
    for (const auto& h : hwpts_)
        all.push_back(h->iommu.get());
    return all;
}

const domain* context::domain_of(const device& dev) const {
    const hw_pagetable* const h = hwpt_of(dev);
    return h ? h->iommu.get() : nullptr;
}

} // namespace iommulab::sw::iommufd
