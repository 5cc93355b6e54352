// SPDX-License-Identifier: Apache-2.0
// What comes with the program, by name.
#pragma once

#include <string>

namespace iommulab::cli {

/// The file of a scenario: a path, or the name of one that comes with the program, with or without its folder. Throws
/// input_error, with the nearest name, when there is none.
std::string find_scenario(const std::string& name);
/// A file or folder: a path, or the name of vectors or a recording that come with the program; else the path as it is.
std::string find_replayable(const std::string& name);

/// The scenarios or platforms that come with the program, each with the first line of its description.
std::string list_scenarios(bool json);
std::string list_platforms(bool json);

} // namespace iommulab::cli
