// SPDX-License-Identifier: Apache-2.0
// Files that appear whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace iommulab::process {

/// A file that is written under another name in its folder, and gets its own when all of it is there; without keep()
/// what stood under its name stays as it was. What is no regular file (a terminal, a pipe, /dev/null) is written as it
/// is.
class whole_file {
  public:
    /// Throws input_error when there can be no such file.
    explicit whole_file(std::string path);
    whole_file(whole_file&& other) noexcept;
    whole_file& operator=(whole_file&&) = delete;
    ~whole_file();

    /// As the user named it.
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Where to write it; there already, and empty.
    [[nodiscard]] const std::string& scratch() const { return scratch_; }
    /// All has been written and closed: gives the file its name. Throws input_error.
    void keep();

  private:
    std::string path_, target_, scratch_; // target_: path_ behind symbolic links; scratch_ empty: kept, or moved from
};

/// Writes a text as a whole file. Throws input_error.
void write_whole(const std::string& path, std::string_view text);

} // namespace iommulab::process
