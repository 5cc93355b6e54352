// SPDX-License-Identifier: Apache-2.0
// How the IOMMU core itself fails (drivers/iommu/iommu.c of Linux 6.1). No rule set changes it.
#pragma once

#include "sw/iommu/failure.h"

namespace iommulab::sw {

std::span<const failure_row> core_failures();

namespace core_row {
extern const failure_row &attach_no_op, &attach_no_group, &attach_not_alone, &attach_group_busy, &rollback_failed,
    &set_no_detach, &core_domain_failed, &detach_other_domain, &use_busy, &claim_owned, &claim_busy, &claim_no_blocking,
    &release_not_owned, &release_failed, &probe_no_iommu, &add_to_group_failed, &map_no_op, &map_not_paging,
    &map_unaligned, &unmap_unaligned, &default_busy, &default_not_alone, &default_none, &default_needs_other,
    &default_no_memory, &nesting_not_unmanaged, &nesting_no_op, &feature_no_op;
} // namespace core_row

} // namespace iommulab::sw
