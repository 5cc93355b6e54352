// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/features.h"

#include "models/pagetables/arm_vmsa_format.h"
#include "models/smmu_v3/spec/registers.h"

#include <algorithm>
#include <array>

namespace iommulab::smmu_v3 {

namespace {

constexpr unsigned most_queue_entries_log2 = 19; // 6.3.2: CMDQS, EVENTQS and PRIQS
constexpr unsigned most_substream_bits = 20;     // 6.3.2: SSIDSIZE
constexpr unsigned most_stream_bits = 32;        // 6.3.2: SIDSIZE

unsigned value(const bit_field& f, std::uint32_t word) {
    return static_cast<unsigned>(f.of(word));
}

} // namespace

features features::of(const id_registers& id) {
    const std::uint32_t r0 = id.IDR0, r1 = id.IDR1, r3 = id.IDR3, r5 = id.IDR5;
    return {
        .s1p = idr0::S1P.of(r0) != 0,
        .s2p = idr0::S2P.of(r0) != 0,
        .hyp = idr0::HYP.of(r0) != 0,
        .ats = idr0::ATS.of(r0) != 0,
        .pri = idr0::PRI.of(r0) != 0,
        .msi = idr0::MSI.of(r0) != 0,
        .sev = idr0::SEV.of(r0) != 0,
        .asid16 = idr0::ASID16.of(r0) != 0,
        .vmid16 = idr0::VMID16.of(r0) != 0,
        .cd2l = idr0::CD2L.of(r0) != 0,
        .two_level_stream_table = idr0::ST_LEVEL.of(r0) == 1,
        .abort_only = idr0::TERM_MODEL.of(r0) != 0,
        .attribute_overrides = idr1::ATTR_PERMS_OVR.of(r1) != 0,
        .had = idr3::HAD.of(r3) != 0,
        .xnx = idr3::XNX.of(r3) != 0,
        .stt = idr3::STT.of(r3) != 0,
        .ril = idr3::RIL.of(r3) != 0,
        .granule_4k = idr5::GRAN4K.of(r5) != 0,
        .granule_16k = idr5::GRAN16K.of(r5) != 0,
        .granule_64k = idr5::GRAN64K.of(r5) != 0,
        .va_52_bits = idr5::VAX.of(r5) == 1,
        .httu = value(idr0::HTTU, r0),
        .stalls = static_cast<stall_model>(idr0::STALL_MODEL.of(r0)),
        .sid_bits = std::min(value(idr1::SIDSIZE, r1), most_stream_bits),
        .ssid_bits = std::min(value(idr1::SSIDSIZE, r1), most_substream_bits),
        .oas_bits = arm_vmsa::address_bits_of(value(idr5::OAS, r5)),
        .cmdq_log2 = std::min(value(idr1::CMDQS, r1), most_queue_entries_log2),
        .eventq_log2 = std::min(value(idr1::EVENTQS, r1), most_queue_entries_log2),
        .priq_log2 = std::min(value(idr1::PRIQS, r1), most_queue_entries_log2),
    };
}

std::string complaint_about(const id_registers& id) {
    const std::array left_out_of_idr0{idr0::BTM, idr0::DORMHINT, idr0::ATOS, idr0::VMW, idr0::VATOS};
    const std::array left_out_of_idr1{idr1::QUEUES_PRESET, idr1::TABLES_PRESET, idr1::ECMDQ};
    const std::array left_out_of_idr3{idr3::MPAM, idr3::FWB, idr3::E0PD, idr3::DPT};
    const std::array left_out_of_idr5{idr5::DS, idr5::D128};
    const auto promised = [](const auto& fields, const char* name, std::uint32_t word) -> std::string {
        for (const bit_field& f : fields)
            if (f.of(word))
                return std::string(name) + "." + f.name + ": found " + std::to_string(f.of(word)) +
                       ", expected 0: this model does not have it";
        return {};
    };
    for (std::string complaint :
         {promised(left_out_of_idr0, "IDR0", id.IDR0), promised(left_out_of_idr1, "IDR1", id.IDR1),
          promised(left_out_of_idr3, "IDR3", id.IDR3), promised(left_out_of_idr5, "IDR5", id.IDR5)})
        if (!complaint.empty())
            return complaint;
    const features f = features::of(id);
    if (!f.s1p && !f.s2p)
        return "IDR0: S1P and S2P are 0, expected at least one stage";
    if (idr0::TTF.of(id.IDR0) != 2)
        return "IDR0.TTF: found " + std::to_string(idr0::TTF.of(id.IDR0)) + ", expected 2: AArch64 tables alone";
    if (idr0::TTENDIAN.of(id.IDR0) != 2)
        return "IDR0.TTENDIAN: found " + std::to_string(idr0::TTENDIAN.of(id.IDR0)) +
               ", expected 2: little-endian tables alone";
    if (idr0::STALL_MODEL.of(id.IDR0) == 3 || idr0::HTTU.of(id.IDR0) == 3 || idr0::ST_LEVEL.of(id.IDR0) > 1)
        return "IDR0: a reserved value of STALL_MODEL, HTTU or ST_LEVEL";
    if (f.hyp && !(f.s1p && f.s2p))
        return "IDR0.HYP: found 1, expected 0 unless both stages exist";
    if (idr5::OAS.of(id.IDR5) > 6 || idr5::VAX.of(id.IDR5) > 1)
        return "IDR5: a reserved value of OAS or VAX";
    if (!f.granule_4k && !f.granule_16k && !f.granule_64k)
        return "IDR5: no granule";
    if (idr1::SIDSIZE.of(id.IDR1) > most_stream_bits || idr1::SSIDSIZE.of(id.IDR1) > most_substream_bits)
        return "IDR1: SIDSIZE or SSIDSIZE too large, expected at most 32 and 20";
    if (std::max({idr1::CMDQS.of(id.IDR1), idr1::EVENTQS.of(id.IDR1), idr1::PRIQS.of(id.IDR1)}) >
        most_queue_entries_log2)
        return "IDR1: a queue size beyond 2^19 entries";
    return {};
}

} // namespace iommulab::smmu_v3
