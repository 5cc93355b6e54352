// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/fsl_pamu/pamu_driver.h"

#include "models/pamu/spec/paace.h"
#include "sw/drivers/fsl_pamu/failures.h"
#include "sw/drivers/fsl_pamu/provocations.h"

#include <fmt/format.h>

namespace iommulab::sw::fsl_pamu {

using namespace iommulab::pamu;

namespace {

constexpr driver_property properties[] = {
    {"no-interrupt", "firmware lists no interrupt, and no table is made", 0, 1},
    {"cpus", "of the machine, each with a cache to stash into", 1, 64},
};

// U-Boot numbers them so in the device tree: two caches a CPU from 32 on, the first and the second; then the third.
constexpr std::uint32_t first_stash_id = 32, third_cache_stash_id = 1;

} // namespace

driver_description description() {
    return {
        "fsl-pamu",         "pamu",
        failures(),         {},
        injection_points(), [](kernel& k) -> std::unique_ptr<iommu_driver> { return std::make_unique<pamu_driver>(k); },
        properties,         &provocations};
}

/// The first PAMU brings the tables. Without them the IOMMU is registered all the same, and bypassed: Linux registers
/// it before it probes.
result<instance*> pamu_driver::probe_instance(const instance_firmware& firmware) {
    cpus_ = firmware.property("cpus", cpus_);
    auto made = std::make_unique<pamu>(kernel_, *this, firmware, tables_);
    if (firmware.property("no-interrupt") != 0)
        kernel_.note(row::no_interrupt, firmware.name, "no interrupts listed");
    else if (!tables_tried_ && !tables_.make())
        kernel_.note(row::table_memory, firmware.name, "no memory for the tables");
    tables_tried_ = true;
    if (tables_.exist())
        made->start();
    units_.push_back(std::move(made));
    return units_.back().get();
}

std::unique_ptr<domain> pamu_driver::allocate_domain(domain_type type) {
    if (type != domain_type::unmanaged || kernel_.injection().fires("pamu.domain.alloc"))
        return nullptr;
    return std::make_unique<pamu_domain>(kernel_, *this);
}

result<void> pamu_driver::probe_device(device& dev, instance&) {
    // a PCI device is in its controller's group, whatever the controller has
    if (!dev.description().pci && (!dev.spec() || dev.spec()->source_ids.empty()))
        return kernel_.fail(row::device_without_group, dev.name());
    open_liodns(dev);
    return {};
}

/// What Linux does for all nodes with LIODNs at once: nobody has attached them yet, and their DMA passes.
void pamu_driver::open_liodns(const device& dev) {
    if (!tables_.exist() || endpoint_of(dev).first)
        return;
    for (const std::uint32_t liodn : dev.spec()->source_ids) {
        if (liodn >= primary_entries) {
            kernel_.note(row::liodn_ignored, dev.name(), fmt::format("LIODN {:#x} is beyond the table", liodn));
            continue;
        }
        tables_.open(liodn);
        if (const auto operations = operations_of(dev)) {
            tables_.set(liodn, paace::OTM, paace::indexed);
            tables_.set(liodn, paace::OMI, static_cast<std::uint32_t>(*operations));
            tables_.set(liodn, paace::CID, third_cache_stash_id);
        }
        if (dev.property("qman") != 0 || dev.property("bman") != 0)
            tables_.set(liodn, paace::CR, 0); // their memory is private
        static_cast<void>(tables_.enable(liodn, dev.name()));
    }
}

void pamu_driver::release_device(device& dev) {
    if (endpoint& e = endpoint_of(dev); e.first)
        e.first->domain->detach_dev(dev);
}

bool pamu_driver::capable(const device&, capability what) const {
    return what == capability::cache_coherency;
}

endpoint& pamu_driver::endpoint_of(const device& dev) {
    std::string key = dev.name();
    if (dev.description().pci) {
        const auto& ids = dev.spec()->source_ids;
        key = fmt::format("pci{}", dev.property("pci-controller", ids.empty() ? 0 : ids.front()));
    }
    const auto [place, is_new] = endpoints_.try_emplace(key);
    if (is_new)
        place->second.name = key;
    return place->second;
}

std::optional<operation_index> pamu_driver::operations_of(const device& dev) {
    if (dev.property("qman-portal") != 0)
        return operation_index::qman_portal;
    if (dev.property("qman") != 0)
        return operation_index::qman;
    return std::nullopt;
}

std::optional<std::uint32_t> pamu_driver::first_cache_of(unsigned cpu) const {
    if (cpu >= cpus_)
        return std::nullopt;
    return first_stash_id + 2 * cpu;
}

} // namespace iommulab::sw::fsl_pamu
