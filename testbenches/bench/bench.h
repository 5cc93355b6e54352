// SPDX-License-Identifier: Apache-2.0
// Simulation speed, as ratios to raw TLM-2.0 baselines of the same process.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace iommulab::bench {

struct bench_options {
    bool json = false;
    bool list = false;             ///< names, instead of running
    std::vector<std::string> only; ///< as chosen() in traces/names.h; empty: all
    unsigned rounds = 9;           ///< samples of each case; the median counts
    double scale = 1.0;            ///< of the number of operations a sample
};

/// Host time differs by a factor of 1.8 from minute to minute on shared machines, so each sample of a case lies between
/// two samples of its baseline, and their ratio is what is reported. Needs a process that has no SystemC modules yet.
/// Text: a line a case. JSON: {"results":[{"name","baseline","ratio","ns"}]}. Throws std::invalid_argument if `only`
/// chooses nothing.
void run_bench(const bench_options& options, std::ostream& out);

} // namespace iommulab::bench
