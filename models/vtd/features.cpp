// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/features.h"

#include "models/vtd/spec/registers.h"

#include <algorithm>
#include <array>
#include <span>

namespace iommulab::vtd {

namespace {

/// Second-stage tables of 3, 4 and 5 levels: bits 1 to 3.
constexpr unsigned possible_sagaw = 0xe;
constexpr unsigned most_host_bits = 52, most_guest_bits = 57;
constexpr unsigned record_bytes = 16;

unsigned value(const bit_field& f, std::uint64_t word) {
    return static_cast<unsigned>(f.of(word));
}

std::string promised(std::span<const bit_field> fields, const char* name, std::uint64_t word) {
    for (const bit_field& f : fields)
        if (f.of(word))
            return std::string(name) + "." + f.name + ": found " + std::to_string(f.of(word)) +
                   ", expected 0: this model does not have it";
    return {};
}

} // namespace

features features::of(const id_registers& id, unsigned host_address_bits) {
    const std::uint64_t c = id.CAP, e = id.ECAP;
    const unsigned guest = value(cap::MGAW, c) + 1;
    return {
        .queued_invalidation = ecap::QI.of(e) != 0,
        .device_tlb = ecap::DT.of(e) != 0,
        .interrupt_remapping = ecap::IR.of(e) != 0,
        .pass_through = ecap::PT.of(e) != 0,
        .snoop_control = ecap::SC.of(e) != 0,
        .nested = ecap::NEST.of(e) != 0,
        .execute_requests = ecap::ERS.of(e) != 0,
        .supervisor_requests = ecap::SRS.of(e) != 0,
        .extended_accessed = ecap::EAFS.of(e) != 0,
        .pasid = ecap::PASID.of(e) != 0,
        .page_requests = ecap::PRS.of(e) != 0,
        .scalable_mode = ecap::SMTS.of(e) != 0,
        .second_stage_accessed_dirty = ecap::SSADS.of(e) != 0,
        .second_stage = ecap::SSTS.of(e) != 0,
        .first_stage = ecap::FSTS.of(e) != 0,
        .abort_mode = ecap::ADMS.of(e) != 0,
        .page_walk_snoop = ecap::SMPWCS.of(e) != 0,
        .device_tlb_throttling = ecap::DIT.of(e) != 0,
        .page_request_drain = ecap::PDS.of(e) != 0,
        .caching_mode = cap::CM.of(c) != 0,
        .write_buffer_flush = cap::RWBF.of(c) != 0,
        .zero_length_reads = cap::ZLR.of(c) != 0,
        .low_protected = cap::PLMR.of(c) != 0,
        .high_protected = cap::PHMR.of(c) != 0,
        .pages_2m = ((cap::SSLPS.of(c) >> cap::sslps_2m) & 1) != 0,
        .pages_1g = ((cap::SSLPS.of(c) >> cap::sslps_1g) & 1) != 0,
        .page_selective = cap::PSI.of(c) != 0,
        .drain_writes = cap::DWD.of(c) != 0,
        .drain_reads = cap::DRD.of(c) != 0,
        .first_stage_1g = cap::FS1GP.of(c) != 0,
        .first_stage_5_levels = cap::FS5LP.of(c) != 0,
        .root_pointer_invalidates = cap::ESRTPS.of(c) != 0,
        .sagaw = value(cap::SAGAW, c),
        .guest_bits = guest,
        .host_bits = host_address_bits ? host_address_bits : std::min(guest, most_host_bits),
        .most_am = value(cap::MAMV, c),
        .fault_records = value(cap::NFR, c) + 1,
        .domain_bits = 4 + 2 * value(cap::ND, c),
        .pasid_bits = value(ecap::PSS, e) + 1,
    };
}

std::string complaint_about(const id_registers& id, unsigned host_address_bits) {
    const std::array left_out_of_cap{cap::AFL, cap::PI, cap::ECMDS};
    const std::array left_out_of_ecap{ecap::VCS, ecap::PMS};
    for (std::string complaint :
         {promised(left_out_of_cap, "CAP", id.CAP), promised(left_out_of_ecap, "ECAP", id.ECAP)})
        if (!complaint.empty())
            return complaint;
    if (cap::FRO.of(id.CAP) * record_bytes != fault_records_offset)
        return "CAP.FRO: found " + std::to_string(cap::FRO.of(id.CAP)) + ", expected " +
               std::to_string(fault_records_offset / record_bytes) + ", where the model has its fault records";
    if (ecap::IRO.of(id.ECAP) * record_bytes != iotlb_registers_offset)
        return "ECAP.IRO: found " + std::to_string(ecap::IRO.of(id.ECAP)) + ", expected " +
               std::to_string(iotlb_registers_offset / record_bytes) + ", where the model has IVA and IOTLB";
    if (cap::NFR.of(id.CAP) >= most_fault_records)
        return "CAP.NFR: found " + std::to_string(cap::NFR.of(id.CAP)) + ", expected at most " +
               std::to_string(most_fault_records - 1);
    if (cap::ND.of(id.CAP) > 6)
        return "CAP.ND: found 7, expected at most 6: domain ids have up to 16 bits";
    const unsigned sagaw = value(cap::SAGAW, id.CAP);
    if (sagaw == 0 || (sagaw & ~possible_sagaw) != 0)
        return "CAP.SAGAW: found " + std::to_string(sagaw) + ", expected some of bits 1 (39), 2 (48) and 3 (57)";
    if (cap::SSLPS.of(id.CAP) > 3)
        return "CAP.SSLPS: found " + std::to_string(cap::SSLPS.of(id.CAP)) +
               ", expected pages of 2 MiB and 1 GiB alone";
    const unsigned guest = value(cap::MGAW, id.CAP) + 1;
    if (guest < 32 || guest > most_guest_bits)
        return "CAP.MGAW: found " + std::to_string(guest - 1) + ", expected 31 to " +
               std::to_string(most_guest_bits - 1);
    if (host_address_bits != 0 && (host_address_bits < 32 || host_address_bits > most_host_bits))
        return "host_address_bits: found " + std::to_string(host_address_bits) + ", expected 0, or 32 to " +
               std::to_string(most_host_bits);
    const features f = features::of(id, host_address_bits);
    if (f.pasid_bits > 20)
        return "ECAP.PSS: found " + std::to_string(f.pasid_bits - 1) + ", expected at most 19";
    if (!f.scalable_mode && (f.first_stage || f.second_stage || f.nested || f.pasid))
        return "ECAP.SMTS: found 0, expected 1 with FSTS, SSTS, NEST or PASID";
    if (f.nested && !(f.first_stage && f.second_stage))
        return "ECAP.NEST: found 1, expected 0 unless FSTS and SSTS are set";
    return {};
}

} // namespace iommulab::vtd
