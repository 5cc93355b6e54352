// SPDX-License-Identifier: Apache-2.0
#include "models/core/names.h"

#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/events.h"

namespace iommulab::smmu_v3 {

namespace {

constexpr code_name<opcode> opcodes[] = {
    {opcode::CMD_PREFETCH_CONFIG, "CMD_PREFETCH_CONFIG"},
    {opcode::CMD_PREFETCH_ADDR, "CMD_PREFETCH_ADDR"},
    {opcode::CMD_CFGI_STE, "CMD_CFGI_STE"},
    {opcode::CMD_CFGI_STE_RANGE, "CMD_CFGI_STE_RANGE"},
    {opcode::CMD_CFGI_CD, "CMD_CFGI_CD"},
    {opcode::CMD_CFGI_CD_ALL, "CMD_CFGI_CD_ALL"},
    {opcode::CMD_TLBI_NH_ALL, "CMD_TLBI_NH_ALL"},
    {opcode::CMD_TLBI_NH_ASID, "CMD_TLBI_NH_ASID"},
    {opcode::CMD_TLBI_NH_VA, "CMD_TLBI_NH_VA"},
    {opcode::CMD_TLBI_NH_VAA, "CMD_TLBI_NH_VAA"},
    {opcode::CMD_TLBI_EL2_ALL, "CMD_TLBI_EL2_ALL"},
    {opcode::CMD_TLBI_EL2_ASID, "CMD_TLBI_EL2_ASID"},
    {opcode::CMD_TLBI_EL2_VA, "CMD_TLBI_EL2_VA"},
    {opcode::CMD_TLBI_EL2_VAA, "CMD_TLBI_EL2_VAA"},
    {opcode::CMD_TLBI_S12_VMALL, "CMD_TLBI_S12_VMALL"},
    {opcode::CMD_TLBI_S2_IPA, "CMD_TLBI_S2_IPA"},
    {opcode::CMD_TLBI_NSNH_ALL, "CMD_TLBI_NSNH_ALL"},
    {opcode::CMD_ATC_INV, "CMD_ATC_INV"},
    {opcode::CMD_PRI_RESP, "CMD_PRI_RESP"},
    {opcode::CMD_RESUME, "CMD_RESUME"},
    {opcode::CMD_STALL_TERM, "CMD_STALL_TERM"},
    {opcode::CMD_SYNC, "CMD_SYNC"},
};

} // namespace

const char* name_of(opcode code) {
    return name_in(opcodes, code);
}

namespace {

constexpr code_name<event> events[] = {
    {event::F_UUT, "F_UUT"},
    {event::C_BAD_STREAMID, "C_BAD_STREAMID"},
    {event::F_STE_FETCH, "F_STE_FETCH"},
    {event::C_BAD_STE, "C_BAD_STE"},
    {event::F_BAD_ATS_TREQ, "F_BAD_ATS_TREQ"},
    {event::F_STREAM_DISABLED, "F_STREAM_DISABLED"},
    {event::F_TRANSL_FORBIDDEN, "F_TRANSL_FORBIDDEN"},
    {event::C_BAD_SUBSTREAMID, "C_BAD_SUBSTREAMID"},
    {event::F_CD_FETCH, "F_CD_FETCH"},
    {event::C_BAD_CD, "C_BAD_CD"},
    {event::F_WALK_EABT, "F_WALK_EABT"},
    {event::F_TRANSLATION, "F_TRANSLATION"},
    {event::F_ADDR_SIZE, "F_ADDR_SIZE"},
    {event::F_ACCESS, "F_ACCESS"},
    {event::F_PERMISSION, "F_PERMISSION"},
    {event::F_TLB_CONFLICT, "F_TLB_CONFLICT"},
    {event::F_CFG_CONFLICT, "F_CFG_CONFLICT"},
    {event::E_PAGE_REQUEST, "E_PAGE_REQUEST"},
    {event::F_VMS_FETCH, "F_VMS_FETCH"},
};

} // namespace

const char* name_of(event e) {
    return name_in(events, e);
}

namespace {

bool has_fetch_address(event e) {
    return e == event::F_STE_FETCH || e == event::F_CD_FETCH || e == event::F_WALK_EABT || e == event::F_VMS_FETCH;
}

bool is_translation_related(event e) {
    return e == event::F_WALK_EABT || (e >= event::F_TRANSLATION && e <= event::F_PERMISSION);
}

} // namespace

std::string describe_event(std::span<const std::uint64_t> words) {
    static constexpr const char* classes[] = {"CD", "TT", "IN", "3"};
    const auto e = static_cast<event>(record::EventID.of(words));
    std::string text = name_or_number(name_of(e), "event", static_cast<std::uint64_t>(e));
    text += " StreamID=" + hexadecimal(record::StreamID.of(words));
    if (record::SSV.of(words))
        text += " SubstreamID=" + hexadecimal(record::SubstreamID.of(words));
    if (is_translation_related(e)) {
        const bool stage2 = record::S2.of(words) != 0;
        text += std::string(" S2=") + (stage2 ? "1" : "0") + " CLASS=" + classes[record::CLASS.of(words)] +
                (record::RnW.of(words) ? " read" : " write") + (record::InD.of(words) ? " instruction" : "") +
                (record::PnU.of(words) ? " privileged" : "") + " InputAddr=" + hexadecimal(record::InputAddr.of(words));
        if (record::Stall.of(words))
            text += " stalled STAG=" + hexadecimal(record::STAG.of(words));
        if (stage2 && e != event::F_WALK_EABT)
            text += " IPA=" + hexadecimal(record::IPA.of(words[3]));
    } else if (e == event::F_TRANSL_FORBIDDEN || e == event::F_BAD_ATS_TREQ) {
        text += " InputAddr=" + hexadecimal(record::InputAddr.of(words));
    }
    if (has_fetch_address(e))
        text += " FetchAddr=" + hexadecimal(record::FetchAddr.of(words[3]));
    return text;
}

} // namespace iommulab::smmu_v3
