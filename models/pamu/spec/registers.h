// SPDX-License-Identifier: Apache-2.0
// The registers of one PAMU: P4080 QorIQ Integrated Multicore Communication Processor Family Reference Manual,
// "Peripheral Access Management Unit". Each is a word as the CPU writes it, whatever its byte order.
#pragma once

#include "models/core/registers.h"

#include <array>
#include <cstdint>
#include <span>

namespace iommulab::pamu {

/// Bytes of the register space; the next PAMU's begins right behind (Linux: PAMU_OFFSET).
inline constexpr std::uint32_t register_space_bytes = 0x1000;

namespace avs1 { // access violation status 1; a write of 1 clears what is below LIODN
inline constexpr bit_field AV{"AV", 0, 1}, OTV{"OTV", 1, 2}, APV{"APV", 3, 4}, WAV{"WAV", 7, 3}, LAV{"LAV", 10, 3},
    GCV{"GCV", 13, 1}, PDV{"PDV", 14, 1}, LIODN{"LIODN", 16, 16};
inline constexpr std::array fields{AV, OTV, APV, WAV, LAV, GCV, PDV, LIODN};
inline constexpr std::uint64_t mask = 0x7fff; ///< all of the status
} // namespace avs1

/// Values of the fields of AVS1. Linux knows LAV = 1; the others are assumptions.
namespace violation {
inline constexpr std::uint64_t operation_unmapped = 1, operation_index = 2;         // OTV
inline constexpr std::uint64_t query_denied = 1, update_denied = 2;                 // APV
inline constexpr std::uint64_t outside_window = 1, outside_subwindow = 2;           // WAV
inline constexpr std::uint64_t not_in_ppaact = 1, not_valid = 2, not_in_spaact = 3; // LAV
inline constexpr std::uint64_t secondary_of_other = 4;                              // LAV
} // namespace violation

namespace avs2 { // access violation status 2: what was asked; assumption: its layout
inline constexpr bit_field IOE{"IOE", 0, 8}, PRIVILEGED{"PRIVILEGED", 8, 1}, SECONDARY{"SECONDARY", 9, 1},
    SUBWINDOW{"SUBWINDOW", 16, 16};
inline constexpr std::array fields{IOE, PRIVILEGED, SECONDARY, SUBWINDOW};
} // namespace avs2

namespace poes1 { // operation error status 1; assumption: its layout
inline constexpr bit_field PPAACE_READ{"PPAACE_READ", 0, 1}, SPAACE_READ{"SPAACE_READ", 1, 1},
    OME_READ{"OME_READ", 2, 1};
inline constexpr std::array fields{PPAACE_READ, SPAACE_READ, OME_READ};
} // namespace poes1

namespace eedet { // ECC error detect; EEDIS and EEINTEN have the same fields; assumption: their places
inline constexpr bit_field SINGLE_BIT{"SBE", 2, 1}, MULTI_BIT{"MBE", 3, 1}, MULTIPLE{"MULT", 31, 1};
inline constexpr std::array fields{SINGLE_BIT, MULTI_BIT, MULTIPLE};
} // namespace eedet

namespace eectl { // ECC error control; assumption: its layout
inline constexpr bit_field COUNT{"COUNT", 0, 8}, THRESHOLD{"THRESHOLD", 16, 8};
inline constexpr std::array fields{COUNT, THRESHOLD};
} // namespace eectl

namespace pc2 { // capabilities 2
inline constexpr bit_field MLIODN{"MLIODN", 16, 16};
inline constexpr std::array fields{MLIODN};
} // namespace pc2

namespace pc3 { // capabilities 3: 2^(MWCE + 1) subwindows at most
inline constexpr bit_field MWCE{"MWCE", 21, 4};
inline constexpr std::array fields{MWCE};
} // namespace pc3

namespace pc { // control
inline constexpr bit_field PPCC{"PPCC", 0, 1}, SPCC{"SPCC", 4, 1}, OCE{"OCE", 12, 1}, PE{"PE", 30, 1},
    PGC{"PGC", 31, 1};
inline constexpr std::array fields{PPCC, SPCC, OCE, PE, PGC};
} // namespace pc

namespace pics { // interrupt control and status
inline constexpr bit_field ACCESS_VIOLATION_ENABLE{"AVIE", 2, 1}, ACCESS_VIOLATION_STAT{"AVIS", 3, 1};
inline constexpr std::array fields{ACCESS_VIOLATION_ENABLE, ACCESS_VIOLATION_STAT};
} // namespace pics

namespace bypenr { // this PAMU's bit of the device configuration unit's PAMUBYPENR
inline constexpr bit_field BYPASS{"BYPASS", 0, 1};
inline constexpr std::array fields{BYPASS};
} // namespace bypenr

namespace reg {
extern const register_declaration &PPBAH, &PPBAL, &PPLAH, &PPLAL, &SPBAH, &SPBAL, &SPLAH, &SPLAL, &OBAH, &OBAL, &OLAH,
    &OLAL, &POES1, &POES2, &POEAH, &POEAL, &AVS1, &AVS2, &AVAH, &AVAL, &EECTL, &EEDIS, &EEINTEN, &EEDET, &EEATTR,
    &EEAHI, &EEALO, &EEDHI, &EEDLO, &EECC, &UDAD, &PR1, &PR2, &PC1, &PC2, &PC3, &PC4, &PC, &PFA1, &PFA2, &PICS,
    &PAMUBYPENR;
} // namespace reg

/// All registers, in order of offset.
std::span<const register_declaration> registers();

} // namespace iommulab::pamu
