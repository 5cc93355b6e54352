// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/iommu_core.h"

#include "sw/iommu/core_failures.h"
#include "sw/iommu/mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

namespace iommulab::sw {

iommu_core::iommu_core(kernel& k, const core_options& options) : kernel_(k), options_(options) {
    if (options.default_domain == domain_type::blocked || options.default_domain == domain_type::unmanaged)
        throw std::invalid_argument("default domains are DMA, DMA-FQ or identity");
}

iommu_core::~iommu_core() {
    kernel_.power_off();
    groups_.clear(); // their domains need the drivers
    retired_.clear();
}

iommu_driver& iommu_core::add_driver(const driver_description& description) {
    check_table(description.failures);
    check_table(description.page_table_failures);
    kernel_.injection().declare(description.injection_points);
    drivers_.push_back(description.make(kernel_));
    return *drivers_.back();
}

result<instance*> iommu_core::add_instance(iommu_driver& driver, const instance_firmware& firmware) {
    if (find_instance(firmware.name))
        throw std::invalid_argument("there is an IOMMU \"" + firmware.name + "\" already");
    const result<instance*> r = driver.probe_instance(firmware);
    if (!r)
        return r;
    instances_.push_back(*r);
    for (const auto& dev : devices_)
        if (!dev->behind && dev->spec() && dev->spec()->instance == firmware.name)
            if (const result<void> probed = probe_behind(*dev, **r); !probed)
                probe_errors_.push_back({dev->name(), probed.error()});
    return r;
}

device& iommu_core::add_device(device_description description) {
    if (find_device(description.name))
        throw std::invalid_argument("there is a device \"" + description.name + "\" already");
    devices_.push_back(std::make_unique<device>(std::move(description)));
    device& dev = *devices_.back();
    if (dev.spec())
        if (instance* behind = find_instance(dev.spec()->instance))
            if (const result<void> r = probe_behind(dev, *behind); !r)
                probe_errors_.push_back({dev.name(), r.error()});
    return dev;
}

result<void> iommu_core::probe(device& dev) {
    if (dev.behind)
        return {};
    instance* const behind = dev.spec() ? find_instance(dev.spec()->instance) : nullptr;
    if (!behind)
        return kernel_.fail(core_row::probe_no_iommu, dev.name());
    return probe_behind(dev, *behind);
}

result<void> iommu_core::probe_behind(device& dev, instance& behind) {
    if (result<void> r = behind.driver().probe_device(dev, behind); !r)
        return r;
    dev.behind = &behind;
    group& g = group_for(dev);
    if (result<void> r = join_group(g, dev); !r) {
        leave_group(dev);
        behind.driver().release_device(dev);
        dev.behind = nullptr;
        return r;
    }
    result<void> r;
    {
        const std::lock_guard held(g.mutex);
        // A group without default domain works; its devices just have none.
        static_cast<void>(allocate_default_domain(g, dev, default_type_for(dev), false));
        if (g.default_ && !g.owner_)
            r = attach_one(*g.default_, dev);
        if (r)
            static_cast<void>(map_direct_regions(g, dev));
    }
    if (!r)
        release(dev);
    return r;
}

void iommu_core::release(device& dev) {
    if (!dev.behind)
        return;
    dev.behind->driver().release_device(dev);
    last_attached_.erase(&dev);
    leave_group(dev);
    dev.behind = nullptr;
}

void iommu_core::remove_device(device& dev) {
    release(dev);
    std::erase_if(devices_, [&](const auto& d) { return d.get() == &dev; });
}

group& iommu_core::group_for(const device& dev) {
    const std::string& isolation = dev.description().isolation;
    if (!isolation.empty())
        for (const auto& g : groups_)
            if (g->isolation() == isolation)
                return *g;
    groups_.push_back(std::make_unique<group>(kernel_.machine(), next_group_++, isolation));
    return *groups_.back();
}

result<void> iommu_core::join_group(group& g, device& dev) {
    dev.in_group = &g;
    const std::lock_guard held(g.mutex);
    g.devices_.push_back(&dev);
    if (g.current_)
        if (const result<void> r = attach_one(*g.current_, dev); !r)
            return kernel_.pass_on(
                core_row::add_to_group_failed, r.error().number, dev.name(),
                fmt::format("could not be added to IOMMU group {}: {}", g.number(), name_of(r.error().number)));
    kernel_.say(log_level::info, dev.name(), fmt::format("in IOMMU group {}", g.number()));
    return {};
}

void iommu_core::leave_group(device& dev) {
    group* const g = dev.in_group;
    if (!g)
        return;
    dev.in_group = nullptr;
    std::erase(g->devices_, &dev);
    if (g->devices_.empty())
        std::erase_if(groups_, [&](const auto& other) { return other.get() == g; });
}

domain_type iommu_core::default_type_for(const device& dev) const {
    if (dev.description().pci && dev.description().untrusted)
        return domain_type::dma;
    return dev.behind->driver().default_domain_type(dev).value_or(options_.default_domain);
}

result<void> iommu_core::allocate_default_domain(group& g, const device& dev, domain_type type, bool replace) {
    if (g.default_ && !replace)
        return {};
    if (options_.no_default_domains)
        return kernel_.fail(core_row::default_no_memory, dev.name());
    std::unique_ptr<domain> made = allocate_from(dev.behind->driver(), type);
    if (!made && type != domain_type::dma)
        if ((made = allocate_from(dev.behind->driver(), domain_type::dma)))
            kernel_.say(log_level::warning, fmt::format("group {}", g.number()),
                        fmt::format("no default domain of type {}: DMA instead", name_of(type)));
    if (!made)
        return kernel_.fail(core_row::default_no_memory, dev.name());
    g.default_ = std::move(made);
    if (!g.current_)
        g.current_ = g.default_.get();
    return {};
}

result<void> iommu_core::map_direct_regions(group& g, const device& dev) {
    domain* const d = g.default_.get();
    if (!d || !is_dma(d->type()))
        return {};
    const std::uint64_t page = d->smallest_page_bytes();
    for (const reserved_region& region : reserved_regions(dev)) {
        if ((region.type != region_type::direct && region.type != region_type::direct_relaxable) || page == 0)
            continue;
        const auto up = [&](std::uint64_t address) { return (address + page - 1) & ~(page - 1); };
        const std::uint64_t end = up(region.start + region.bytes);
        std::uint64_t from = up(region.start), bytes = 0;
        for (std::uint64_t at = from; at <= end; at += page) {
            if (at != end && iova_to_phys(*d, at) == 0) {
                bytes += page;
                continue;
            }
            if (bytes != 0)
                if (result<void> r = map(kernel_, *d, from, from, bytes, {.read = true, .write = true}); !r)
                    return r;
            from = at + page;
            bytes = 0;
        }
    }
    d->flush_iotlb_all();
    return {};
}

result<void> iommu_core::change_default_domain(device& dev, domain_type type) {
    group* const g = dev.in_group;
    if (!g)
        return kernel_.fail(core_row::attach_no_group, dev.name());
    std::unique_ptr<domain> old; // freed after the lock
    const std::lock_guard held(g->mutex);
    if (g->default_.get() != g->current_)
        return kernel_.fail(core_row::default_busy, dev.name(), "its group is not on the default domain");
    if (g->devices_.size() != 1)
        return kernel_.fail(core_row::default_not_alone, dev.name(),
                            "the default domain of a group of several devices cannot be changed");
    if (!g->default_)
        return kernel_.fail(core_row::default_none, dev.name());
    const auto needed = dev.behind->driver().default_domain_type(dev);
    if (needed && *needed != type)
        return kernel_.fail(core_row::default_needs_other, dev.name(),
                            fmt::format("cannot be on a domain of type {}", name_of(type)));
    if (g->default_->type() == type)
        return {};
    if (type == domain_type::dma_fq && g->default_->type() == domain_type::dma) {
        g->default_->set_type(type);
        return {};
    }
    old = std::move(g->default_);
    result<void> r = allocate_default_domain(*g, dev, type, true);
    if (r)
        r = map_direct_regions(*g, dev);
    if (r)
        r = attach_one(*g->default_, dev);
    if (!r) {
        g->default_ = std::move(old);
        return r;
    }
    g->current_ = g->default_.get();
    return {};
}

device* iommu_core::find_device(std::string_view name) const {
    for (const auto& dev : devices_)
        if (dev->name() == name)
            return dev.get();
    return nullptr;
}

instance* iommu_core::find_instance(std::string_view name) const {
    for (instance* i : instances_)
        if (i->name() == name)
            return i;
    return nullptr;
}

group* iommu_core::find_group(unsigned number) const {
    for (const auto& g : groups_)
        if (g->number() == number)
            return g.get();
    return nullptr;
}

bool iommu_core::capable(const device& dev, capability what) const {
    return dev.behind && dev.behind->driver().capable(dev, what);
}

std::vector<reserved_region> iommu_core::reserved_regions(const device& dev) const {
    if (!dev.behind)
        return {};
    std::vector<reserved_region> regions = dev.behind->driver().reserved_regions(dev);
    regions.insert(regions.end(), dev.description().regions.begin(), dev.description().regions.end());
    return regions;
}

std::vector<reserved_region> iommu_core::reserved_regions(const group& g) const {
    std::vector<reserved_region> all;
    for (const device* dev : g.devices_) {
        const auto regions = reserved_regions(*dev);
        all.insert(all.end(), regions.begin(), regions.end());
    }
    std::stable_sort(all.begin(), all.end(), [](const reserved_region& a, const reserved_region& b) {
        return a.type != b.type ? a.type < b.type : a.start < b.start;
    });
    std::vector<reserved_region> merged;
    for (const reserved_region& region : all) {
        if (!merged.empty() && merged.back().type == region.type && region.start <= merged.back().last() + 1)
            merged.back().bytes = std::max(merged.back().last(), region.last()) - merged.back().start + 1;
        else
            merged.push_back(region);
    }
    std::stable_sort(merged.begin(), merged.end(),
                     [](const reserved_region& a, const reserved_region& b) { return a.start < b.start; });
    return merged;
}

result<void> iommu_core::enable_feature(device& dev, device_feature feature) {
    if (!dev.behind)
        return kernel_.fail(core_row::probe_no_iommu, dev.name());
    if (!dev.behind->driver().offers_features())
        return kernel_.fail(core_row::feature_no_op, dev.name());
    return dev.behind->driver().enable_feature(dev, feature);
}

result<void> iommu_core::disable_feature(device& dev, device_feature feature) {
    if (!dev.behind)
        return kernel_.fail(core_row::probe_no_iommu, dev.name());
    if (!dev.behind->driver().offers_features())
        return kernel_.fail(core_row::feature_no_op, dev.name());
    return dev.behind->driver().disable_feature(dev, feature);
}

std::unique_ptr<domain> iommu_core::allocate_from(iommu_driver& driver, domain_type type) {
    std::unique_ptr<domain> d = driver.allocate_domain(type);
    if (d)
        d->number_ = ++domains_made_;
    return d;
}

std::unique_ptr<domain> iommu_core::allocate_domain(const device& dev, domain_type type) {
    return dev.behind ? allocate_from(dev.behind->driver(), type) : nullptr;
}

bool iommu_core::in_use(const domain& d) const {
    return std::any_of(groups_.begin(), groups_.end(), [&](const auto& g) { return g->current_ == &d; }) ||
           std::any_of(last_attached_.begin(), last_attached_.end(), [&](const auto& l) { return l.second == &d; });
}

void iommu_core::retire(std::unique_ptr<domain> d) {
    if (d && in_use(*d))
        retired_.push_back(std::move(d));
    std::erase_if(retired_, [&](const auto& r) { return !in_use(*r); });
}

result<void> iommu_core::enable_nesting(domain& d) {
    if (d.type() != domain_type::unmanaged)
        return kernel_.fail(core_row::nesting_not_unmanaged, fmt::format("domain {}", d.number()));
    if (!d.offers_nesting())
        return kernel_.fail(core_row::nesting_no_op, fmt::format("domain {}", d.number()));
    return d.enable_nesting();
}

} // namespace iommulab::sw
