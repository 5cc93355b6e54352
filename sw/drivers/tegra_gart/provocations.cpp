// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/tegra_gart/provocations.h"

#include "sw/iommu/iommu_core.h"

#include <utility>

namespace iommulab::sw::tegra_gart {
namespace {

device_description at(const char* name, std::uint32_t client) {
    device_description d;
    d.name = name;
    d.spec = firmware_spec{provoking_unit_name(0), {client}};
    d.pci = false;
    return d;
}

/// Another device, on a domain of its own.
result<void> occupy(iommu_core& core, device&) {
    device& other = core.add_device(at("other", 2));
    auto active = core.allocate_domain(other);
    result<void> r = core.attach_device(*active, other);
    core.retire(std::move(active));
    return r;
}

} // namespace

std::span<const provocation> provocations() {
    static const std::vector<provocation> all{
        {.row = "G-1", .preset = "tegra20", .units = {{}}, .devices = {at("dev", 1)}, .before = occupy},
        {.row = "G-2", // such a device is in no group: only a direct call gets there
         .preset = "tegra20",
         .units = {{}},
         .devices = {at("dev", 1), {.name = "stranger"}},
         .direct = true},
    };
    return all;
}

} // namespace iommulab::sw::tegra_gart
