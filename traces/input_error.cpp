// SPDX-License-Identifier: Apache-2.0
#include "traces/input_error.h"

#include <utility>

namespace iommulab {

namespace {

std::string message(const std::string& file, std::size_t line, std::size_t column, const std::string& found,
                    const std::string& expected) {
    std::string text = file;
    if (line != 0) {
        text += ':' + std::to_string(line);
        if (column != 0) {
            text += ':' + std::to_string(column);
        }
    }
    return text + ": found " + found + ", expected " + expected;
}

} // namespace

input_error::input_error(std::string file, std::size_t line, std::size_t column, std::string found,
                         std::string expected)
    : std::runtime_error(message(file, line, column, found, expected)),
      file_(std::move(file)),
      line_(line),
      column_(column),
      found_(std::move(found)),
      expected_(std::move(expected)) {}

std::string quoted(const std::string& text) {
    constexpr std::size_t longest = 60;
    std::string out = "'";
    for (const char c : text.substr(0, longest)) {
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
    return out + (text.size() > longest ? "…'" : "'");
}

} // namespace iommulab
