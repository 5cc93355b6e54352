// SPDX-License-Identifier: Apache-2.0
// Every way in which the VT-d driver fails, and where it can be made to. Facts: drivers/iommu/intel/ of Linux 6.1, and
// the patch series for the columns after it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::intel {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
// attach
extern const failure_row &rmrr_locked, &no_unit, &snoop_not_forced, &too_narrow, &domain_info, &no_domain_id,
    &domain_slot, &first_level_skip, &first_level_levels, &no_first_level, &no_supervisor, &no_five_levels,
    &no_second_level, &second_level_skip, &no_pasid_entry, &pasid_entry_present, &context_table, &context_skip,
    &context_present;
// attach, or probe of a device
extern const failure_row &pasid_table_no_pci, &pasid_table_there, &pasid_table_memory;
// probe of a device
extern const failure_row& foreign_device;
// boot, and probe of a unit
extern const failure_row &all_ones, &no_address_width, &no_stage, &root_memory, &queue_memory;
// map
extern const failure_row &map_too_wide, &map_no_permission, &map_page_size, &map_memory, &map_occupied, &unmap_too_wide;
} // namespace row

} // namespace iommulab::sw::intel
