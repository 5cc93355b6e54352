// SPDX-License-Identifier: Apache-2.0
// Commands: Arm IHI 0070, chapter 4. 16 bytes each, bits numbered over the whole command.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>

namespace iommulab::smmu_v3 {

/// The first byte of a command (4.1.1).
enum class opcode : std::uint8_t {
    CMD_PREFETCH_CONFIG = 0x01,
    CMD_PREFETCH_ADDR = 0x02,
    CMD_CFGI_STE = 0x03,
    CMD_CFGI_STE_RANGE = 0x04, ///< with Range = 31: CMD_CFGI_ALL
    CMD_CFGI_CD = 0x05,
    CMD_CFGI_CD_ALL = 0x06,
    CMD_TLBI_NH_ALL = 0x10,
    CMD_TLBI_NH_ASID = 0x11,
    CMD_TLBI_NH_VA = 0x12,
    CMD_TLBI_NH_VAA = 0x13,
    CMD_TLBI_EL2_ALL = 0x20,
    CMD_TLBI_EL2_ASID = 0x21,
    CMD_TLBI_EL2_VA = 0x22,
    CMD_TLBI_EL2_VAA = 0x23,
    CMD_TLBI_S12_VMALL = 0x28,
    CMD_TLBI_S2_IPA = 0x2a,
    CMD_TLBI_NSNH_ALL = 0x30,
    CMD_ATC_INV = 0x40,
    CMD_PRI_RESP = 0x41,
    CMD_RESUME = 0x44,
    CMD_STALL_TERM = 0x45,
    CMD_SYNC = 0x46,
};

/// The manual's name of an opcode, or nullptr.
const char* name_of(opcode code);

namespace command {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field Opcode{"Opcode", 0, 8}, SSec{"SSec", 10, 1}, SSV{"SSV", 11, 1},
    SubstreamID{"SubstreamID", 12, 20}, StreamID{"StreamID", 32, 32};
inline constexpr bit_field Size{"Size", 64, 5}, Stride{"Stride", 69, 5}; // CMD_PREFETCH_ADDR (4.2.2)
inline constexpr bit_field Leaf{"Leaf", 64, 1}, Range{"Range", 64, 5};   // CMD_CFGI_* (4.3), CMD_TLBI_* (4.4)
inline constexpr bit_field NUM{"NUM", 12, 5}, SCALE{"SCALE", 20, 5}, VMID{"VMID", 32, 16}, ASID{"ASID", 48, 16},
    TTL{"TTL", 72, 2}, TG{"TG", 74, 2};                    // CMD_TLBI_* (4.4.1)
inline constexpr address_field Address{"Address", 12, 52}; // in word 1: CMD_TLBI_*, CMD_ATC_INV, CMD_PREFETCH_ADDR
inline constexpr bit_field Global{"Global", 9, 1}, ATC_Size{"Size", 64, 6};        // CMD_ATC_INV (4.5.1)
inline constexpr bit_field PRGIndex{"PRGIndex", 64, 9}, Resp{"Resp", 76, 2};       // CMD_PRI_RESP (4.5.2)
inline constexpr bit_field Ac{"Ac", 12, 1}, Ab{"Ab", 13, 1}, STAG{"STAG", 64, 16}; // CMD_RESUME (4.6.1)
inline constexpr bit_field CS{"CS", 12, 2}, MSH{"MSH", 22, 2}, MSIAttr{"MSIAttr", 24, 4}, MSIData{"MSIData", 32, 32};
inline constexpr address_field MSIAddress{"MSIAddress", 2, 50}; // in word 1: CMD_SYNC (4.7.3)

/// CMD_SYNC.CS: how completion is signalled.
enum class completion : std::uint8_t { SIG_NONE = 0, SIG_IRQ = 1, SIG_SEV = 2, reserved = 3 };
/// CMD_CFGI_STE_RANGE.Range that means CMD_CFGI_ALL (4.3.3).
inline constexpr unsigned range_all = 31;
} // namespace command

} // namespace iommulab::smmu_v3
