// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/tegra_gart/failures.h"

namespace iommulab::sw::tegra_gart {
namespace {

using namespace failure_terms;

constexpr failure_table table({
    {"G-1", "gart_iommu_attach_dev", "another domain is active: the GART has one table for all", incompatible, attach,
     changed({ebusy}, {emediumtype}, {einval}), "P5"},
    {"G-2", "gart_iommu_attach_dev", "the device is not behind the GART; Linux asks from 6.7 on, and breaks before",
     failure_class::device, attach, always(einval)},

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
});

constexpr injection_point points[] = {
    {"gart.probe.alloc", "memory for the driver's record", enomem},
    {"gart.saved_entries.alloc", "memory to save the entries in", enomem},
    {"gart.domain.alloc", "memory for a domain", enomem},
    {"gart.read_back.skip", "the register read that pushes posted writes is left out, as a driver without it would"},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &other_domain_active = table["G-1"], &stranger = table["G-2"];
const failure_row &no_aperture = table["G-P1"], &no_memory = table["G-P2"], &no_saved_entries = table["G-P3"],
                  &no_spec = table["G-P4"];
const failure_row &outside_window = table["G-M1"], &entry_in_use = table["G-M2"], &entry_invalid = table["G-M3"],
                  &freed_while_active = table["G-R1"], &memory_error = table["G-R2"];
} // namespace row

} // namespace iommulab::sw::tegra_gart
