// SPDX-License-Identifier: Apache-2.0
// The parameters of the GART model.
#pragma once

#include "models/core/iommu_parameters.h"

#include <cstdint>
#include <span>
#include <string>

namespace iommulab::gart {

/// How an access ends that the memory controller refuses.
enum class refusal : std::uint8_t {
    abort, ///< the client gets an error response
    ignore ///< reads return zero, writes vanish
};

struct gart_parameters : iommu_parameters {
    gart_parameters();

    std::uint32_t aperture_base = 0x5800'0000;
    std::uint32_t entries = 8192;
    std::uint32_t entry_latency_cycles = 2;
    std::uint32_t entry_initiation_cycles = 1;
    refusal refused = refusal::abort;
};

/// The declarations: the engine's, then the model's own.
std::span<const parameter<gart_parameters>> parameter_table();
/// tegra20.
std::span<const preset> presets();
/// Why there can be no such GART; empty: there can.
std::string complaint_about(const gart_parameters& p);

} // namespace iommulab::gart
