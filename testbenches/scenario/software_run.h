// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/scenario/run.h"

namespace iommulab::scenarios {

/// A scenario with software in the loop: a kernel boots, its device drivers keep the devices' queues filled.
run_result run_software(const scenario& s, const run_options& options);

} // namespace iommulab::scenarios
