// SPDX-License-Identifier: Apache-2.0
// Every way in which the AMD-Vi driver fails, and where it can be made to. Facts: drivers/iommu/amd/ of Linux 6.1, and
// the patch series for the columns after it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::amd {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
// attach
extern const failure_row &not_covered, &no_iommu, &still_attached, &default_not_identity, &pri_refused, &ats_refused,
    &completion_timeout;
// probe
extern const failure_row &all_ones, &log_memory, &device_table_memory, &foreign_device, &device_id_range;
// map, features, run time
extern const failure_row &map_no_table, &map_no_permission, &map_page_size, &map_memory, &pasids_in_use,
    &pasids_too_many, &pasids_memory, &command_buffer_full, &no_device_data;
} // namespace row

} // namespace iommulab::sw::amd
