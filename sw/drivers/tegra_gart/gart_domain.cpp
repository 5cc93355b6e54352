// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/tegra_gart/gart_domain.h"

#include "models/gart/spec/registers.h"
#include "sw/drivers/tegra_gart/failures.h"
#include "sw/drivers/tegra_gart/gart_driver.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw::tegra_gart {

using namespace iommulab::gart;

gart_domain::gart_domain(kernel& k, iommu_driver& driver, gart& unit)
    : domain(driver, domain_type::unmanaged), kernel_(k), unit_(unit) {
    set_page_sizes(page_bytes);
    set_aperture(unit.first(), unit.end() - 1, true);
}

gart_domain::~gart_domain() {
    if (unit_.active == this && kernel_.powered())
        kernel_.note(row::freed_while_active, fmt::format("domain {}", number()), "freed while it is the active one");
    if (unit_.active == this)
        unit_.active = nullptr; // in Linux it would dangle
}

result<void> gart_domain::attach_dev(device& dev) {
    client* const c = gart_driver::record_of(dev);
    if (!c)
        return kernel_.fail(row::stranger, dev.name());
    const std::lock_guard held(unit_.domain_lock);
    if (unit_.active && unit_.active != this)
        return kernel_.fail(row::other_domain_active, dev.name());
    if (c->attached != this) {
        c->attached = this;
        unit_.active = this;
        ++unit_.active_devices;
    }
    return {};
}

void gart_domain::detach_dev(device& dev) {
    client* const c = gart_driver::record_of(dev);
    const std::lock_guard held(unit_.domain_lock);
    if (!c || c->attached != this)
        return;
    c->attached = nullptr;
    if (--unit_.active_devices == 0)
        unit_.active = nullptr; // the entries stay
}

map_result gart_domain::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t size, std::uint64_t count,
                                  const protection&) {
    map_result done;
    for (; count != 0; --count, iova += size, address += size) {
        if (!unit_.covers(iova, size)) {
            done.status = kernel_.fail(row::outside_window, unit_.name());
            return done;
        }
        const std::lock_guard held(unit_.entry_lock);
        if (unit_.debugs() && entry_data::PHYS_ADDR_VALID.of(unit_.read_entry(iova))) {
            done.status =
                kernel_.fail(row::entry_in_use, unit_.name(), fmt::format("the entry of {:#x} is in use", iova));
            return done;
        }
        unit_.write_entry(iova, static_cast<std::uint32_t>(entry_data::PHYS_ADDR_VALID.make(1) | address));
        done.mapped_bytes += size;
    }
    return done;
}

std::uint64_t gart_domain::unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count, iotlb_gather&) {
    std::uint64_t done = 0;
    for (; count != 0; --count, iova += size) {
        if (!unit_.covers(iova, size))
            return done;
        const std::lock_guard held(unit_.entry_lock);
        if (unit_.debugs() && !entry_data::PHYS_ADDR_VALID.of(unit_.read_entry(iova))) {
            kernel_.note(row::entry_invalid, unit_.name(), fmt::format("the entry of {:#x} is not valid", iova));
            return done;
        }
        unit_.write_entry(iova, 0);
        done += size;
    }
    return done;
}

void gart_domain::iotlb_sync(iotlb_gather&) {
    unit_.read_back();
}

void gart_domain::iotlb_sync_map(std::uint64_t, std::uint64_t) {
    unit_.read_back();
}

std::uint64_t gart_domain::iova_to_phys(std::uint64_t iova) {
    if (!unit_.covers(iova & ~(page_bytes - 1), page_bytes))
        return static_cast<std::uint32_t>(-static_cast<int>(linux_errno::einval)); // physical addresses have 32 bits
    const std::lock_guard held(unit_.entry_lock);
    const std::uint64_t entry = unit_.read_entry(iova);
    return entry_data::PHYS_ADDR.of(entry);
}

} // namespace iommulab::sw::tegra_gart
