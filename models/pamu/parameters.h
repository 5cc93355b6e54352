// SPDX-License-Identifier: Apache-2.0
// The parameters of the PAMU model.
#pragma once

#include "models/core/iommu_parameters.h"

#include <cstdint>
#include <span>
#include <string>

namespace iommulab::pamu {

struct pamu_parameters : iommu_parameters {
    pamu_parameters();

    cache_parameters primary_cache, secondary_cache, operation_cache;
    bool snoops = true;            ///< what software writes to tables takes cached entries away
    std::uint32_t MLIODN = 0xfff;  ///< PC2: the largest LIODN
    std::uint32_t MWCE = 7;        ///< PC3: 2^(MWCE + 1) subwindows at most
    bool bypassed_at_reset = true; ///< PAMUBYPENR
};

/// The declarations: the engine's, then the model's own.
std::span<const parameter<pamu_parameters>> parameter_table();
/// p4080.
std::span<const preset> presets();

} // namespace iommulab::pamu
