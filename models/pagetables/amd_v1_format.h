// SPDX-License-Identifier: Apache-2.0
// Fields of AMD's host page tables ("v1"): publication 48882 (AMD I/O Virtualization Technology (IOMMU) Specification,
// revision 3.05), 2.2.3.
#pragma once

#include "models/core/bit_field.h"

#include <bit>
#include <cstdint>

namespace iommulab::amd_v1 {

/// Page table entries (figure 11) and page directory entries (figure 10), 8 bytes each.
namespace entry {
inline constexpr unsigned bytes = 8;
inline constexpr bit_field PR{"PR", 0, 1}, A{"A", 5, 1}, D{"D", 6, 1}, NextLevel{"NextLevel", 9, 3}, U{"U", 59, 1},
    FC{"FC", 60, 1}, IR{"IR", 61, 1}, IW{"IW", 62, 1};
inline constexpr address_field Address{"Address", 12, 40};
/// Bits that must be zero in a PDE, and in a PTE.
inline constexpr std::uint64_t pde_reserved = 0x1ff0'0000'0000'0000, pte_reserved = 0x07f0'0000'0000'0000;
/// NextLevel of a page: of the level's own size, or of a size that the address encodes.
inline constexpr unsigned NextLevel_page = 0, NextLevel_sized_page = 7;
} // namespace entry

inline constexpr unsigned most_levels = 6, log2_smallest_page = 12, index_bits = 9;

/// log2 of the bytes that one entry of a table of `level` (1 to 6) serves.
constexpr unsigned log2_reach(unsigned level) {
    return log2_smallest_page + index_bits * (level - 1);
}
/// log2 of the bytes that a table of `level` serves; 64 for level 6.
constexpr unsigned log2_table_reach(unsigned level) {
    return level >= most_levels ? 64 : log2_reach(level + 1);
}

/// log2 of the size that low ones in an address encode (2.2.3, table 14; also 2.4.3, table 16): the lowest zero bit at
/// or above bit 12 is the most significant bit of the offset. 64: every bit up to 62 is one.
constexpr unsigned log2_encoded_size(std::uint64_t address) {
    const auto ones = static_cast<unsigned>(std::countr_one(address >> log2_smallest_page));
    const unsigned log2_size = log2_smallest_page + ones + 1;
    return log2_size > 64 ? 64 : log2_size;
}

} // namespace iommulab::amd_v1
