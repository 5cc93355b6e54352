// SPDX-License-Identifier: Apache-2.0
// Sizes that the driver of Linux 6.1 chose, and the encodings that the SMMU's own tables share.
#pragma once

#include <cstdint>

namespace iommulab::sw::arm_smmu_v3 {

inline constexpr unsigned batch_commands = 64;       ///< commands written before CMDQ_PROD moves
inline constexpr unsigned stream_split = 8;          ///< StreamID bits of a level 2 stream table
inline constexpr unsigned stream_l1_log2_bytes = 20; ///< level 1 stream table, at most
inline constexpr unsigned cd_split = 10;             ///< SubstreamID bits of a level 2 CD table (64 KiB)
inline constexpr std::uint64_t poll_timeout_ns = 1'000'000'000;
/// How long the driver waits for room before it takes the SMMU for dead, where Linux waits for ever: assumption.
inline constexpr std::uint64_t full_queue_limit_ns = 10'000'000'000;
inline constexpr unsigned poll_spins = 10;                                           ///< looks before the pause doubles
inline constexpr std::uint64_t msi_iova_base = 0x8000000, msi_iova_bytes = 0x100000; ///< software MSI region
inline constexpr unsigned priq_entry_bytes = 16;                                     ///< Arm IHI 0070, 8.1

/// Shareability, as CR1, CD, STE and commands have it.
inline constexpr unsigned outer_shareable = 2, inner_shareable = 3;
/// Cacheability of tables and queues: write-back, read and write allocate.
inline constexpr unsigned write_back = 1;
/// Memory attributes: device-nGnRE, and normal write-back in both domains (Arm IHI 0070, 3.16).
inline constexpr unsigned device_nGnRE = 1, outer_inner_write_back = 0xf;

} // namespace iommulab::sw::arm_smmu_v3
