// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace iommulab {

/// What is wrong with an input file, and where. what() reads `file:line:column: found X, expected Y`; the line and the
/// column, both counted from 1, are left out where they are 0 (unknown, or not meaningful).
class input_error : public std::runtime_error {
  public:
    input_error(std::string file, std::size_t line, std::size_t column, std::string found, std::string expected);

    const std::string& file() const { return file_; }
    std::size_t line() const { return line_; }
    std::size_t column() const { return column_; }
    const std::string& found() const { return found_; }
    const std::string& expected() const { return expected_; }

  private:
    std::string file_;
    std::size_t line_;
    std::size_t column_;
    std::string found_;
    std::string expected_;
};

/// `text` in single quotes, cut after 60 characters, with control characters shown as `?`: for input_error::found.
std::string quoted(const std::string& text);

} // namespace iommulab
