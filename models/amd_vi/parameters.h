// SPDX-License-Identifier: Apache-2.0
// The parameters of the AMD-Vi model, and its presets.
#pragma once

#include "models/amd_vi/features.h"
#include "models/core/iommu_parameters.h"
#include "models/pagetables/amd_v1_walk.h"
#include "models/pagetables/x86_64_format.h"

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace iommulab::amd_vi {

/// Levels of x86-64 tables above the last.
inline constexpr unsigned guest_cache_levels = x86_64::most_levels - 1;

struct amd_vi_parameters : iommu_parameters {
    amd_vi_parameters();

    std::uint64_t extended_feature = everything;
    cache_parameters device_table_cache;
    /// Page directory caches, as walk_cache_level() orders them: entries of level 6 first, of level 2 last.
    std::array<cache_parameters, amd_v1::walk_cache_levels> directory_cache;
    /// The same for guests' tables: entries of level 5 first, of level 2 last.
    std::array<cache_parameters, guest_cache_levels> guest_directory_cache;
    std::uint32_t command_cycles = 4; ///< decoding and dispatch of one command
    std::uint32_t event_cycles = 4;   ///< composing one log entry
};

/// The declarations: the engine's, then the model's own.
std::span<const parameter<amd_vi_parameters>> parameter_table();
/// epyc-7002, qemu.
std::span<const preset> presets();
/// The parameters of a preset; throws parameter_error that lists the presets when there is no such name.
amd_vi_parameters preset_parameters(std::string_view name);

} // namespace iommulab::amd_vi
