// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/scenario/run.h"
#include "testbenches/scenario/story.h"

namespace iommulab::scenarios {

/// A story under each of its sets of rules, each in a process of its own. Throws std::runtime_error when the models or
/// the software could not carry it out.
run_result run_story(const story& s);

} // namespace iommulab::scenarios
