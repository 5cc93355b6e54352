// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/intel_driver.h"

#include "models/vtd/spec/registers.h"
#include "models/vtd/spec/structures.h"
#include "sw/drivers/intel/failures.h"
#include "sw/drivers/intel/intel_domain.h"
#include "sw/drivers/intel/layout.h"
#include "sw/drivers/intel/provocations.h"

#include <algorithm>
#include <string>
#include <utility>

namespace iommulab::sw::intel {

namespace {
constexpr driver_property properties[] = {
    {"scalable", "0: legacy mode, also where there is scalable mode (intel_iommu=sm_off)", 0, 1},
    {"queued-invalidation", "0: invalidation by registers", 0, 1},
    {"domain-ids", "shrinks what the capability register says; two of them are the driver's own", 2, 65536},
    {"interrupt-remapping", "0: interrupts of devices are not kept apart", 0, 1},
};

/// CAP and ECAP.
std::pair<std::uint64_t, std::uint64_t> capabilities(cpu& machine, const instance_firmware& firmware) {
    const std::uint64_t cap = machine.mmio_read(firmware.base + vtd::reg::CAP.offset, 8);
    return {cap, machine.mmio_read(firmware.base + vtd::reg::ECAP.offset, 8)};
}
} // namespace

driver_description description() {
    return {"intel",
            "vtd",
            failures(),
            {},
            injection_points(),
            [](kernel& k) -> std::unique_ptr<iommu_driver> { return std::make_unique<intel_driver>(k); },
            properties,
            &provocations};
}

dmar_device* intel_driver::record_of(const device& dev) {
    return dynamic_cast<dmar_device*>(dev.driver_private.get());
}

result<void> intel_driver::audit(std::span<const instance_firmware> units) {
    bool scalable = true, first_level = true, second_level = true;
    for (const instance_firmware& u : units) {
        const auto [cap, ecap] = capabilities(kernel_.machine(), u);
        const unit_features f = read_features(cap, ecap, u);
        scalable = scalable && f.wide_descriptors;
        first_level = first_level && f.first_level;
        second_level = second_level && f.second_level;
    }
    if (scalable && !first_level && !second_level)
        return kernel_.fail(row::no_stage, name());
    return {};
}

result<instance*> intel_driver::probe_instance(const instance_firmware& firmware) {
    const auto [cap, ecap] = capabilities(kernel_.machine(), firmware);
    if (cap == ~std::uint64_t{0} && ecap == ~std::uint64_t{0})
        return kernel_.fail(row::all_ones, firmware.name, "the registers read as all ones");
    const unit_features f = read_features(cap, ecap, firmware);
    if (f.agaw < 0)
        return kernel_.fail(row::no_address_width, firmware.name, "no address width that can be used");
    auto made = std::make_unique<dmar_unit>(kernel_, *this, firmware, f);
    if (result<void> r = made->start(); !r)
        return r.error();
    all_scalable_ = all_scalable_ && f.scalable;
    all_first_level_ = all_first_level_ && f.first_level;
    all_second_level_ = all_second_level_ && f.second_level;
    pass_through_ = pass_through_ && f.pass_through;
    if (f.pasid)
        pasid_bits_ = std::min(pasid_bits_, f.pasid_bits);
    units_.push_back(std::move(made));
    return units_.back().get();
}

bool intel_driver::first_level_by_default(domain_type type) const {
    if (units_.empty() || !all_scalable_)
        return false;
    if (all_first_level_ != all_second_level_)
        return all_first_level_;
    return type != domain_type::unmanaged;
}

std::uint64_t intel_driver::superpages(bool first_level) const {
    std::uint64_t sizes = 1 << 21 | 1 << 30;
    for (const auto& u : units_)
        sizes &= first_level ? 1 << 21 | (u->has().first_level_1g ? 1 << 30 : 0) : u->has().second_level_sizes;
    return (sizes & 1 << 21) != 0 ? sizes : 0; // larger ones only beside the smaller
}

bool intel_driver::coherent_page_walk() const {
    return std::all_of(units_.begin(), units_.end(), [](const auto& u) { return u->has().coherent_page_walk; });
}

std::unique_ptr<domain> intel_driver::allocate_domain(domain_type type) {
    if (type == domain_type::blocked && kernel_.version() >= kernel_version::v6_2)
        return std::make_unique<blocking_domain>(*this);
    if (type == domain_type::blocked || (type == domain_type::identity && !pass_through_))
        return nullptr;
    if (kernel_.injection().fires("intel.domain.alloc")) {
        kernel_.say(log_level::error, name(), "no memory for a domain");
        return nullptr;
    }
    auto made = std::make_unique<intel_domain>(kernel_, *this, type, first_level_by_default(type));
    if (!made->complete()) {
        kernel_.say(log_level::error, name(), "no memory for the root table of a domain");
        return nullptr;
    }
    return made;
}

result<void> intel_driver::allocate_pasids(dmar_device& d) {
    constexpr const char* failed = "the PASID table could not be allocated";
    const device& dev = d.dev;
    if (!dev.description().pci)
        return kernel_.fail(row::pasid_table_no_pci, dev.name(),
                            std::string("a PASID table for what is no PCI device\n") + failed);
    if (d.pasids)
        return kernel_.fail(row::pasid_table_there, dev.name(), std::string("a second PASID table\n") + failed);
    const unsigned bits = d.pasid_supported ? std::min(dev.description().pasid_bits, pasid_bits_) : 0;
    d.pasids = pasid_tables::make(kernel_, d.behind.firmware(), d.behind.has(), bits == 0 ? 0 : 1U << bits);
    if (!d.pasids)
        return kernel_.fail(row::pasid_table_memory, dev.name(), failed);
    return {};
}

void intel_driver::warn_once(const std::string& device, const char* what) {
    if (!warned_)
        kernel_.say(log_level::warning, device, what);
    warned_ = true;
}

result<void> intel_driver::probe_device(device& dev, instance& behind) {
    auto* const unit = dynamic_cast<dmar_unit*>(&behind);
    if (!dev.spec() || dev.spec()->source_ids.empty() || !unit)
        return kernel_.fail(row::foreign_device, dev.name());
    const unit_features& f = unit->has();
    dmar_device* d = record_of(dev);
    const bool again = d != nullptr; // probed twice: the second PASID table is refused
    auto fresh = again ? nullptr : std::make_unique<dmar_device>(dev, *unit);
    if (!again) {
        d = fresh.get();
        for (const std::uint32_t id : dev.spec()->source_ids)
            if (d->rids.empty() || dev.description().pci)
                d->rids.push_back(static_cast<std::uint16_t>(id));
        if (dev.description().pci) {
            d->ats_supported = f.device_tlb && dev.description().ats && dev.spec()->root_complex_ats;
            d->pasid_supported = f.pasid && dev.description().pasid_bits != 0;
            d->page_requests_supported =
                f.scalable && d->ats_supported && f.page_requests && f.page_request_drain && dev.description().pri;
        }
    }
    if (f.scalable && kernel_.version() >= kernel_version::v6_1)
        if (result<void> r = allocate_pasids(*d); !r)
            return r;
    if (!again)
        dev.driver_private = std::move(fresh);
    return {};
}

void intel_driver::release_device(device& dev) {
    if (dmar_device* const d = record_of(dev)) {
        intel_domain::remove(*d);
        dev.driver_private.reset();
    }
}

bool intel_driver::capable(const device& dev, capability what) const {
    const dmar_device* const d = record_of(dev);
    if (!d)
        return false;
    switch (what) {
    case capability::cache_coherency:
        return true;
    case capability::enforce_cache_coherency:
        return d->behind.has().snoop_control;
    case capability::interrupt_remapping:
        return d->behind.firmware().property("interrupt-remapping", 1) != 0;
    case capability::no_execute:
        break;
    }
    return false;
}

std::vector<reserved_region> intel_driver::reserved_regions(const device&) const {
    return {{vtd::interrupt_range_first, vtd::interrupt_range_last - vtd::interrupt_range_first + 1, region_type::msi}};
}

} // namespace iommulab::sw::intel
