// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace iommulab::traces {

/// What is kept in memory whole (a JSON or YAML text), decompressed. 64 MiB: two hundred times the largest known vector
/// file.
constexpr std::uint64_t largest_text_bytes = std::uint64_t{64} << 20;
/// What is read line by line, and kept in memory as rows: ten times the largest known.
constexpr std::uint64_t largest_table_bytes = std::uint64_t{256} << 20;
/// What is read line by line and forgotten: some ten million rows, an end for input that has none of its own.
constexpr std::uint64_t largest_stream_bytes = std::uint64_t{4} << 30;

/// Reads a text file line by line, plain or compressed with gzip; which of the two, its first bytes tell. Nothing but
/// the current line is kept in memory. A byte-order mark at the beginning is left out.
class line_reader {
  public:
    /// Throws input_error when the file can not be opened. Of a text longer than `largest_bytes` next() throws.
    explicit line_reader(std::string path, std::uint64_t largest_bytes = largest_stream_bytes);
    ~line_reader();
    line_reader(line_reader&&) noexcept;
    line_reader& operator=(line_reader&&) noexcept;

    /// Puts the next line, without its end (LF or CR LF), into `text`; false at the end of the file. Throws input_error
    /// when the file can not be read, when compressed data is damaged or ends early (with the number of the line
    /// reached), and for a line beyond 64 MiB.
    bool next(std::string& text);

    /// The number of the line that next() returned last, counted from 1.
    std::size_t line() const { return line_; }
    const std::string& path() const { return path_; }

  private:
    struct stream;
    std::string path_;
    std::uint64_t largest_bytes_;
    std::uint64_t bytes_ = 0;
    std::size_t line_ = 0;
    std::unique_ptr<stream> stream_;
};

/// The whole file, decompressed. Errors as line_reader.
std::string read_text(const std::string& path, std::uint64_t largest_bytes = largest_text_bytes);

/// `folder/name` or, when there is no such file, `folder/name.gz`; empty when there is neither.
std::string find_plain_or_gz(const std::string& folder, const std::string& name);

} // namespace iommulab::traces
