// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace iommulab::traces {

/// The bytes of the UTF-8 character that `text` begins with; 0 when it begins with none.
inline std::size_t utf8_character_bytes(std::string_view text) {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned first = at(0);
    if (text.empty() || first < 0x80) {
        return text.empty() ? 0 : 1;
    }
    const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    unsigned code = first & (0x7fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((at(i) & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at(i) & 0x3f);
    }
    constexpr unsigned least[] = {0, 0, 0x80, 0x800, 0x10000}; // one that is written longer than need be is none
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    const bool character = first >= 0xc0 && first < 0xf8 && code >= least[bytes] && code <= 0x10ffff && !surrogate;
    return character ? bytes : 0;
}

} // namespace iommulab::traces
