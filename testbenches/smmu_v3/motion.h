// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"

#include <memory>

namespace iommulab::conformance {

/// Rebuilds, while a recording of an SMMUv3 is replayed, what its software had in memory at each moment. What the
/// recording shows of it: the snapshots have the stream table, context descriptors (so ASIDs) and formats; walks show
/// where each table stood; accesses show what each leaf entry said; commands show what was invalidated, and when. What
/// it does not show is taken to be as an operating system does it: an entry is cleared just before the invalidation
/// that covers it is issued, a table goes before an invalidation that is not of leaf entries only, and a stream table
/// entry changes just before the command that invalidates it. Throws input_error when the recording lacks what is
/// needed.
std::unique_ptr<motion_driver> make_smmu_v3_motion(const traces::recording& record, motion_context& context);

} // namespace iommulab::conformance
