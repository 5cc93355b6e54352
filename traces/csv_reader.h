// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/line_reader.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::traces {

/// A column that a reader knows.
struct csv_column {
    std::string_view name;
    bool required = true;
};

/// What becomes of columns that a reader does not know.
enum class other_columns { refused, ignored };

/// Reads comma-separated values (plain or gzip) whose first line names the columns, in any order; fields have no quotes
/// and no commas, blanks around them don't count, and neither do empty lines and those that begin with `#`. Fields are
/// asked for by their place in the list of known columns. Every error is an input_error with line and column.
class csv_reader {
  public:
    /// Reads the header. Throws for a column that is not in `known` unless such are ignored, one named twice, and a
    /// required one that is missing.
    csv_reader(std::string path, std::initializer_list<csv_column> known, other_columns = other_columns::refused,
               std::uint64_t largest_bytes = largest_stream_bytes);

    /// The next row; false at the end. Throws when the row has another count of fields than the header.
    bool next();
    /// The columns that are ignored, in the file's order.
    const std::vector<std::string>& ignored_columns() const { return ignored_; }

    /// True when the header names column `known_index`.
    bool has(std::size_t known_index) const { return place_[known_index] != absent; }
    /// The field as it stands; empty when the column is absent.
    std::string_view text(std::size_t known_index) const;
    /// The field as a number; throws when it is none.
    std::uint64_t number(std::size_t known_index) const;
    /// The field as a number not above `limit`.
    std::uint64_t number(std::size_t known_index, std::uint64_t limit) const;
    /// The field `r` or `w`, also in capitals: true for a write.
    bool is_write(std::size_t known_index) const;
    /// `otherwise` when the field is empty or the column absent.
    std::uint64_t number_or(std::size_t known_index, std::uint64_t otherwise) const;
    /// Throws an input_error at this field of the current row.
    [[noreturn]] void fail(std::size_t known_index, const std::string& expected) const;
    /// Throws with a wording of its own for what was found.
    [[noreturn]] void fail(std::size_t known_index, const std::string& found, const std::string& expected) const;

    std::size_t line() const { return lines_.line(); }
    const std::string& path() const { return lines_.path(); }

  private:
    static constexpr std::size_t absent = static_cast<std::size_t>(-1);
    /// The next line that has fields, taken apart; false at the end.
    bool next_fields();
    void split();
    [[noreturn]] void fail_header(std::string_view field, const std::string& found, const std::string& expected) const;
    std::size_t column_of(std::size_t known_index) const;

    line_reader lines_;
    std::string row_;
    std::vector<std::string_view> fields_;
    std::vector<csv_column> known_;
    std::vector<std::string> ignored_;
    std::vector<std::size_t> place_;
    std::size_t columns_ = 0;
};

} // namespace iommulab::traces
