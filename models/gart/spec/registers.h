// SPDX-License-Identifier: Apache-2.0
// The registers of Tegra20's memory controller that have to do with the GART: Tegra 2 Technical Reference Manual,
// "Memory Controller", MC_* registers. Those of arbitration, latency allowance and clients' resets are left out.
#pragma once

#include "models/core/registers.h"

#include <array>
#include <cstdint>
#include <span>

namespace iommulab::gart {

/// Bytes of the memory controller's register space (Linux, tegra20.dtsi: the first range of the "mc" node).
inline constexpr std::uint32_t register_space_bytes = 0x400;
/// Bytes of a page, and the most entries that ENTRY_ADDR can name.
inline constexpr unsigned page_log2 = 12, most_entries_log2 = 13;

namespace interrupt { // INTSTATUS: write 1 to clear; INTMASK has the same fields, 1 lets it through
inline constexpr bit_field DECERR_EMEM{"DECERR_EMEM", 6, 1}, INVALID_GART_PAGE{"INVALID_GART_PAGE", 7, 1},
    SECURITY_VIOLATION{"SECURITY_VIOLATION", 8, 1};
inline constexpr std::array fields{DECERR_EMEM, INVALID_GART_PAGE, SECURITY_VIOLATION};
} // namespace interrupt

namespace config { // GART_CONFIG
inline constexpr bit_field ENABLE{"GART_ENABLE", 0, 1};
inline constexpr std::array fields{ENABLE};
} // namespace config

namespace entry_addr { // GART_ENTRY_ADDR: which entry ENTRY_DATA is; an address in the aperture will do
inline constexpr bit_field TABLE_ADDR{"GART_ENTRY_ADDR_TABLE_ADDR", 12, 13};
inline constexpr std::array fields{TABLE_ADDR};
} // namespace entry_addr

namespace entry_data { // GART_ENTRY_DATA: an entry
inline constexpr bit_field PHYS_ADDR_VALID{"PHYS_ADDR_VALID", 31, 1}, PHYS_ADDR_bits{"PHYS_ADDR", 12, 19};
inline constexpr address_field PHYS_ADDR{"PHYS_ADDR", 12, 19};
inline constexpr std::array fields{PHYS_ADDR_bits, PHYS_ADDR_VALID};
} // namespace entry_data

namespace gart_error { // GART_ERROR_REQ
inline constexpr bit_field DIRECTION{"GART_ERROR_DIRECTION", 0, 1}, CLIENT_ID{"GART_ERROR_CLIENT_ID", 1, 6};
inline constexpr std::array fields{DIRECTION, CLIENT_ID};
} // namespace gart_error

namespace decerr { // DECERR_EMEM_OTHERS_STATUS
inline constexpr bit_field CLIENT_ID{"DECERR_EMEM_OTHERS_ID", 0, 6}, WRITE{"DECERR_EMEM_OTHERS_RW", 31, 1};
inline constexpr std::array fields{CLIENT_ID, WRITE};
} // namespace decerr

namespace reg {
extern const register_declaration &INTSTATUS, &INTMASK, &GART_CONFIG, &GART_ENTRY_ADDR, &GART_ENTRY_DATA,
    &GART_ERROR_REQ, &GART_ERROR_ADDR, &DECERR_EMEM_OTHERS_STATUS, &DECERR_EMEM_OTHERS_ADR;
} // namespace reg

/// All registers, in order of offset.
std::span<const register_declaration> registers();

} // namespace iommulab::gart
