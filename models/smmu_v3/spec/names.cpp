// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/events.h"

#include <charconv>

namespace iommulab::smmu_v3 {

const char* name_of(opcode code) {
    switch (code) {
    case opcode::CMD_PREFETCH_CONFIG:
        return "CMD_PREFETCH_CONFIG";
    case opcode::CMD_PREFETCH_ADDR:
        return "CMD_PREFETCH_ADDR";
    case opcode::CMD_CFGI_STE:
        return "CMD_CFGI_STE";
    case opcode::CMD_CFGI_STE_RANGE:
        return "CMD_CFGI_STE_RANGE";
    case opcode::CMD_CFGI_CD:
        return "CMD_CFGI_CD";
    case opcode::CMD_CFGI_CD_ALL:
        return "CMD_CFGI_CD_ALL";
    case opcode::CMD_TLBI_NH_ALL:
        return "CMD_TLBI_NH_ALL";
    case opcode::CMD_TLBI_NH_ASID:
        return "CMD_TLBI_NH_ASID";
    case opcode::CMD_TLBI_NH_VA:
        return "CMD_TLBI_NH_VA";
    case opcode::CMD_TLBI_NH_VAA:
        return "CMD_TLBI_NH_VAA";
    case opcode::CMD_TLBI_EL2_ALL:
        return "CMD_TLBI_EL2_ALL";
    case opcode::CMD_TLBI_EL2_ASID:
        return "CMD_TLBI_EL2_ASID";
    case opcode::CMD_TLBI_EL2_VA:
        return "CMD_TLBI_EL2_VA";
    case opcode::CMD_TLBI_EL2_VAA:
        return "CMD_TLBI_EL2_VAA";
    case opcode::CMD_TLBI_S12_VMALL:
        return "CMD_TLBI_S12_VMALL";
    case opcode::CMD_TLBI_S2_IPA:
        return "CMD_TLBI_S2_IPA";
    case opcode::CMD_TLBI_NSNH_ALL:
        return "CMD_TLBI_NSNH_ALL";
    case opcode::CMD_ATC_INV:
        return "CMD_ATC_INV";
    case opcode::CMD_PRI_RESP:
        return "CMD_PRI_RESP";
    case opcode::CMD_RESUME:
        return "CMD_RESUME";
    case opcode::CMD_STALL_TERM:
        return "CMD_STALL_TERM";
    case opcode::CMD_SYNC:
        return "CMD_SYNC";
    }
    return nullptr;
}

const char* name_of(event e) {
    switch (e) {
    case event::none:
        return nullptr;
    case event::F_UUT:
        return "F_UUT";
    case event::C_BAD_STREAMID:
        return "C_BAD_STREAMID";
    case event::F_STE_FETCH:
        return "F_STE_FETCH";
    case event::C_BAD_STE:
        return "C_BAD_STE";
    case event::F_BAD_ATS_TREQ:
        return "F_BAD_ATS_TREQ";
    case event::F_STREAM_DISABLED:
        return "F_STREAM_DISABLED";
    case event::F_TRANSL_FORBIDDEN:
        return "F_TRANSL_FORBIDDEN";
    case event::C_BAD_SUBSTREAMID:
        return "C_BAD_SUBSTREAMID";
    case event::F_CD_FETCH:
        return "F_CD_FETCH";
    case event::C_BAD_CD:
        return "C_BAD_CD";
    case event::F_WALK_EABT:
        return "F_WALK_EABT";
    case event::F_TRANSLATION:
        return "F_TRANSLATION";
    case event::F_ADDR_SIZE:
        return "F_ADDR_SIZE";
    case event::F_ACCESS:
        return "F_ACCESS";
    case event::F_PERMISSION:
        return "F_PERMISSION";
    case event::F_TLB_CONFLICT:
        return "F_TLB_CONFLICT";
    case event::F_CFG_CONFLICT:
        return "F_CFG_CONFLICT";
    case event::E_PAGE_REQUEST:
        return "E_PAGE_REQUEST";
    case event::F_VMS_FETCH:
        return "F_VMS_FETCH";
    }
    return nullptr;
}

namespace {

std::string hexadecimal(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    return "0x" + std::string(digits, end);
}

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
    const char* name = name_of(e);
    std::string text = name ? name : "event " + hexadecimal(static_cast<std::uint64_t>(e));
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
