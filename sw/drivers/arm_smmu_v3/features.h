// SPDX-License-Identifier: Apache-2.0
// What an SMMU can do, read from its ID registers (Arm IHI 0070, 6.3.1 to 6.3.7).
#pragma once

#include "sw/iommu/device.h"
#include "sw/iommu/failure.h"

#include <cstdint>
#include <string>
#include <variant>

namespace iommulab::sw::arm_smmu_v3 {

struct id_registers {
    std::uint32_t IDR0 = 0, IDR1 = 0, IDR3 = 0, IDR5 = 0, IIDR = 0;
};

struct features {
    bool two_level_stream_table = false, two_level_cd_table = false;
    bool ats = false, pri = false, sev = false, msi = false, hyp = false;
    bool coherent = false; ///< as firmware says; IDR0.COHACC only earns a warning when it differs
    bool stalls = false, stall_force = false;
    bool stage1 = false, stage2 = false, range_invalidation = false, va_52_bits = false;
    bool poll_by_msi = false; ///< CMD_SYNC tells by writing memory
    bool nesting = false;
    unsigned asid_bits = 8, vmid_bits = 8, ssid_bits = 0, sid_bits = 0;
    unsigned cmdq_log2 = 0, evtq_log2 = 0, priq_log2 = 0; ///< entries
    unsigned ias = 0, oas = 0, stall_max = 0;
    std::uint64_t page_sizes = 0;
};

/// Bytes that a queue takes at most, as a power of two: 8 more than a page (CONFIG_CMA_ALIGNMENT of Debian's arm64
/// kernel; its log shows queues of 1 MiB).
inline constexpr unsigned queue_log2_bytes_beyond_page = 8;

struct feature_error {
    const failure_row* row;
    std::string message;
};

/// The features, or why Linux 6.1 does not drive such an SMMU.
std::variant<features, feature_error> read_features(const id_registers& id, const instance_firmware& firmware,
                                                    unsigned page_shift);

} // namespace iommulab::sw::arm_smmu_v3
