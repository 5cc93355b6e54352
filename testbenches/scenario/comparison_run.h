// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/scenario/run.h"

namespace iommulab::scenarios {

/// Does the work of `s.compared` on each of its machines, each in a process of its own.
run_result run_comparison(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
