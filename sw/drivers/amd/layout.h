// SPDX-License-Identifier: Apache-2.0
// Sizes that the driver of Linux 6.1 chose.
#pragma once

#include <cstdint>

namespace iommulab::sw::amd {

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_bytes = std::uint64_t{1} << page_shift;
inline constexpr unsigned ring_log2_entries = 9; ///< command buffer and event log: 512 entries of 16 bytes
inline constexpr unsigned ring_entry_bytes = 16;
inline constexpr std::uint32_t ring_bytes = (1U << ring_log2_entries) * ring_entry_bytes;
inline constexpr unsigned loop_timeout = 100'000;      ///< LOOP_TIMEOUT: looks, a microsecond apart
inline constexpr unsigned default_levels = 3;          ///< DEFAULT_PGTABLE_LEVEL: version 1 tables grow from there
inline constexpr unsigned version_2_levels = 4;        ///< Linux 6.1 uses no fifth
inline constexpr std::uint32_t last_domain_id = 65535; ///< MAX_DOMAIN_ID - 1; 0 means none
inline constexpr std::uint32_t last_device_id = 0xffff;
inline constexpr unsigned invalidation_timeout_1s = 4; ///< Control.InvTimeOut
/// Version 1: every power of two from 4 KiB on, but 512 GiB (AMD_IOMMU_PGSIZES).
inline constexpr std::uint64_t version_1_page_sizes = ~std::uint64_t{0xfff} & ~(std::uint64_t{2} << 38);
inline constexpr std::uint64_t version_2_page_sizes = 1 << 12 | 1 << 21 | 1 << 30;
/// Addresses of interrupts, and those of HyperTransport (MSI_RANGE_*, HT_RANGE_*).
inline constexpr std::uint64_t msi_first = 0xfee00000, msi_last = 0xfeefffff;
inline constexpr std::uint64_t ht_first = 0xfd00000000, ht_last = 0xffffffffff;

} // namespace iommulab::sw::amd
