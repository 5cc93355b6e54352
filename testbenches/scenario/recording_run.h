// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/scenario/run.h"

namespace iommulab::scenarios {

/// A scenario with a recording: replayed in motion on the scenario's platform, every translation checked.
run_result run_recording(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
