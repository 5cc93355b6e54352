// SPDX-License-Identifier: Apache-2.0
// The point of the matrix in ten lines, from what was measured.
#pragma once

#include "testbenches/errno/errno_matrix.h"

#include <string>
#include <vector>

namespace iommulab::errno_matrix {

/// One line each, without an end of line.
std::vector<std::string> summary(const matrix& m);

} // namespace iommulab::errno_matrix
