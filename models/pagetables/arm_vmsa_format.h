// SPDX-License-Identifier: Apache-2.0
// The VMSAv8-64 long-descriptor format as declarations: descriptors, granules, the geometry of levels. Names as in the
// Arm ARM (DDI 0487), D8.2 to D8.4. No behaviour.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>
#include <optional>

namespace iommulab::arm_vmsa {

/// A descriptor, 8 bytes, little-endian (D8.3). Stage 1 and stage 2 share the places, not all the names.
namespace descriptor {
inline constexpr bit_field Valid{"Valid", 0, 1};
/// 1: table (levels 0 to 2) or page (level 3); 0: block, reserved at level 3
inline constexpr bit_field Type{"Type", 1, 1};

// leaves of stage 1
inline constexpr bit_field AttrIndx{"AttrIndx", 2, 3};
inline constexpr bit_field NS{"NS", 5, 1};
inline constexpr bit_field AP{"AP", 6, 2}; ///< AP[2:1]: AP[1] unprivileged access, AP[2] read-only
inline constexpr bit_field AP_1{"AP[1]", 6, 1};
inline constexpr bit_field AP_2{"AP[2]", 7, 1};
inline constexpr bit_field SH{"SH", 8, 2};
inline constexpr bit_field AF{"AF", 10, 1};
inline constexpr bit_field nG{"nG", 11, 1};
inline constexpr bit_field nT{"nT", 16, 1};
inline constexpr bit_field GP{"GP", 50, 1};
inline constexpr bit_field DBM{"DBM", 51, 1};
inline constexpr bit_field Contiguous{"Contiguous", 52, 1};
inline constexpr bit_field PXN{"PXN", 53, 1};
inline constexpr bit_field UXN{"UXN", 54, 1}; ///< XN where the regime has one privilege level
inline constexpr bit_field UXN_PXN{"UXN:PXN", 53, 2};
inline constexpr bit_field PBHA{"PBHA", 59, 4};

// tables of stage 1; the attributes restrict everything below
inline constexpr bit_field PXNTable{"PXNTable", 59, 1};
inline constexpr bit_field UXNTable{"UXNTable", 60, 1}; ///< XNTable where the regime has one privilege level
inline constexpr bit_field UXNTable_PXNTable{"UXNTable:PXNTable", 59, 2};
inline constexpr bit_field APTable{"APTable", 61, 2};
inline constexpr bit_field APTable_0{"APTable[0]", 61, 1}; ///< no unprivileged access
inline constexpr bit_field APTable_1{"APTable[1]", 62, 1}; ///< no write
inline constexpr bit_field NSTable{"NSTable", 63, 1};

// leaves of stage 2, where they differ
inline constexpr bit_field MemAttr{"MemAttr", 2, 4};
inline constexpr bit_field MemAttr_3_2{"MemAttr[3:2]", 4, 2}; ///< 0: Device, whatever MemAttr[1:0]
inline constexpr bit_field S2AP{"S2AP", 6, 2};
inline constexpr bit_field S2AP_0{"S2AP[0]", 6, 1}; ///< readable
inline constexpr bit_field S2AP_1{"S2AP[1]", 7, 1}; ///< writable
/// 0: all execute; 1: unprivileged only; 2: none; 3: privileged only (FEAT_XNX). Without it XN[1] alone counts.
inline constexpr bit_field XN{"XN", 53, 2};
inline constexpr bit_field XN_1{"XN[1]", 54, 1};

// addresses: below the granule's size the field's bits are not the address's; a block's address has more low bits to
// ignore
inline constexpr address_field address_4k{"OA[47:12]", 12, 36};
inline constexpr address_field address_16k{"OA[47:14]", 14, 34};
inline constexpr address_field address_64k{"OA[47:16]", 16, 32};
inline constexpr bit_field address_51_48{"OA[51:48]", 12, 4}; ///< 64K granule, where 52-bit addresses exist (FEAT_LPA)

inline constexpr std::uint64_t table_attributes =
    PXNTable.make(1) | UXNTable.make(1) | APTable.make(3) | NSTable.make(1);
} // namespace descriptor

/// Translation granule; the value is the number of bits of an offset in a page.
enum class granule : std::uint8_t { kib_4 = 12, kib_16 = 14, kib_64 = 16 };

inline constexpr unsigned last_level = 3;
inline constexpr unsigned descriptor_bytes = 8;
/// Tables that stage 2 may put side by side at its first level (D8.2.2).
inline constexpr unsigned log2_concatenated_tables = 4;

constexpr unsigned bits_of(granule g) {
    return static_cast<unsigned>(g);
}
/// Input bits that one level resolves: a table fills one granule.
constexpr unsigned stride_of(granule g) {
    return bits_of(g) - 3;
}
/// log2 of the bytes that one descriptor of `level` maps: where the index of this level starts in the input address.
constexpr unsigned log2_reach(granule g, unsigned level) {
    return bits_of(g) + (last_level - level) * stride_of(g);
}

/// Input bits that a stage with this TxSZ has, limited to what the granule can resolve (48, with 64K: 52; D8.2).
constexpr unsigned input_bits_of(granule g, unsigned tsz) {
    const unsigned most = g == granule::kib_64 ? 52 : 48;
    const unsigned bits = tsz < 64 ? 64 - tsz : 1;
    return bits > most ? most : bits;
}
/// Level at which stage 1 starts: as many levels as the input needs (D8.2).
constexpr unsigned stage1_start_level(granule g, unsigned input_bits) {
    unsigned level = last_level;
    for (unsigned resolved = bits_of(g) + stride_of(g); level > 0 && input_bits > resolved; --level)
        resolved += stride_of(g);
    return level;
}
/// Level at which stage 2 starts, from VTCR_EL2.SL0 or STE.S2SL0; nullopt: reserved, or not with so few physical
/// address bits (AArch64.S2InvalidSL). 4K level 3 (SL0 = 3) needs `small_tables` (FEAT_TTST).
constexpr std::optional<unsigned> stage2_start_level(granule g, unsigned sl0, unsigned implemented_bits,
                                                     bool small_tables) {
    if (g == granule::kib_4) {
        if (sl0 == 3)
            return small_tables ? std::optional<unsigned>(3) : std::nullopt;
        if (sl0 > 3 || (sl0 == 2 && implemented_bits < 44))
            return std::nullopt;
        return 2 - sl0;
    }
    if (sl0 > 2 || (sl0 == 2 && implemented_bits < (g == granule::kib_16 ? 42U : 44U)))
        return std::nullopt;
    return 3 - sl0;
}
/// Does the first level of stage 2 resolve between one bit and 16 concatenated tables' worth?
/// (AArch64.S2InconsistentSL)
constexpr bool stage2_geometry_is_legal(granule g, unsigned start_level, unsigned input_bits) {
    const unsigned reach = log2_reach(g, start_level);
    return input_bits > reach && input_bits <= reach + stride_of(g) + log2_concatenated_tables;
}
/// May a descriptor of this level be a block? (AArch64.BlockDescSupported, without FEAT_LPA2.) `implemented_bits`:
/// physical address bits that the hardware implements; 52 brings level 1 blocks of the 64K granule.
constexpr bool block_is_legal(granule g, unsigned level, unsigned implemented_bits) {
    if (level == 2)
        return true;
    return level == 1 && (g == granule::kib_4 || (g == granule::kib_64 && implemented_bits >= 52));
}
/// Leaves that the Contiguous hint joins into one naturally aligned run (D8.7.1, table "contiguous bit"), log2; 0: no
/// run there.
constexpr unsigned log2_contiguous_leaves(granule g, unsigned level) {
    if (g == granule::kib_4)
        return level >= 1 ? 4 : 0;
    if (g == granule::kib_16)
        return level == 3 ? 7 : (level == 2 ? 5 : 0);
    return level >= 2 ? 5 : 0;
}

/// Where descriptors of a granule keep an address. `implemented_bits`: as in block_is_legal().
struct address_places {
    std::uint64_t low;   ///< bits that are in their own place
    std::uint64_t moved; ///< bits of the descriptor that are address bits 51 to 48

