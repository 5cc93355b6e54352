// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"

#include <memory>

namespace iommulab::conformance {

/// Rebuilds, while a recording of AMD's IOMMU is replayed, what its software had in memory at each moment: device table
/// entries and DomainIDs from the snapshots, the rest from walks, accesses and commands (table_motion). Throws
/// input_error when the recording lacks what is needed.
std::unique_ptr<motion_driver> make_amd_vi_motion(const traces::recording& record, motion_context& context);

} // namespace iommulab::conformance
