// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"

#include <memory>

namespace iommulab::conformance {

/// Rebuilds, while a recording of Intel VT-d is replayed, what its software had in memory at each moment: context and
/// PASID table entries and domain ids from the snapshots, the rest from walks, accesses and descriptors (table_motion).
/// Throws input_error when the recording lacks what is needed.
std::unique_ptr<motion_driver> make_vtd_motion(const traces::recording& record, motion_context& context);

} // namespace iommulab::conformance
