// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/map_history.h"
#include "testbenches/conformance/mapping_machine.h"
#include "testbenches/conformance/verdict.h"
#include "traces/recording.h"

#include <cstdint>
#include <functional>

namespace iommulab::conformance {

struct maps_options {
    bool accesses = true; ///< try mappings by DMA, not only by looking at what the tables say
    /// Told how many steps are done.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// Does through a driver what the recorded kernel did: attaches, maps and unmaps. At each snapshot in the trace the
/// leaf entries that the hardware finds (address, size, output, permissions) must be those of Linux's tables; at the
/// end of the trace every page that was ever mapped must be as its last event left it. Some mappings are used by the
/// device, and tried again when they are gone.
case_result replay_maps(mapping_machine& target, const traces::recording& record, const map_history& history,
                        const maps_options& options);

} // namespace iommulab::conformance
