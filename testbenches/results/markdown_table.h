// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace iommulab::results {

/// A table of Markdown; the first row is its header.
std::string markdown_table(const std::vector<std::vector<std::string>>& rows);

} // namespace iommulab::results
