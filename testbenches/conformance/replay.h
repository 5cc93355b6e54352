// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/mapping_machine.h"
#include "testbenches/conformance/verdict.h"
#include "traces/recording.h"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace iommulab::conformance {

struct replay_options {
    machine_mode mode = machine_mode::at;
    bool verbose = false;          ///< a line for each row and step too
    std::vector<std::string> only; ///< cases, as chosen() in traces/names.h; empty: all
    std::string junit_file;        ///< outcomes as JUnit's XML too; empty: not
    /// The list of disputed vectors; empty: none. default_disputes() is the one of the source tree.
    std::string disputes_file;
    unsigned outstanding_per_source = 32;     ///< see motion_options
    std::uint64_t largest_burst_bytes = 4096; ///< see motion_options
    /// For the maps that a recording has a trace of; empty: those cases are left out.
    mapping_machine_factory mappings;
    /// Told of each case that is done.
    std::function<void(const std::string& case_name, const case_result& result)> finished;
    /// Told how far a long case is.
    std::function<void(const std::string& case_name, std::uint64_t done, std::uint64_t total)> progress;
};

/// `iommulab replay`: runs the vectors of vector files and the recordings of recordings' folders; a folder with such
/// files in it stands for all of them. Writes a line a case to `out` and closes with `N passed, N failed, N disputed`,
/// and how many were skipped, and how many rows of recordings are disputed, where there are any; errors go to `errors`.
/// All input is read, and all machines are made, before the first case runs. Returns the exit status: 0 done, 1 a case
/// failed, 2 bad input or use.
int run_replay(const std::vector<std::string>& paths, const replay_options& options, const machine_factory& factory,
               std::ostream& out, std::ostream& errors);

/// The machine that a recording needs. Throws input_error when its IOMMU can't be replayed.
machine_configuration recording_configuration(const traces::recording& record, machine_mode mode);

/// The file of disputed vectors in the source tree that this was built from; empty when it is not there any more.
std::string default_disputes();

} // namespace iommulab::conformance
