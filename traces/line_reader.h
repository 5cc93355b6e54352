// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace iommulab::traces {

/// Reads a text file line by line, plain or compressed with gzip; which of the two, its first bytes tell. Nothing but
/// the current line is kept in memory.
class line_reader {
  public:
    /// Throws input_error when the file can not be opened.
    explicit line_reader(std::string path);
    ~line_reader();
    line_reader(line_reader&&) noexcept;
    line_reader& operator=(line_reader&&) noexcept;

    /// Puts the next line, without its end (LF or CR LF), into `text`; false at the end of the file. Throws input_error
    /// when compressed data is damaged or ends early (with the number of the line reached), and for a line beyond 64
    /// MiB.
    bool next(std::string& text);

    /// The number of the line that next() returned last, counted from 1.
    std::size_t line() const { return line_; }
    const std::string& path() const { return path_; }

  private:
    struct stream;
    std::string path_;
    std::size_t line_ = 0;
    std::unique_ptr<stream> stream_;
};

/// The whole file, decompressed. Errors as line_reader.
std::string read_text(const std::string& path);

/// `folder/name` or, when there is no such file, `folder/name.gz`; empty when there is neither.
std::string find_plain_or_gz(const std::string& folder, const std::string& name);

} // namespace iommulab::traces
