// SPDX-License-Identifier: Apache-2.0
// Every way in which the PAMU driver fails, and where it can be made to. Facts: drivers/iommu/fsl_pamu.c and
// fsl_pamu_domain.c of Linux 6.1, and the patch series for the columns after it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::fsl_pamu {

std::span<const failure_row> failures();
std::span<const injection_point> injection_points();

namespace row {
// attach
extern const failure_row &no_liodn, &liodn_range, &no_entry_to_disable, &no_entry_to_configure, &bad_operation_index,
    &no_entry_to_enable, &not_configured, &info_memory;
// probe of the PAMUs and of a device
extern const failure_row &no_interrupt, &table_memory, &device_without_group, &liodn_ignored;
// stashing, run time
extern const failure_row &no_stash_id, &no_entry_to_stash, &access_violation, &violation_beyond_table;
} // namespace row

} // namespace iommulab::sw::fsl_pamu
