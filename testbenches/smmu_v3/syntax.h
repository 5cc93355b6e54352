// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/configuration_phases.h"

namespace iommulab::conformance::smmu_v3 {

/// Commands (IHI 0070, chapter 4), walks and faults of recordings of an SMMUv3.
class syntax final : public recording_syntax {
  public:
    command_effect decode(const traces::command_row& row) const override;
    std::size_t configuration_reads(const std::vector<traces::table_read>& reads) const override;
    bool refused_by_configuration(const traces::dma_row& row) const override;
};

} // namespace iommulab::conformance::smmu_v3
