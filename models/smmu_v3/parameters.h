// SPDX-License-Identifier: Apache-2.0
// The parameters of the SMMUv3 model, and its presets.
#pragma once

#include "models/core/iommu_parameters.h"
#include "models/smmu_v3/features.h"

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace iommulab::smmu_v3 {

struct smmu_parameters : iommu_parameters {
    smmu_parameters();

    id_registers id;
    cache_parameters configuration_cache;                                 ///< STE and CD together
    std::array<cache_parameters, 4> stage1_walk_cache, stage2_walk_cache; ///< by level; pointers to tables
    cache_parameters intermediate_cache; ///< stage 2 translations of intermediate addresses
    std::uint32_t command_cycles = 4;    ///< decoding and dispatch of one command
    std::uint32_t event_cycles = 4;      ///< composing one event record
};

/// The declarations: the engine's, then the model's own.
std::span<const parameter<smmu_parameters>> parameter_table();
/// mmu-500, mmu-600, mmu-700, qemu, qemu-s2, qemu-nested.
std::span<const preset> presets();
/// The parameters of a preset; throws parameter_error that lists the presets when there is no such name.
smmu_parameters preset_parameters(std::string_view name);

} // namespace iommulab::smmu_v3
