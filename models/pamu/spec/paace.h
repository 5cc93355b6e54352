// SPDX-License-Identifier: Apache-2.0
// Table entries of a PAMU: P4080 Reference Manual, "Peripheral Access Management Unit", the authorization and control
// entries (PAACE, 64 bytes) and the operation mapping entries (OME, 128 bytes). Fields are numbered over the
// doublewords of an entry, whose bytes are big-endian in memory: see from_memory().
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>

namespace iommulab::pamu {

/// A doubleword as it lies in memory, to or from its value.
constexpr std::uint64_t big_endian(std::uint64_t little) {
    return __builtin_bswap64(little);
}
template <std::size_t N>
constexpr std::array<std::uint64_t, N> from_memory(std::array<std::uint64_t, N> words) {
    for (std::uint64_t& w : words)
        w = big_endian(w);
    return words;
}

namespace paace {
inline constexpr unsigned bytes = 64;
using words = std::array<std::uint64_t, 8>;
// doubleword 0: where the window is (primary), whose it is (secondary), and what is allowed
inline constexpr bit_field V{"V", 0, 1}, PT{"PT", 1, 1}, DD{"DD", 2, 1}, AP{"AP", 3, 2}, MW{"MW", 5, 1},
    WSE{"WSE", 6, 6}, WBAL{"WBAL", 12, 20}, WBAH{"WBAH", 32, 32}, LIODN{"LIODN", 16, 16};
// doubleword 1: attributes of what leaves, how addresses and operations are translated
inline constexpr bit_field OTM{"OTM", 64, 2}, ATM{"ATM", 66, 2}, WCE{"WCE", 68, 4}, CID{"CID", 80, 8}, CR{"CR", 103, 1},
    SNPID{"SNPID", 104, 8}, PID{"PID", 112, 8}, DID{"DID", 120, 8};
// doubleword 2: where a window leads, and how much of a subwindow is used
inline constexpr bit_field SWSE{"SWSE", 134, 6}, TWBAL{"TWBAL", 140, 20}, TWBAH{"TWBAH", 160, 32};
// doubleword 3: the first secondary entry, and the mapping of operations (indexed, or immediate)
inline constexpr bit_field OMI{"OMI", 192, 16}, MOEB{"MOEB", 192, 8}, IOEB{"IOEB", 200, 8}, MOEA{"MOEA", 208, 8},
    IOEA{"IOEA", 216, 8}, FSPI{"FSPI", 224, 32};

inline constexpr std::uint64_t primary = 0, secondary = 1;                       // PT
inline constexpr std::uint64_t denied = 0, query = 1, update = 2, all = 3;       // AP: reads, writes
inline constexpr std::uint64_t untranslated = 0, window = 1, page = 2, both = 3; // ATM
inline constexpr std::uint64_t operations_pass = 0, immediate = 1, indexed = 2;  // OTM
/// A window, or a subwindow, has 2^(WSE + 1) bytes, at least 4 KiB.
inline constexpr unsigned least_size_code = 11;
constexpr unsigned log2_of(std::uint64_t size_code) {
    return static_cast<unsigned>(size_code) + 1;
}
constexpr std::uint64_t size_code_of(unsigned log2_bytes) {
    return log2_bytes - 1;
}
/// 2^(WCE + 1) subwindows.
constexpr unsigned log2_count_of(std::uint64_t count_code) {
    return static_cast<unsigned>(count_code) + 1;
}
} // namespace paace

namespace ome {
inline constexpr unsigned bytes = 128; ///< a byte for each operation that a device can ask for
inline constexpr std::uint8_t valid = 0x80;
} // namespace ome

/// Operations of devices, by their place in an entry. Those of the enhanced and directive types need devices that say
/// so.
namespace ioe {
inline constexpr unsigned read = 0, write = 1, enhanced_read0 = 2, enhanced_write0 = 3, directive0 = 4,
                          enhanced_read1 = 5, enhanced_write1 = 6, directive1 = 7;
/// As IOEA and IOEB have them: valid, and the place.
constexpr std::uint8_t code(unsigned place) {
    return place == read ? std::uint8_t{0} : static_cast<std::uint8_t>(0x80 | place);
}
} // namespace ioe

/// Operations towards memory.
namespace eoe {
inline constexpr std::uint8_t read = 0x00, write = 0x01, load_external_cache = 0x10, load_exclusive = 0x12,
                              read_stash_allocate = 0x16, read_invalidate = 0x18, write_stash_allocate = 0x1b,
                              write_stash_allocate_only = 0x1d;
constexpr bool stashes(std::uint8_t operation) {
    return (operation >= load_external_cache && operation <= 0x17) ||
           (operation >= write_stash_allocate && operation <= 0x1e);
}
} // namespace eoe

} // namespace iommulab::pamu
