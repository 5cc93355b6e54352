// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/scenario/run.h"

namespace iommulab::scenarios {

/// Runs every point of `s.swept`, each in a process of its own, and lays what was measured beside what was published.
run_result run_sweep(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
