// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// What the replay of recordings has to know of the Arm SMMUv3's programmer's view. Written from the manual (IHI 0070)
// and not taken from the model: the replay is to find out when the model has it wrong.
namespace iommulab::conformance::smmu_v3 {

// Registers, chapter 6.3.
constexpr std::uint64_t IDR5 = 0x14;
constexpr std::uint64_t AIDR = 0x1c;
constexpr std::uint64_t CR0 = 0x20;
constexpr std::uint64_t CR0ACK = 0x24;
constexpr std::uint64_t CR1 = 0x28;
constexpr std::uint64_t CR2 = 0x2c;
constexpr std::uint64_t IRQ_CTRL = 0x50;
constexpr std::uint64_t IRQ_CTRLACK = 0x54;
constexpr std::uint64_t GERROR = 0x60;
constexpr std::uint64_t STRTAB_BASE = 0x80;
constexpr std::uint64_t STRTAB_BASE_CFG = 0x88;
constexpr std::uint64_t CMDQ_BASE = 0x90;
constexpr std::uint64_t CMDQ_PROD = 0x98;
constexpr std::uint64_t CMDQ_CONS = 0x9c;
constexpr std::uint64_t EVENTQ_BASE = 0xa0;
constexpr std::uint64_t PRIQ_BASE = 0xc0;
constexpr std::uint64_t EVENTQ_PROD = 0x100a8; ///< in page 1
constexpr std::uint64_t EVENTQ_CONS = 0x100ac;
constexpr std::uint64_t PRIQ_PROD = 0x100c8;
constexpr std::uint64_t PRIQ_CONS = 0x100cc;

constexpr std::uint32_t CR0_SMMUEN = 1;
constexpr std::uint32_t CR0_PRIQEN = 2;
constexpr std::uint32_t CR0_EVENTQEN = 4;
constexpr std::uint32_t CR0_CMDQEN = 8;

constexpr std::uint64_t queue_address_mask = 0x000fffffffffffe0; ///< *_BASE.ADDR; LOG2SIZE is below it
constexpr std::uint64_t queue_log2size_mask = 0x1f;
constexpr std::uint32_t queue_index_mask =
    0xfffff; ///< index and wrap bit; CMDQ_CONS.ERR and the overflow flags are above
constexpr std::uint64_t command_bytes = 16;
constexpr std::uint64_t event_bytes = 32;

// Stream table, 5.2, and context descriptors, 5.4.
constexpr std::uint64_t strtab_address_mask = 0x000fffffffffffc0;
constexpr std::uint64_t ste_bytes = 64;
constexpr std::uint64_t cd_bytes = 64;
constexpr std::uint64_t STE_V = 1;
constexpr std::uint64_t STE_Config_shift = 1;
constexpr std::uint64_t STE_Config_abort = 0;
constexpr std::uint64_t STE_Config_bypass = 4;
constexpr std::uint64_t STE_Config_s1 = 5;
constexpr std::uint64_t STE_S1ContextPtr_mask = 0x000fffffffffffc0;
constexpr std::uint64_t STE_SHCFG_incoming = std::uint64_t{1} << 44; ///< in the second doubleword
constexpr std::uint64_t CD_TTB_mask = 0x000ffffffffffff0;

} // namespace iommulab::conformance::smmu_v3