    constexpr address_places(granule g, unsigned implemented_bits)
        : low(g == granule::kib_4    ? descriptor::address_4k.mask()
              : g == granule::kib_16 ? descriptor::address_16k.mask()
                                     : descriptor::address_64k.mask()),
          moved(g == granule::kib_64 && implemented_bits >= 52 ? descriptor::address_51_48.make(0xf) : 0) {}
    /// The table or page address in a descriptor.
    [[nodiscard]] constexpr std::uint64_t of(std::uint64_t word) const {
        if (moved == 0) [[likely]] // most tables, and each level waits for this
            return word & low;
        return (word & low) | (word & moved) << (48 - descriptor::address_51_48.lsb);
    }
};
constexpr std::uint64_t address_in(std::uint64_t word, granule g, unsigned implemented_bits) {
    return address_places(g, implemented_bits).of(word);
}
/// Bits of an output address: as configured, no more than implemented, and 48 unless the granule is 64K
/// (AArch64.PhysicalAddressSize).
constexpr unsigned output_bits_of(granule g, unsigned configured_bits, unsigned implemented_bits) {
    const unsigned most = g != granule::kib_64 && implemented_bits > 48 ? 48 : implemented_bits;
    return configured_bits < most ? configured_bits : most;
}
/// IPS, PS, S2PS, OAS encodings in bits of address (ID_AA64MMFR0_EL1.PARange); reserved values count as the largest.
constexpr unsigned address_bits_of(unsigned encoding) {
    constexpr std::array<std::uint8_t, 8> bits{32, 36, 40, 42, 44, 48, 52, 52};
    return bits[encoding & 7];
}

/// What one stage's walk needs to know of its tables, worked out once.
struct table_geometry {
    granule tg;
    std::uint8_t start_level, input_bits, output_bits, implemented_bits;
    address_places places;

