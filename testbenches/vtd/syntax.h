// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/configuration_phases.h"

namespace iommulab::conformance::vtd {

/// Descriptors ("Queued Invalidation Interface"), walks and faults of recordings of Intel VT-d.
class syntax final : public recording_syntax {
  public:
    command_effect decode(const traces::command_row& row) const override;
    std::size_t configuration_reads(const std::vector<traces::table_read>& reads) const override;
    std::vector<traces::table_read> table_reads(const std::vector<traces::table_read>& reads) const override;
    bool refused_by_configuration(const traces::dma_row& row) const override;
};

} // namespace iommulab::conformance::vtd
