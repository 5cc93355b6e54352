// SPDX-License-Identifier: Apache-2.0
// How mapping fails in tables of the Arm VMSA (drivers/iommu/io-pgtable-arm.c of Linux 6.1), for the drivers that use
// them. No rule set changes it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::arm_lpae {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
extern const failure_row &page_size, &range, &no_permission, &exists, &no_memory, &unmap_page_size, &unmap_range,
    &unmap_hole;
} // namespace row

} // namespace iommulab::sw::arm_lpae
