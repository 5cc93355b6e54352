// SPDX-License-Identifier: Apache-2.0
// Tables and bars for terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::results {

/// Characters on the screen, for UTF-8 without combining or double-width characters.
std::size_t width_of(std::string_view text);
/// At most `width` characters; a longer text ends in "…" or, without unicode, "~". Control characters become "?".
std::string cut(std::string_view text, std::size_t width, bool unicode = true);

/// Rows of cells: the first column to the left, the others to the right, each as wide as its widest cell.
class text_table {
  public:
    explicit text_table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    static constexpr std::size_t least_first_column = 8;

    /// Lines indented by two. When they are longer than `columns`, the first column is cut, down to least_first_column.
    [[nodiscard]] std::string text(std::size_t columns, bool unicode) const;
    /// Whether it fits with the first column cut to `first_column` characters.
    [[nodiscard]] bool fits(std::size_t columns, std::size_t first_column) const;

  private:
    [[nodiscard]] std::vector<std::size_t> widths() const;
    std::vector<std::vector<std::string>> rows_;
};

/// A bar for the stretch from `begin` to `end` of a whole that is `columns` wide; never empty, so that the smallest
/// part shows.
std::string stretch(double begin, double end, double whole, std::size_t columns, bool unicode);

} // namespace iommulab::results
