// SPDX-License-Identifier: Apache-2.0
// How VFIO itself fails (drivers/vfio/ of Linux 6.1). No rule set changes it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::vfio {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
extern const failure_row &not_coherent, &no_group, &addresses_invalid, &group_memory, &no_domain, &aperture_conflict,
    &reserved_conflict, &nothing_left, &unsafe_interrupts, &msi_memory;
extern const failure_row &map_without_rights, &map_unaligned, &map_overlaps, &map_too_many, &map_invalid_range,
    &map_memory, &map_locked, &unmap_unaligned, &unmap_splits, &addresses_unknown, &no_iommu;
} // namespace row

} // namespace iommulab::sw::vfio
