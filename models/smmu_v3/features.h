// SPDX-License-Identifier: Apache-2.0
// What the ID registers promise (Arm IHI 0070, 6.3.1 to 6.3.8), decoded once.
#pragma once

#include <cstdint>
#include <string>

namespace iommulab::smmu_v3 {

/// The ID registers as software reads them. The defaults are an SMMU with everything that this model has.
struct id_registers {
    std::uint32_t IDR0 =
        0x084c'729b; ///< S2P S1P TTF=AArch64 COHACC HTTU=2 HYP ASID16 MSI SEV VMID16 CD2L TTENDIAN=little ST_LEVEL=1
    std::uint32_t IDR1 = 0x0673'0518; ///< SIDSIZE=24 SSIDSIZE=20 EVENTQS=CMDQS=19 ATTR_PERMS_OVR
    std::uint32_t IDR3 = 0x0000'1614; ///< HAD XNX STT RIL BBML=2
    std::uint32_t IDR5 = 0x0000'0075; ///< OAS=48 bits, granules of 4K, 16K, 64K
    std::uint32_t IIDR = 0x0000'043b; ///< Arm, no product
    std::uint32_t AIDR = 0x02;        ///< SMMUv3.2
};

enum class stall_model : std::uint8_t { stall_and_terminate = 0, terminate_only = 1, stall_forced = 2 };

struct features {
    bool s1p, s2p, hyp, ats, pri, msi, sev, asid16, vmid16, cd2l, two_level_stream_table, abort_only,
        attribute_overrides;
    bool had, xnx, stt, ril, granule_4k, granule_16k, granule_64k, va_52_bits;
    unsigned httu; ///< 0: none, 1: access flag, 2: access flag and dirty state
    stall_model stalls;
    unsigned sid_bits, ssid_bits, oas_bits, cmdq_log2, eventq_log2, priq_log2;

    /// Input addresses that bypass stage 1, and intermediate addresses, have as many bits as output addresses where
    /// there are no AArch32 tables (3.4.1).
    [[nodiscard]] unsigned ias_bits() const { return oas_bits; }

    static features of(const id_registers& id);
};

/// What of `id` promises something that this model doesn't do, or contradicts itself; empty when nothing does.
std::string complaint_about(const id_registers& id);

} // namespace iommulab::smmu_v3
