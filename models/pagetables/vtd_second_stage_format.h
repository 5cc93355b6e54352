// SPDX-License-Identifier: Apache-2.0
// The format of Intel VT-d second-stage page tables: VT-d specification, "Second-Stage Paging Entries". No behaviour.
// Levels count from the leaf: 1 is the level of 4 KiB pages; tables have 3, 4 or 5.
#pragma once

#include "models/core/bit_field.h"

#include <cstdint>

namespace iommulab::vtd_second_stage {

/// An entry, 8 bytes, little-endian. It is present when a right is set.
namespace entry {
inline constexpr bit_field R{"R", 0, 1}, W{"W", 1, 1}, X{"X", 2, 1};
inline constexpr bit_field EMT{"EMT", 3, 3};   ///< memory type, of leaves; ignored by DMA without it
inline constexpr bit_field IPAT{"IPAT", 6, 1}; ///< of leaves
inline constexpr bit_field PS{"PS", 7, 1};     ///< levels 2 and 3: a page of 2 MiB or 1 GiB
inline constexpr bit_field A{"A", 8, 1};       ///< accessed, where enabled
inline constexpr bit_field D{"D", 9, 1};       ///< dirty, of leaves, where enabled
inline constexpr bit_field SNP{"SNP", 11, 1};  ///< of leaves: snoop, where the unit has snoop control
inline constexpr bit_field TM{"TM", 62, 1};    ///< of leaves: transient mapping, where there are device TLBs
inline constexpr address_field address{"ADDR", 12, 40};
} // namespace entry

inline constexpr unsigned entry_bytes = 8;
inline constexpr unsigned log2_entries = 9, log2_smallest_page = 12;
inline constexpr unsigned least_levels = 3, most_levels = 5;

/// log2 of the bytes that one entry of `level` (1 is the last) maps.
constexpr unsigned log2_reach(unsigned level) {
    return log2_smallest_page + (level - 1) * log2_entries;
}
/// Bits of input address that tables of `levels` levels take: 39, 48, 57.
constexpr unsigned input_bits_of(unsigned levels) {
    return log2_smallest_page + levels * log2_entries;
}

} // namespace iommulab::vtd_second_stage
