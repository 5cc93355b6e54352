// SPDX-License-Identifier: Apache-2.0
// What CAP and ECAP promise (VT-d specification, "Capability Register", "Extended Capability Register"), decoded once.
#pragma once

#include <cstdint>
#include <string>

namespace iommulab::vtd {

/// The identification registers as software reads them. The defaults are a unit with everything that this model has.
struct id_registers {
    std::uint32_t VER = 0x10; ///< 1.0, as all server units up to Cascade Lake say
    /// ESRTPS FS5LP FS1GP DRD DWD MAMV=18 NFR=8 PSI SSLPS=2M,1G FRO=0x220 ZLR MGAW=57 SAGAW=39,48,57 PHMR PLMR ND=6
    std::uint64_t CAP = 0x91d2'078c'2278'0e66;
    /// RPS FSTS SSTS SSADS SMTS PASID PSS=20 EAFS SRS ERS NEST MHMV=15 IRO=0xf0 SC PT DT QI C
    std::uint64_t ECAP = 0x0002'e99c'c4f0'0fc7;
};

struct features {
    bool queued_invalidation, device_tlb, interrupt_remapping, pass_through, snoop_control, nested, execute_requests,
        supervisor_requests, extended_accessed, pasid, page_requests, scalable_mode, second_stage_accessed_dirty,
        second_stage, first_stage, abort_mode, page_walk_snoop, device_tlb_throttling, page_request_drain;
    bool caching_mode, write_buffer_flush, zero_length_reads, low_protected, high_protected, pages_2m, pages_1g,
        page_selective, drain_writes, drain_reads, first_stage_1g, first_stage_5_levels, root_pointer_invalidates;
    unsigned sagaw;      ///< bit n: second-stage tables of n + 2 levels
    unsigned guest_bits; ///< MGAW: input addresses that second-stage tables may translate
    unsigned host_bits;  ///< physical addresses
    unsigned most_am;    ///< MAMV
    unsigned fault_records;
    unsigned domain_bits; ///< ND
    unsigned pasid_bits;  ///< PSS

    /// May second-stage tables have so many levels?
    [[nodiscard]] bool has_levels(unsigned levels) const { return levels >= 2 && ((sagaw >> (levels - 2)) & 1) != 0; }

    /// `host_address_bits` 0: as many as MGAW.
    static features of(const id_registers& id, unsigned host_address_bits);
};

/// What of `id` promises something that this model doesn't do, or contradicts itself; empty when nothing does.
std::string complaint_about(const id_registers& id, unsigned host_address_bits);

} // namespace iommulab::vtd
