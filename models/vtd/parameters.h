// SPDX-License-Identifier: Apache-2.0
// The parameters of the VT-d model, and its presets.
#pragma once

#include "models/core/iommu_parameters.h"
#include "models/pagetables/vtd_second_stage_format.h"
#include "models/pagetables/x86_64_format.h"
#include "models/vtd/features.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace iommulab::vtd {

/// Paging-structure caches, by cache_level(): pointers from entries of level 5, 4, 3, 2 (PML5E, PML4E, PDPE, PDE).
inline constexpr unsigned paging_cache_levels = x86_64::most_levels - 1;

struct unit_parameters : iommu_parameters {
    unit_parameters();

    id_registers id;
    std::uint32_t host_address_bits = 0; ///< HAW; 0: as many as CAP.MGAW says, at most 52
    cache_parameters context_cache, pasid_cache;
    std::array<cache_parameters, paging_cache_levels> first_stage_cache, second_stage_cache;
    cache_parameters nested_cache;       ///< second-stage translations of first-stage entries and outputs
    std::uint32_t walk_step_cycles = 1;  ///< a walker's own work for each entry that it has read
    std::uint32_t descriptor_cycles = 4; ///< decoding and dispatch of one descriptor
    std::uint32_t fault_cycles = 4;      ///< filling one fault recording register
    bool doorbell = false;               ///< somebody takes messages to the interrupt address range
};

/// The declarations: the engine's, then the model's own.
std::span<const parameter<unit_parameters>> parameter_table();
/// qemu, qemu-39, qemu-caching-mode, qemu-scalable, qemu-first-stage, qemu-first-stage-no-1g, qemu-second-stage.
std::span<const preset> presets();
/// The parameters of a preset; throws parameter_error that lists the presets when there is no such name.
unit_parameters preset_parameters(std::string_view name);

} // namespace iommulab::vtd
