// SPDX-License-Identifier: Apache-2.0
// Where the files lie that come with the program: scenarios, platforms, traces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iommulab::platforms {

/// The folder in which `path` (as it is in the source tree: "platforms/armv8-server.yaml") is found: the folder that
/// IOMMULAB_DATA names, share/iommulab beside the folder of the running program, or the source tree it was built from.
/// The whole path; empty when none of them has it.
std::string find_data(std::string_view path);

/// The files of a data folder and of the folders in it whose names end in `end`: their paths within it, sorted.
std::vector<std::string> data_files(std::string_view folder, std::string_view end);

/// For input_error::expected, of a name that is no file of a data folder: the nearest that is, else `otherwise`.
std::string expected_file(std::string_view folder, const std::string& wrong, const std::string& otherwise);

/// What `name` in a file means: an absolute path, or one relative to the folder of the file, but not the file itself;
/// else the same name in the
/// data folder `kind` ("platforms"). The path relative to the file when there is neither, for an error that names it.
std::string find_beside(const std::string& file, const std::string& name, std::string_view kind);

} // namespace iommulab::platforms
