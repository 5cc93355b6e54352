// SPDX-License-Identifier: Apache-2.0
// Masters behind one IOMMU that have the same source id and PASID are one to it: they share an address space.
#pragma once

#include "testbenches/scenario/scenario.h"

#include <string>
#include <vector>

namespace iommulab::scenarios {

[[nodiscard]] bool overlap(const firmware::mapping& a, const firmware::mapping& b);
/// "0x1000 to 0x1fff": the input addresses.
[[nodiscard]] std::string range_text(const firmware::mapping& m);

[[nodiscard]] bool same_space(const master_description& a, const master_description& b);

/// Gives each master the maps of all that share its space, and the kind of translation that one of them asks for.
/// Throws input_error where they contradict each other.
void share_spaces(std::vector<master_description>& masters);

} // namespace iommulab::scenarios
