// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"

#include <memory>

namespace iommulab::conformance {

/// Recordings of AMD's IOMMU (publication 48882).
std::unique_ptr<recording_dialect> make_amd_vi_dialect();

} // namespace iommulab::conformance
