// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/scenario/run.h"

namespace iommulab::scenarios {

/// A scenario with masters of its own: firmware sets the IOMMUs up, then the masters start.
run_result run_traffic(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
