// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/tegra_gart/failures.h"

namespace iommulab::sw::tegra_gart {
namespace {

using enum linux_errno;
using enum failure_class;
using enum failure_scope;
constexpr auto E = log_level::error, W = log_level::warning;

constexpr failure_row table[] = {
    {"G-1", "gart_iommu_attach_dev", "another domain is active: the GART has one table for all", incompatible, attach,
     changed({ebusy}, {emediumtype}, {einval}), "P5"},

    {"G-P1", "tegra_gart_probe", "firmware says nothing of the aperture", failure_class::device, probe,
     always(enxio, E)},
    {"G-P2", "tegra_gart_probe", "no memory for the driver's record", memory, probe, always(enomem)},
    {"G-P3", "tegra_gart_probe", "no memory to save the entries in", memory, probe, always(enomem)},
    {"G-P4", "gart_iommu_probe_device", "the device has no firmware spec", failure_class::device, probe,
     always(enodev)},

    {"G-M1", "gart_iommu_map", "outside of the aperture, or not one page of 4 KiB", other, map, always(einval)},
    {"G-M2", "__gart_iommu_map", "the entry is in use (asked only with gart_debug)", busy, map, always(einval, E)},
    {"G-M3", "__gart_iommu_unmap", "the entry is not valid (asked only with gart_debug); nothing is unmapped", other,
     map, swallowed(E)},
    {"G-R1", "gart_iommu_domain_free", "the domain is the active one", other, runtime, swallowed(W)},
    {"G-R2", "tegra20_mc_handle_irq", "an access that the memory controller refused", other, runtime, swallowed(E)},
};

constexpr injection_point points[] = {
    {"gart.probe.alloc", "memory for the driver's record", enomem},
    {"gart.saved_entries.alloc", "memory to save the entries in", enomem},
    {"gart.domain.alloc", "memory for a domain", enomem},
    {"gart.read_back.skip", "the register read that pushes posted writes is left out, as a driver without it would"},
};

} // namespace

std::span<const failure_row> failures() {
    return table;
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row& other_domain_active = table[0];
const failure_row &no_aperture = table[1], &no_memory = table[2], &no_saved_entries = table[3], &no_spec = table[4];
const failure_row &outside_window = table[5], &entry_in_use = table[6], &entry_invalid = table[7],
                  &freed_while_active = table[8], &memory_error = table[9];
} // namespace row

} // namespace iommulab::sw::tegra_gart
