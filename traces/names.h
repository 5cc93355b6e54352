// SPDX-License-Identifier: Apache-2.0
// Names that people type: what a wrong one may have been meant for, and which of many they choose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// The name that `wrong` is nearest to, or the only one that it is a part of; empty: none.
std::string nearest(std::string_view wrong, const std::vector<std::string>& names);

/// For input_error::expected: the nearest name, and the others when they are few; without a near one, all.
std::string one_of(std::string_view wrong, const std::vector<std::string>& names);

/// Which of `names` are wanted: all if nothing is; else those that are called so or, where none is, those that contain
/// it. A name with a slash may be called by what is after it. Throws std::invalid_argument, with the nearest, for one
/// that chooses nothing; `option` is where it was said.
std::vector<bool> chosen(const std::vector<std::string>& names, const std::vector<std::string>& wanted,
                         const std::string& option);

} // namespace iommulab
