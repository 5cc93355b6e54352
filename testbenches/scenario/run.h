// SPDX-License-Identifier: Apache-2.0
// Runs a scenario: one a process, since SystemC simulates once.
#pragma once

#include "testbenches/process/whole_file.h"
#include "testbenches/scenario/scenario.h"

#include <string>
#include <vector>

namespace iommulab::scenarios {

struct run_options {
    std::string vcd;      ///< a file for waveforms; empty: none
    std::string timeline; ///< a file for the times of single accesses; empty: none
    bool quiet = false;   ///< no progress line
    /// The firmware or the drivers set up the hardware, and nothing more is done: what they refuse is thrown.
    bool only_set_up = false;
    unsigned columns = 100;
    bool unicode = true;
};

struct run_result {
    std::string json;                       ///< the same for the same scenario and seed, apart from the object "wall"
    std::string text;                       ///< for people
    bool met = true;                        ///< all that was expected
    std::vector<process::whole_file> files; ///< waveforms, timeline: written, and to be kept by the caller
};

/// Throws input_error for what the hardware or its software refuses, and for files that can't be written. When the
/// process is interrupted, what there is by then.
run_result run(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
