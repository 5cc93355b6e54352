// SPDX-License-Identifier: Apache-2.0
// Translation structures in memory: Intel VT-d specification, chapter "Translation Structure Formats". Bits are
// numbered over the whole structure; address fields stand for the 64-bit word named beside them.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>

namespace iommulab::vtd {

/// Entries of a root table (one for each bus) and of a context table.
inline constexpr unsigned root_entries = 256, context_entries = 256;

/// Root Entry, 16 bytes.
namespace root_entry {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field P{"P", 0, 1};
inline constexpr address_field CTP{"CTP", 12, 52}; // word 0
inline constexpr std::array fields{P, bit_field{"CTP", 12, 52}};
} // namespace root_entry

/// Context Entry, 16 bytes; one for each device and function.
namespace context_entry {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field P{"P", 0, 1}, FPD{"FPD", 1, 1}, TT{"TT", 2, 2}, AW{"AW", 64, 3}, AVAIL{"AVAIL", 67, 4},
    DID{"DID", 72, 16};
inline constexpr address_field SSPTPTR{"SSPTPTR", 12, 52}; // word 0
inline constexpr std::array fields{P, FPD, TT, bit_field{"SSPTPTR", 12, 52}, AW, AVAIL, DID};
/// TT: untranslated requests through second-stage tables alone; with device TLBs; pass-through.
enum class translation_type : std::uint8_t { untranslated = 0, device_tlb = 1, pass_through = 2, reserved = 3 };
} // namespace context_entry

/// AW of a context entry or a PASID table entry: levels of the second-stage table, less two.
constexpr unsigned levels_of_aw(unsigned aw) {
    return aw + 2;
}
/// Bits of input address that a table of so many levels takes: 39, 48, 57.
constexpr unsigned width_of_levels(unsigned levels) {
    return 12 + 9 * levels;
}

/// Scalable-Mode Root Entry, 16 bytes: a context table for devices 0 to 15 and one for 16 to 31.
namespace sm_root_entry {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field LP{"LP", 0, 1}, UP{"UP", 64, 1};
inline constexpr address_field LCTP{"LCTP", 12, 52}; // word 0
inline constexpr address_field UCTP{"UCTP", 12, 52}; // word 1
inline constexpr std::array fields{LP, bit_field{"LCTP", 12, 52}, UP, bit_field{"UCTP", 76, 52}};
} // namespace sm_root_entry

/// Scalable-Mode Context Entry, 32 bytes; 128 of them in a table.
namespace sm_context_entry {
inline constexpr unsigned bytes = 32;
inline constexpr bit_field P{"P", 0, 1}, FPD{"FPD", 1, 1}, DTE{"DTE", 2, 1}, PASIDE{"PASIDE", 3, 1}, PRE{"PRE", 4, 1},
    PDTS{"PDTS", 9, 3}, RID_PASID{"RID_PASID", 64, 20}, RID_PRIV{"RID_PRIV", 84, 1};
inline constexpr address_field PASIDDIRPTR{"PASIDDIRPTR", 12, 52}; // word 0
inline constexpr std::array fields{P,         FPD,     DTE, PASIDE, PRE, PDTS, bit_field{"PASIDDIRPTR", 12, 52},
                                   RID_PASID, RID_PRIV};
/// log2 of the entries of the PASID directory.
constexpr unsigned log2_directory_entries(unsigned pdts) {
    return pdts + 7;
}
} // namespace sm_context_entry

/// Scalable-Mode PASID Directory Entry, 8 bytes.
namespace pasid_directory_entry {
inline constexpr unsigned bytes = 8;
inline constexpr bit_field P{"P", 0, 1}, FPD{"FPD", 1, 1};
inline constexpr address_field SMPTBLPTR{"SMPTBLPTR", 12, 52};
inline constexpr std::array fields{P, FPD, bit_field{"SMPTBLPTR", 12, 52}};
/// PASIDs that one directory entry stands for, as a power of two.
inline constexpr unsigned log2_pasids = 6;
} // namespace pasid_directory_entry

/// Scalable-Mode PASID Table Entry, 64 bytes.
namespace pasid_entry {
inline constexpr unsigned bytes = 64;
inline constexpr bit_field P{"P", 0, 1}, FPD{"FPD", 1, 1}, AW{"AW", 2, 3}, SSEE{"SSEE", 5, 1}, PGTT{"PGTT", 6, 3},
    SSADE{"SSADE", 9, 1}, DID{"DID", 64, 16}, PWSNP{"PWSNP", 87, 1}, PGSNP{"PGSNP", 88, 1}, CD{"CD", 89, 1},
    EMTE{"EMTE", 90, 1}, EMT{"EMT", 91, 3}, PWT{"PWT", 94, 1}, PCD{"PCD", 95, 1}, PAT{"PAT", 96, 32},
    SRE{"SRE", 128, 1}, ERE{"ERE", 129, 1}, FSPM{"FSPM", 130, 2}, WPE{"WPE", 132, 1}, NXE{"NXE", 133, 1},
    SMEP{"SMEP", 134, 1}, EAFE{"EAFE", 135, 1};
inline constexpr address_field SSPTPTR{"SSPTPTR", 12, 52}; // word 0
inline constexpr address_field FSPTPTR{"FSPTPTR", 12, 52}; // word 2
inline constexpr std::array fields{P,
                                   FPD,
                                   AW,
                                   SSEE,
                                   PGTT,
                                   SSADE,
                                   bit_field{"SSPTPTR", 12, 52},
                                   DID,
                                   PWSNP,
                                   PGSNP,
                                   CD,
                                   EMTE,
                                   EMT,
                                   PWT,
                                   PCD,
                                   PAT,
                                   SRE,
                                   ERE,
                                   FSPM,
                                   WPE,
                                   NXE,
                                   SMEP,
                                   EAFE,
                                   bit_field{"FSPTPTR", 140, 52}};
/// PGTT: which tables translate.
enum class translation_type : std::uint8_t {
    reserved = 0,
    first_stage = 1,
    second_stage = 2,
    nested = 3,
    pass_through = 4,
};
/// FSPM: first-stage tables of 4 or 5 levels.
inline constexpr unsigned fspm_4_levels = 0, fspm_5_levels = 1;
} // namespace pasid_entry

/// Addresses that mean interrupts, not memory ("Handling Requests to Interrupt Address Range").
inline constexpr std::uint64_t interrupt_range_first = 0xfee0'0000, interrupt_range_last = 0xfeef'ffff;

} // namespace iommulab::vtd
