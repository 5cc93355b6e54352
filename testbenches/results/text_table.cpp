// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/text_table.h"

#include <algorithm>
#include <cmath>

namespace iommulab::results {

namespace {

constexpr std::size_t indent = 2, gap = 2;

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t line_width(const std::vector<std::size_t>& widths) {
    std::size_t width = indent;
    for (const std::size_t w : widths)
        width += w + gap;
    return width - gap;
}

} // namespace

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string cut(std::string_view text, std::size_t width, bool unicode) {
    const bool too_long = width_of(text) > width;
    const std::size_t kept = too_long ? std::max<std::size_t>(width, 1) - 1 : width;
    std::string result;
    std::size_t characters = 0;
    for (const char c : text) {
        if (!continues(c) && ++characters > kept)
            break;
        result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    if (too_long && width > 0)
        result += unicode ? "…" : "~";
    return result;
}

std::vector<std::size_t> text_table::widths() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    }
    return widths;
}

bool text_table::fits(std::size_t columns, std::size_t first_column) const {
    auto w = widths();
    w[0] = std::min(w[0], first_column);
    return line_width(w) <= columns;
}

std::string text_table::text(std::size_t columns, bool unicode) const {
    auto w = widths();
    const std::size_t line = line_width(w);
    if (line > columns)
        w[0] = std::max(std::min(w[0], least_first_column), w[0] - std::min(w[0], line - columns));
    std::string text;
    for (const auto& row : rows_) {
        std::string out(indent, ' ');
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string cell = i == 0 ? cut(row[i], w[i], unicode) : row[i];
            const std::string blanks(w[i] - std::min(w[i], width_of(cell)), ' ');
            out += i == 0 ? cell + blanks : std::string(gap, ' ') + blanks + cell;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        text += out + '\n';
    }
    return text;
}

std::string stretch(double begin, double end, double whole, std::size_t columns, bool unicode) {
    if (whole <= 0 || columns == 0)
        return {};
    // The length is drawn in eighths of a character, the beginning in whole ones.
    constexpr unsigned eighths = 8;
    static constexpr const char* ends[eighths] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double scale = static_cast<double>(columns) / whole;
    const auto length = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::llround(std::min(end - begin, whole) * scale * eighths)));
    const std::size_t used =
        unicode ? (length + eighths - 1) / eighths : std::max<std::size_t>(1, (length + eighths / 2) / eighths);
    const auto first = static_cast<std::size_t>(std::llround(std::clamp(begin, 0.0, whole) * scale));
    std::string bar(std::min(first, columns - std::min(columns, used)), ' ');
    if (!unicode)
        return bar + (length < eighths / 2 ? "|" : std::string(used, '#'));
    for (std::size_t i = 0; i < length / eighths; ++i)
        bar += "█";
    return bar + ends[length % eighths];
}

} // namespace iommulab::results
