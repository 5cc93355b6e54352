// SPDX-License-Identifier: Apache-2.0
// Runs a scenario: one a process, since SystemC simulates once.
#pragma once

#include "testbenches/scenario/scenario.h"

#include <string>

namespace iommulab::scenarios {

struct run_options {
    std::string vcd;      ///< a file for waveforms; empty: none
    std::string timeline; ///< a file for the times of single accesses; empty: none
    bool quiet = false;   ///< no progress line
    unsigned columns = 100;
    bool unicode = true;
};

struct run_result {
    std::string json; ///< the same for the same scenario and seed, apart from the object "wall"
    std::string text; ///< for people
    bool met = true;  ///< all that was expected
};

/// Throws input_error for files that can't be written, and std::runtime_error for what a platform can't do.
run_result run(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
