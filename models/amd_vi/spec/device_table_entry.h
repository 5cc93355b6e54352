// SPDX-License-Identifier: Apache-2.0
// Device table entry: publication 48882, 2.2.2.1. 32 bytes; bits are numbered over the whole entry.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>
#include <span>

namespace iommulab::amd_vi::dte {

inline constexpr unsigned bytes = 32;
inline constexpr bit_field V{"V", 0, 1}, TV{"TV", 1, 1}, HAD{"HAD", 7, 2}, Mode{"Mode", 9, 3},
    HostPageTableRootPtr_bits{"HostPageTableRootPtr", 12, 40}, PPR{"PPR", 52, 1}, GPRP{"GPRP", 53, 1},
    GIoV{"GIoV", 54, 1}, GV{"GV", 55, 1}, GLX{"GLX", 56, 2}, GCR3_TRP_14_12{"GCR3TRP[14:12]", 58, 3}, IR{"IR", 61, 1},
    IW{"IW", 62, 1}, DomainID{"DomainID", 64, 16}, GCR3_TRP_30_15{"GCR3TRP[30:15]", 80, 16}, I{"I", 96, 1},
    SE{"SE", 97, 1}, SA{"SA", 98, 1}, IoCtl{"IoCtl", 99, 2}, Cache{"Cache", 101, 1}, SD{"SD", 102, 1}, EX{"EX", 103, 1},
    SysMgt{"SysMgt", 104, 2}, GCR3_TRP_51_31{"GCR3TRP[51:31]", 107, 21}, IV{"IV", 128, 1},
    IntTabLen{"IntTabLen", 129, 4}, IG{"IG", 133, 1}, InterruptTableRootPtr{"InterruptTableRootPtr", 134, 46},
    GuestPagingMode{"GuestPagingMode", 182, 2}, InitPass{"InitPass", 184, 1}, EIntPass{"EIntPass", 185, 1},
    NMIPass{"NMIPass", 186, 1}, IntCtl{"IntCtl", 188, 2}, Lint0Pass{"Lint0Pass", 190, 1},
    Lint1Pass{"Lint1Pass", 191, 1}, AttrV{"AttrV", 246, 1}, Mode0FC{"Mode0FC", 247, 1},
    SnoopAttribute{"SnoopAttribute", 248, 8};
/// In word 0.
inline constexpr address_field HostPageTableRootPtr{"HostPageTableRootPtr", 12, 40};

/// For documentation and decoding of a whole entry.
inline constexpr std::array fields{V,
                                   TV,
                                   HAD,
                                   Mode,
                                   HostPageTableRootPtr_bits,
                                   PPR,
                                   GPRP,
                                   GIoV,
                                   GV,
                                   GLX,
                                   GCR3_TRP_14_12,
                                   IR,
                                   IW,
                                   DomainID,
                                   GCR3_TRP_30_15,
                                   I,
                                   SE,
                                   SA,
                                   IoCtl,
                                   Cache,
                                   SD,
                                   EX,
                                   SysMgt,
                                   GCR3_TRP_51_31,
                                   IV,
                                   IntTabLen,
                                   IG,
                                   InterruptTableRootPtr,
                                   GuestPagingMode,
                                   InitPass,
                                   EIntPass,
                                   NMIPass,
                                   IntCtl,
                                   Lint0Pass,
                                   Lint1Pass,
                                   AttrV,
                                   Mode0FC,
                                   SnoopAttribute};

/// Mode: 0 no translation, 1 to 6 levels of host tables; 7 is reserved.
inline constexpr unsigned Mode_none = 0, Mode_most_levels = 6, Mode_reserved = 7;

/// The three parts of the Guest CR3 Table Root Pointer, put together.
constexpr std::uint64_t guest_cr3_table(std::span<const std::uint64_t> words) {
    return GCR3_TRP_14_12.of(words) << 12 | GCR3_TRP_30_15.of(words) << 15 | GCR3_TRP_51_31.of(words) << 31;
}
constexpr void put_guest_cr3_table(std::span<std::uint64_t> words, std::uint64_t address) {
    GCR3_TRP_14_12.put(words, address >> 12);
    GCR3_TRP_30_15.put(words, address >> 15);
    GCR3_TRP_51_31.put(words, address >> 31);
}

} // namespace iommulab::amd_vi::dte

/// Guest CR3 table: publication 48882, 2.2.6.3. One table of 512 entries per level, 8 bytes each; GLX = n has n + 1
/// levels. The last level's entries hold the guest CR3 of a PASID, the others the address of the next table.
namespace iommulab::amd_vi::gcr3 {
inline constexpr unsigned entry_bytes = 8, index_bits = 9;
inline constexpr bit_field V{"V", 0, 1};
inline constexpr address_field Address{"Address", 12, 40};
} // namespace iommulab::amd_vi::gcr3
