// SPDX-License-Identifier: Apache-2.0
// Simulation speed, as ratios to raw TLM-2.0 baselines of the same process.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace iommulab::bench {

struct bench_options {
    bool json = false;
    std::string only;    ///< the case of this name; if there is none, those whose name contains it
    unsigned rounds = 9; ///< samples of each case; the median counts
    double scale = 1.0;  ///< of the number of operations a sample
};

/// Host time differs by a factor of 1.8 from minute to minute on shared machines, so each sample of a case lies between
/// two samples of its baseline, and their ratio is what is reported. Needs a process that has no SystemC modules yet.
/// Text: a line a case. JSON: {"results":[{"name","baseline","ratio","ns"}]}. False if `only` matches nothing.
bool run_bench(const bench_options& options, std::ostream& out);

} // namespace iommulab::bench
