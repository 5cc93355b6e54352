// SPDX-License-Identifier: Apache-2.0
// Every way in which the SMMUv3 driver fails, and where it can be made to. Facts: drivers/iommu/arm/arm-smmu-v3/ of
// Linux 6.1, and the patch series for the columns after it.
#pragma once

#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

namespace iommulab::sw::arm_smmu_v3 {

std::span<const failure_row> failures();
/// Its own, and those of the tables that it uses.
std::span<const injection_point> injection_points();

namespace row {
// attach
extern const failure_row &no_spec, &sva_enabled, &foreign_smmu, &ssid_bits_differ, &stall_differs, &impossible_stage,
    &no_page_table, &no_asid, &asid_node, &cd_l1_descriptors, &cd_table, &cd_leaf, &cd_ssid_range, &no_vmid,
    &sync_timeout, &ats_refused;
// probe of an SMMU
extern const failure_row &endianness, &no_translation, &no_aarch64, &embedded, &small_queue, &queue_memory,
    &stream_table_memory, &no_acknowledge, &small_region, &interrupts_off;
// probe of a device
extern const failure_row &foreign_device, &stream_range, &l2_stream_table_memory, &stream_taken;
// map, features
extern const failure_row &map_unattached, &nesting_late, &feature_unknown, &feature_unsupported, &feature_twice,
    &feature_not_on, &feature_in_use;
// run time
extern const failure_row& queue_full_timeout;
} // namespace row

} // namespace iommulab::sw::arm_smmu_v3
