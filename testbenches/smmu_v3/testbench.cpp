// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/testbench.h"

#include "testbenches/iommu_testbench.h"

namespace iommulab {

namespace {

software::machine_kind kind(const char* name, const char* preset) {
    return {.name = name,
            .model = "smmu_v3",
            .preset = preset,
            .spans = false,
            .fault_text = "F_TRANSLATION StreamID=0x20"};
}

/// IHI 0070, 6.3.30 SMMU_EVENTQ_BASE, 6.3.31 SMMU_EVENTQ_PROD, 6.3.32 SMMU_EVENTQ_CONS; both in page 0 and in page 1.
constexpr conformance::event_queue_layout event_queue{
    .base_register = 0xa0,
    .base_address_mask = 0x000fffffffffffe0,
    .size_log2_shift = 0,
    .size_log2_mask = 0x1f,
    .producer_registers = {0xa8, 0x100a8},
    .consumer_registers = {0xac, 0x100ac},
    .record_bytes = 32,
    .index_unit = 1,
    .wrap_bit = true,
};

} // namespace

const iommu_testbench& smmu_v3_testbench() {
    static const iommu_testbench all{
        .model = "smmu_v3",
        .make_firmware = firmware::make_smmu_v3_firmware,
        .read_faults = firmware::read_smmu_v3_faults,
        .make_dialect = conformance::make_smmu_v3_dialect,
        .event_queue = event_queue,
        .contestant = bench::contestant{"SMMUv3", "", "4 levels over 3 of stage 2", bench::make_smmu_v3_world},
        .machine_kinds = {kind("smmu_v3", "mmu-600"), kind("smmu_v3_range_invalidation", "mmu-700"),
                          kind("smmu_v3_recorded", "qemu")},
        .core_stage = errno_matrix::core_stage{.driver = "arm-smmu-v3",
                                               .preset = "qemu",
                                               .domain_memory = "smmu_v3.domain.alloc",
                                               .refuses_all = "S3-2"},
    };
    return all;
}

} // namespace iommulab
