// SPDX-License-Identifier: Apache-2.0
// How IOMMUFD itself fails (drivers/iommu/iommufd/ of Linux 6.3; replace: 6.6). No rule set changes it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::iommufd {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
extern const failure_row &not_coherent, &no_group, &cannot_enforce_coherency, &reserved_conflict, &unsafe_interrupts,
    &msi_memory, &no_domain, &large_pages, &aperture_conflict, &alignment_conflict, &attached_already, &not_attached,
    &not_bound;
extern const failure_row &map_unaligned, &map_overflow, &map_reserved, &map_overlaps, &map_memory, &map_locked,
    &map_read_only, &unmap_splits, &unmap_nothing, &copy_nothing, &unmap_empty, &copy_empty;
} // namespace row

} // namespace iommulab::sw::iommufd
