// SPDX-License-Identifier: Apache-2.0
// Every way in which the GART driver fails, and where it can be made to. Facts: drivers/iommu/tegra-gart.c of
// Linux 6.1, and the patch series for the columns after it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::tegra_gart {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
// attach
extern const failure_row &other_domain_active, &stranger;
// probe of the GART and of a device
extern const failure_row &no_aperture, &no_memory, &no_saved_entries, &no_spec;
// map, free, run time
extern const failure_row &outside_window, &entry_in_use, &entry_invalid, &freed_while_active, &memory_error;
} // namespace row

} // namespace iommulab::sw::tegra_gart
