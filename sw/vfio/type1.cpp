// SPDX-License-Identifier: Apache-2.0
// Groups and domains of a container.
#include "sw/vfio/type1.h"

#include "sw/iommu/mapping.h"
#include "sw/vfio/failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace iommulab::sw::vfio {
namespace {

std::string group_name(const group& g) {
    return fmt::format("group {}", g.number());
}

/// Where the doorbells of software-managed MSIs are to be mapped (struct iommu_dma_cookie).
struct msi_cookie final : domain::cookie {
    explicit msi_cookie(std::uint64_t at) : base(at) {}
    std::uint64_t base;
};

} // namespace

type1::type1(const char* name, const caller_machine& machine, const caller_options& options)
    : caller(name, machine, options) {
    in().injection().declare(injection_points());
}

void type1::close() {
    while (!domains_.empty())
        detach_group(*domains_.front()->groups.front());
}

result<void> type1::claim(device& dev) {
    if (!dev.in_group)
        return in().fail(row::no_group, dev.name());
    if (options().capability_test && !core().capable(dev, capability::cache_coherency))
        return in().fail(row::not_coherent, dev.name());
    return own(*dev.in_group);
}

result<void> type1::attach(device& dev) {
    if (!dev.in_group)
        return in().fail(row::no_group, dev.name());
    group& g = *dev.in_group;
    if (holder_of(g))
        return {};
    result<void> r;
    if (!addresses_valid_)
        r = in().fail(row::addresses_invalid, group_name(g));
    else if (in().injection().fires("vfio.group.alloc"))
        r = in().fail(row::group_memory, group_name(g));
    else
        r = join(g);
    if (!r)
        disown(g);
    return r;
}

void type1::detach(device& dev) {
    if (!dev.in_group)
        return;
    if (holder_of(*dev.in_group))
        detach_group(*dev.in_group);
    else
        disown(*dev.in_group);
}

void type1::detach_group(group& g) {
    const auto place = std::find_if(domains_.begin(), domains_.end(), [&](const auto& d) {
        return std::find(d->groups.begin(), d->groups.end(), &g) != d->groups.end();
    });
    vfio_domain& d = **place;
    core().detach_group(*d.iommu, g);
    std::erase(d.groups, &g);
    if (d.groups.empty()) {
        if (domains_.size() == 1)
            while (!mappings_.empty())
                remove(mappings_.begin());
        std::unique_ptr<vfio_domain> gone = std::move(*place);
        domains_.erase(place);
        core().retire(std::move(gone->iommu));
    }
    iova_ranges addresses;
    for (const auto& left : domains_)
        addresses.restrict_to(left->iommu->aperture_first(), left->iommu->aperture_last());
    for (const auto& left : domains_)
        for (const group* member : left->groups)
            static_cast<void>(addresses.exclude(core().reserved_regions(*member)));
    valid_ = std::move(addresses);
    disown(g);
}

type1::vfio_domain* type1::holder_of(const group& g) const {
    for (const auto& d : domains_)
        if (std::find(d->groups.begin(), d->groups.end(), &g) != d->groups.end())
            return d.get();
    return nullptr;
}

std::vector<const domain*> type1::domains() const {
    std::vector<const domain*> all;
    for (const auto& d : domains_)
        all.push_back(d->iommu.get());
    return all;
}

const domain* type1::domain_of(const device& dev) const {
    const vfio_domain* const d = dev.in_group ? holder_of(*dev.in_group) : nullptr;
    return d ? d->iommu.get() : nullptr;
}

bool type1::fine_superpages(const device& dev) const {
    const vfio_domain* const d = dev.in_group ? holder_of(*dev.in_group) : nullptr;
    return d && d->fine_superpages;
}

result<std::unique_ptr<type1::vfio_domain>> type1::fresh_domain(group& g) {
    auto made = std::make_unique<vfio_domain>();
    made->iommu = make_domain(*g.devices().front());
    if (!made->iommu)
        return in().fail(row::no_domain, group_name(g));
    if (options().nesting)
        if (const result<void> r = core().enable_nesting(*made->iommu); !r)
            return r.error();
    return made;
}

void type1::leave(std::unique_ptr<vfio_domain> d, group& g) {
    core().detach_group(*d->iommu, g);
    core().retire(std::move(d->iommu));
}

result<iova_ranges> type1::check_addresses(const domain& d, const group& g) {
    const auto& ranges = valid_.ranges();
    const std::uint64_t first = d.aperture_first(), last = d.aperture_last();
    if (!ranges.empty()) {
        const std::uint64_t low = ranges.front().first, high = ranges.back().last;
        if (first > high || last < low || (first > low && anything_mapped(low, first - 1)) ||
            (last < high && anything_mapped(last + 1, high)))
            return in().fail(row::aperture_conflict, group_name(g));
    }
    const std::vector<reserved_region> reserved = core().reserved_regions(g);
    for (const reserved_region& region : reserved)
        if (region.type != region_type::direct_relaxable && region.bytes != 0 &&
            anything_mapped(region.start, region.last()))
            return in().fail(row::reserved_conflict, group_name(g));
    iova_ranges addresses = valid_;
    addresses.restrict_to(first, last);
    if (!addresses.exclude(reserved))
        return in().fail(row::nothing_left, group_name(g));
    return addresses;
}

result<void> type1::check_interrupts(const group& g) {
    const auto& devices = g.devices();
    const bool apart =
        options().interrupts_isolated || std::all_of(devices.begin(), devices.end(), [&](const device* dev) {
            return core().capable(*dev, capability::interrupt_remapping);
        });
    if (!apart && !options().allow_unsafe_interrupts)
        return in().fail(row::unsafe_interrupts, group_name(g),
                         "no interrupt remapping: only with allow_unsafe_interrupts");
    return {};
}

// Two pages are mapped and one of them unmapped: when both go, the domain made one large page of them.
void type1::test_superpages(vfio_domain& d, const iova_ranges& valid) {
    const std::uint64_t page = std::uint64_t{1} << in().options().page_shift;
    const std::uint64_t memory = in().allocate("vfio.superpage_test.alloc", 2 * page, 2 * page, 0, memory_kind::cached);
    if (memory == 0)
        return;
    for (const iova_range& r : valid.ranges()) {
        const std::uint64_t start = (r.first + 2 * page - 1) & ~(2 * page - 1);
        if (start < r.first || start >= r.last || r.last - start < 2 * page)
            continue;
        if (sw::map(in(), *d.iommu, start, memory, 2 * page, {.read = true, .write = true, .cache = true})) {
            if (sw::unmap(in(), *d.iommu, start, page) == page)
                sw::unmap(in(), *d.iommu, start + page, page);
            else
                d.fine_superpages = true;
        }
        break;
    }
    in().machine().release(memory, 2 * page);
}

result<void> type1::prepare_msi(vfio_domain& d, const group& g) {
    const reserved_region* found = nullptr;
    const std::vector<reserved_region> regions = core().reserved_regions(g);
    for (const reserved_region& region : regions) {
        if (region.type == region_type::msi)
            return {}; // the hardware's own goes before one that software manages
        if (region.type == region_type::software_msi)
            found = &region;
    }
    if (!found)
        return {};
    if (in().injection().fires("vfio.msi_cookie.alloc"))
        return in().fail(row::msi_memory, group_name(g));
    d.iommu->dma_cookie = std::make_unique<msi_cookie>(found->start);
    return {};
}

} // namespace iommulab::sw::vfio