    /// `output`: bits as configured; `implemented`: as in block_is_legal().
    constexpr table_geometry(granule g, unsigned start, unsigned input, unsigned output, unsigned implemented)
        : tg(g),
          start_level(static_cast<std::uint8_t>(start)),
          input_bits(static_cast<std::uint8_t>(input)),
          output_bits(static_cast<std::uint8_t>(output_bits_of(g, output, implemented))),
          implemented_bits(static_cast<std::uint8_t>(implemented)),
          places(g, implemented) {}

    /// The first table is aligned to its size, and to 64 bytes where addresses have 52 bits (TTBRx_EL1.BADDR, D8.2.3).
    [[nodiscard]] constexpr std::uint64_t first_table(std::uint64_t ttb) const {
        const unsigned reach = log2_reach(tg, start_level);
        unsigned size = 3 + (input_bits > reach ? input_bits - reach : 0);
        if (output_bits > 48 && size < 6)
            size = 6;
        return ttb >> size << size;
    }
    /// Which bits of an index count: the first level takes all that are left, concatenated tables included.
    [[nodiscard]] constexpr std::uint64_t index_mask(unsigned level) const {
        return level == start_level ? ~std::uint64_t{0} : (std::uint64_t{1} << stride_of(tg)) - 1;
    }
    [[nodiscard]] constexpr bool too_large(std::uint64_t address) const { return (address >> output_bits) != 0; }
    [[nodiscard]] static constexpr bool is_table(std::uint64_t word, unsigned level) {
        constexpr std::uint64_t table = descriptor::Valid.make(1) | descriptor::Type.make(1);
        return (word & table) == table && level < last_level;
    }
    [[nodiscard]] constexpr bool is_leaf(std::uint64_t word, unsigned level) const {
        if (!descriptor::Valid.of(word))
            return false;
        return level == last_level ? descriptor::Type.of(word) != 0
                                   : !descriptor::Type.of(word) && block_is_legal(tg, level, implemented_bits);
    }
};

/// What `translation::attributes` holds of a walk's leaves: raw fields of both stages, absent ones 0.
namespace attributes {
inline constexpr bit_field AttrIndx{"AttrIndx", 0, 3};
inline constexpr bit_field SH{"SH", 3, 2};
inline constexpr bit_field NS{"NS", 5, 1};
inline constexpr bit_field Contiguous{"Contiguous", 6, 1}; ///< of stage 1, or of the only stage
inline constexpr bit_field has_stage1{"has_stage1", 7, 1};
inline constexpr bit_field MemAttr{"MemAttr", 8, 4};
inline constexpr bit_field SH_stage2{"SH_stage2", 12, 2};
inline constexpr bit_field has_stage2{"has_stage2", 14, 1};
} // namespace attributes

} // namespace iommulab::arm_vmsa
