// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/amd_driver.h"

#include "models/amd_vi/spec/registers.h"
#include "sw/drivers/amd/failures.h"
#include "sw/drivers/amd/layout.h"
#include "sw/drivers/amd/provocations.h"

#include <algorithm>

namespace iommulab::sw::amd {

using namespace iommulab::amd_vi;

namespace {
constexpr driver_property properties[] = {
    {"iotlb", "0: firmware says that device TLBs are not served", 0, 1},
    {"last-device", "highest device id that firmware names; the first IOMMU's counts", 0, last_device_id},
    {"domain-ids", "shrinks how many domains there can be; the first IOMMU's counts", 1, last_domain_id},
    {"version-2", "1: version 2 tables for the DMA API (amd_iommu=pgtbl_v2); the first IOMMU's counts", 0, 1},
};
} // namespace

driver_description description() {
    return {"amd",
            "amd_vi",
            failures(),
            {},
            injection_points(),
            [](kernel& k) -> std::unique_ptr<iommu_driver> { return std::make_unique<amd_driver>(k); },
            properties,
            &provocations};
}

amd_device* amd_driver::record_of(const device& dev) {
    return dynamic_cast<amd_device*>(dev.driver_private.get());
}

result<instance*> amd_driver::probe_instance(const instance_firmware& firmware) {
    const std::uint64_t features = kernel_.machine().mmio_read(firmware.base + reg::ExtendedFeature.offset, 8);
    if (features == ~std::uint64_t{0})
        return kernel_.fail(row::all_ones, firmware.name, "the registers read as all ones");
    const bool guest_tables = extended_feature::GTSup.of(features) != 0;
    if (units_.empty()) {
        most_domain_ids_ = static_cast<std::uint32_t>(firmware.property("domain-ids", last_domain_id));
        if (firmware.property("version-2") != 0) {
            if (guest_tables && extended_feature::GIoSup.of(features))
                default_tables_ = amd_domain::tables::version_2;
            else
                kernel_.say(log_level::warning, firmware.name, "no version 2 tables for the DMA API: version 1");
        }
    }
    if (!devices_.there() &&
        !devices_.allocate(static_cast<std::uint32_t>(firmware.property("last-device", last_device_id)), firmware.node))
        return kernel_.fail(row::device_table_memory, firmware.name);
    if (guest_tables)
        most_guest_cr3_levels_ =
            std::min(most_guest_cr3_levels_, static_cast<unsigned>(extended_feature::GLXSup.of(features)));
    auto made = std::make_unique<amd_unit>(kernel_, *this, firmware, features, devices_);
    if (result<void> r = made->start(); !r)
        return r.error();
    units_.push_back(std::move(made));
    return units_.back().get();
}

std::unique_ptr<domain> amd_driver::allocate_domain(domain_type type) {
    using tables = amd_domain::tables;
    if (type == domain_type::blocked || kernel_.injection().fires("amd.domain.alloc"))
        return nullptr;
    const tables kind = type == domain_type::identity ? tables::none
                        : is_dma(type)                ? default_tables_
                                                      : tables::version_1;
    return amd_domain::make(kernel_, *this, type, kind);
}

result<void> amd_driver::probe_device(device& dev, instance& behind) {
    auto* const unit = dynamic_cast<amd_unit*>(&behind);
    if (!dev.spec() || dev.spec()->source_ids.empty() || !unit)
        return kernel_.fail(row::foreign_device, dev.name());
    if (record_of(dev))
        return {};
    const auto& ids = dev.spec()->source_ids;
    if (std::any_of(ids.begin(), ids.end(), [&](std::uint32_t id) { return id > devices_.last(); }))
        return kernel_.fail(row::device_id_range, dev.name());
    auto d = std::make_unique<amd_device>(dev, *unit);
    d->id = static_cast<std::uint16_t>(ids.front());
    if (dev.description().pci)
        for (const std::uint32_t id : ids)
            if (const auto alias = static_cast<std::uint16_t>(id); alias != d->id)
                d->aliases.push_back(alias);
    const device_description& what = dev.description();
    d->pasids_capable = what.pci && what.ats && what.pasid_bits != 0 && what.pri &&
                        unit->feature(extended_feature::GTSup) && unit->feature(extended_feature::PPRSup);
    for (const std::uint16_t alias : d->aliases)
        devices_.copy(d->id, alias);
    unit->commands().wait();
    dev.driver_private = std::move(d);
    return {};
}

void amd_driver::release_device(device& dev) {
    amd_device* const d = record_of(dev);
    if (!d)
        return;
    amd_domain::detach(*d);
    d->behind.commands().wait();
    dev.driver_private.reset();
}

bool amd_driver::capable(const device& dev, capability what) const {
    switch (what) {
    case capability::cache_coherency:
    case capability::enforce_cache_coherency:
    case capability::interrupt_remapping:
        return record_of(dev) != nullptr;
    case capability::no_execute:
        break;
    }
    return false;
}

std::vector<reserved_region> amd_driver::reserved_regions(const device&) const {
    return {{msi_first, msi_last - msi_first + 1, region_type::msi},
            {ht_first, ht_last - ht_first + 1, region_type::reserved}};
}

std::optional<domain_type> amd_driver::default_domain_type(const device& dev) const {
    const amd_device* const d = record_of(dev);
    return d && d->pasids_capable ? std::optional(domain_type::identity) : std::nullopt;
}

} // namespace iommulab::sw::amd
