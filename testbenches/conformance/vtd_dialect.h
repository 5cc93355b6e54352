// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"

#include <memory>

namespace iommulab::conformance {

/// How recordings of Intel VT-d are replayed.
std::unique_ptr<recording_dialect> make_vtd_dialect();

} // namespace iommulab::conformance
