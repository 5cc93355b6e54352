// SPDX-License-Identifier: Apache-2.0
// The format of x86-64 long-mode page tables of 4 and 5 levels, as IOMMUs use it for first-stage (guest) translation:
// Intel SDM volume 3, "4-Level Paging and 5-Level Paging"; AMD APM volume 2, "Long-Mode Page Translation". No
// behaviour. Levels count from the leaf here as in the manuals: 1 is the level of 4 KiB pages.
#pragma once

#include "models/core/bit_field.h"

#include <cstdint>

namespace iommulab::x86_64 {

/// An entry, 8 bytes, little-endian.
namespace entry {
inline constexpr bit_field P{"P", 0, 1};
inline constexpr bit_field RW{"R/W", 1, 1}; ///< writable
inline constexpr bit_field US{"U/S", 2, 1}; ///< for user requests
inline constexpr bit_field PWT{"PWT", 3, 1};
inline constexpr bit_field PCD{"PCD", 4, 1};
inline constexpr bit_field A{"A", 5, 1};            ///< accessed
inline constexpr bit_field D{"D", 6, 1};            ///< dirty; of leaves alone
inline constexpr bit_field PS{"PS", 7, 1};          ///< levels 2 and 3: a page of 2 MiB or 1 GiB
inline constexpr bit_field PAT{"PAT", 7, 1};        ///< of a 4 KiB page
inline constexpr bit_field G{"G", 8, 1};            ///< global; of leaves alone
inline constexpr bit_field EA{"EA", 10, 1};         ///< extended accessed (Intel VT-d)
inline constexpr bit_field large_PAT{"PAT", 12, 1}; ///< of a 2 MiB or 1 GiB page
inline constexpr bit_field XD{"XD", 63, 1};         ///< no execution
inline constexpr address_field address{"address[51:12]", 12, 40};
} // namespace entry

inline constexpr unsigned entry_bytes = 8;
inline constexpr unsigned log2_entries = 9, log2_smallest_page = 12;
inline constexpr unsigned most_levels = 5;
/// Of the levels of a walk, the lowest at which PS is reserved.
inline constexpr unsigned lowest_level_without_pages = 4;

/// log2 of the bytes that one entry of `level` (1 is the last) maps.
constexpr unsigned log2_reach(unsigned level) {
    return log2_smallest_page + (level - 1) * log2_entries;
}
/// Bits of input address that tables of `levels` levels take: 48 or 57.
constexpr unsigned input_bits_of(unsigned levels) {
    return log2_smallest_page + levels * log2_entries;
}
/// Are all bits above the input's zero?
constexpr bool is_plain(std::uint64_t address, unsigned levels) {
    return address >> input_bits_of(levels) == 0;
}
/// Are all bits above the input's the same as its highest?
constexpr bool is_canonical(std::uint64_t address, unsigned levels) {
    const auto shifted = static_cast<std::int64_t>(address) >> (input_bits_of(levels) - 1);
    return shifted == 0 || shifted == -1;
}

} // namespace iommulab::x86_64
