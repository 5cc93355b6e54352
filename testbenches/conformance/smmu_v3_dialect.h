// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"

#include <memory>

namespace iommulab::conformance {

/// Recordings of an Arm SMMUv3 (IHI 0070): registers, event records, stream table entries, commands.
std::unique_ptr<recording_dialect> make_smmu_v3_dialect();

} // namespace iommulab::conformance
