// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/conformance/verdict.h"
#include "traces/recording.h"

#include <cstdint>
#include <functional>

namespace iommulab::conformance {

/// How a recording is replayed in motion. The recorded times are those of an emulator, so pacing is ours.
struct motion_options {
    machine_mode mode = machine_mode::at;
    /// Accesses under way per source. 32: assumption, the tags of a plain PCIe device (PCIe Base 2.2.6.2, 5-bit tags).
    unsigned outstanding_per_source = 32;
    /// A recorded access is cut into pieces of at most this size. 4096: PCIe's largest read request (PCIe
    /// Base 7.5.3.4).
    std::uint64_t largest_burst_bytes = 4096;
    /// Told from time to time how many rows of the trace are done, of how many.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// Replays a recording in motion, from reset: the rows of its DMA trace in their order, with the register accesses and
/// the commands at their place, and the tables kept in memory as the recording shows them. Checked for every access:
/// the response, the output address, page size and permissions (where the machine knows them), the data, the reads of a
/// walk (a walk with warm caches reads a tail of the recorded reads, one from cold all of them), and for a fault its
/// record. A translation that an invalidation should have taken away shows as a wrong output address. Accesses are
/// under way together up to the limit; those that fault are made alone. Throws input_error for damaged or incomplete
/// files.
case_result replay_motion(machine& target, recording_dialect& dialect, const traces::recording& record,
                          const motion_options& options);

} // namespace iommulab::conformance
