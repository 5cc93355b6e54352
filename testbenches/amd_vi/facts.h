// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// What the replay of recordings has to know of AMD's IOMMU. Written from the manual (publication 48882) and not taken
// from the model: the replay is to find out when the model has it wrong.
namespace iommulab::conformance::amd_vi {

// Registers, 3.4.
constexpr std::uint64_t device_table_base = 0x00;
constexpr std::uint64_t command_base = 0x08;
constexpr std::uint64_t event_base = 0x10;
constexpr std::uint64_t control = 0x18;
constexpr std::uint64_t exclusion_base = 0x20;
constexpr std::uint64_t exclusion_limit = 0x28;
constexpr std::uint64_t extended_feature = 0x30;
constexpr std::uint64_t ppr_base = 0x38;
constexpr std::uint64_t command_head = 0x2000;
constexpr std::uint64_t command_tail = 0x2008;
constexpr std::uint64_t event_head = 0x2010;
constexpr std::uint64_t event_tail = 0x2018;
constexpr std::uint64_t status = 0x2020;

constexpr std::uint64_t control_IommuEn = 1, control_EventLogEn = 1 << 2, control_CmdBufEn = 1 << 12;
constexpr std::uint64_t status_EventOverflow = 1, status_EventLogRun = 1 << 3, status_CmdBufRun = 1 << 4;

constexpr std::uint64_t page_address_mask = 0x000ffffffffff000; ///< of bases, table pointers and page addresses
constexpr std::uint64_t device_table_size_mask = 0x1ff;         ///< (n + 1) pages of 4 KiB
constexpr std::uint64_t ring_entry_bytes = 16;
constexpr unsigned ring_length_shift = 56; ///< 2^n entries

constexpr unsigned physical_address_bits = 52;
constexpr std::uint64_t interrupt_range_first = 0xfee00000, interrupt_range_last = 0xfeefffff; ///< 2.1.2.1

// Device table entries, 2.2.2.1: the first doubleword.
constexpr std::uint64_t dte_bytes = 32;
constexpr std::uint64_t DTE_V = 1, DTE_TV = 2;
constexpr std::uint64_t DTE_IR_IW = std::uint64_t{3} << 61;
constexpr unsigned DTE_Mode_shift = 9;
constexpr std::uint64_t DTE_Mode_mask = 7;
constexpr std::uint64_t DTE_DomainID_mask = 0xffff; ///< in the second

// Page table entries, 2.2.3.
constexpr std::uint64_t PTE_PR = 1;
constexpr std::uint64_t PTE_IR = std::uint64_t{1} << 61, PTE_IW = std::uint64_t{1} << 62;
constexpr unsigned PTE_NextLevel_shift = 9;
constexpr std::uint64_t PTE_NextLevel_sized = 7;

/// Bytes of the ring whose base register has this value.
constexpr std::uint64_t ring_bytes(std::uint64_t base) {
    return ring_entry_bytes << (base >> ring_length_shift & 0xf);
}

} // namespace iommulab::conformance::amd_vi
