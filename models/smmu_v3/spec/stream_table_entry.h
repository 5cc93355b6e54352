// SPDX-License-Identifier: Apache-2.0
// Stream table structures: Arm IHI 0070, 5.1 and 5.2. Bits are numbered over the whole 64-byte entry.
#pragma once

#include "models/core/bit_field.h"

#include <array>

namespace iommulab::smmu_v3 {

/// Level 1 Stream Table Descriptor, 8 bytes (5.1).
namespace l1std {
inline constexpr unsigned bytes = 8;
inline constexpr bit_field Span{"Span", 0, 5};
inline constexpr address_field L2Ptr{"L2Ptr", 6, 46};
} // namespace l1std

/// Stream Table Entry, 64 bytes (5.2).
namespace ste {
inline constexpr unsigned bytes = 64;
inline constexpr bit_field V{"V", 0, 1}, Config{"Config", 1, 3}, S1Fmt{"S1Fmt", 4, 2}, S1CDMax{"S1CDMax", 59, 5},
    S1DSS{"S1DSS", 64, 2}, S1CIR{"S1CIR", 66, 2}, S1COR{"S1COR", 68, 2}, S1CSH{"S1CSH", 70, 2}, DRE{"DRE", 76, 1},
    CONT{"CONT", 77, 4}, DCP{"DCP", 81, 1}, PPAR{"PPAR", 82, 1}, MEV{"MEV", 83, 1}, S2FWB{"S2FWB", 89, 1},
    S1MPAM{"S1MPAM", 90, 1}, S1STALLD{"S1STALLD", 91, 1}, EATS{"EATS", 92, 2}, STRW{"STRW", 94, 2},
    MemAttr{"MemAttr", 96, 4}, MTCFG{"MTCFG", 100, 1}, ALLOCCFG{"ALLOCCFG", 101, 4}, SHCFG{"SHCFG", 108, 2},
    NSCFG{"NSCFG", 110, 2}, PRIVCFG{"PRIVCFG", 112, 2}, INSTCFG{"INSTCFG", 114, 2}, S2VMID{"S2VMID", 128, 16},
    S2T0SZ{"S2T0SZ", 160, 6}, S2SL0{"S2SL0", 166, 2}, S2IR0{"S2IR0", 168, 2}, S2OR0{"S2OR0", 170, 2},
    S2SH0{"S2SH0", 172, 2}, S2TG{"S2TG", 174, 2}, S2PS{"S2PS", 176, 3}, S2AA64{"S2AA64", 179, 1},
    S2ENDI{"S2ENDI", 180, 1}, S2AFFD{"S2AFFD", 181, 1}, S2PTW{"S2PTW", 182, 1}, S2HD{"S2HD", 183, 1},
    S2HA{"S2HA", 184, 1}, S2S{"S2S", 185, 1}, S2R{"S2R", 186, 1};
/// Address fields, in the 64-bit word named beside them.
inline constexpr address_field S1ContextPtr{"S1ContextPtr", 6, 46}; // word 0
inline constexpr address_field S2TTB{"S2TTB", 4, 48};               // word 3

/// For documentation and decoding of a whole entry.
inline constexpr std::array fields{V,
                                   Config,
                                   S1Fmt,
                                   bit_field{"S1ContextPtr", 6, 46},
                                   S1CDMax,
                                   S1DSS,
                                   S1CIR,
                                   S1COR,
                                   S1CSH,
                                   DRE,
                                   CONT,
                                   DCP,
                                   PPAR,
                                   MEV,
                                   S2FWB,
                                   S1MPAM,
                                   S1STALLD,
                                   EATS,
                                   STRW,
                                   MemAttr,
                                   MTCFG,
                                   ALLOCCFG,
                                   SHCFG,
                                   NSCFG,
                                   PRIVCFG,
                                   INSTCFG,
                                   S2VMID,
                                   S2T0SZ,
                                   S2SL0,
                                   S2IR0,
                                   S2OR0,
                                   S2SH0,
                                   S2TG,
                                   S2PS,
                                   S2AA64,
                                   S2ENDI,
                                   S2AFFD,
                                   S2PTW,
                                   S2HD,
                                   S2HA,
                                   S2S,
                                   S2R,
                                   bit_field{"S2TTB", 196, 48}};

/// STE.Config (5.2): bit 2 clear aborts; bit 0 asks for stage 1, bit 1 for stage 2.
inline constexpr unsigned Config_translates = 4, Config_stage1 = 1, Config_stage2 = 2;
/// STE.S1Fmt
enum class s1_format : std::uint8_t { linear = 0, two_level_4k = 1, two_level_64k = 2 };
/// STE.S1DSS: transactions without a SubstreamID when substreams are enabled.
enum class s1dss : std::uint8_t { terminate = 0, bypass = 1, substream0 = 2, reserved = 3 };
/// STE.STRW, for a Non-secure stream whose stage 1 translates.
enum class stream_world : std::uint8_t { ns_el1 = 0, reserved1 = 1, ns_el2 = 2, reserved3 = 3 };
} // namespace ste

} // namespace iommulab::smmu_v3
