// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/spec/commands.h"

#include "sw/drivers/arm_smmu_v3/command_queue.h"
#include "sw/drivers/arm_smmu_v3/layout.h"

#include <bit>

namespace iommulab::sw::arm_smmu_v3::commands {
namespace {

using namespace iommulab::smmu_v3;

command_words make(opcode code) {
    command_words c{};
    command::Opcode.put(c, static_cast<std::uint64_t>(code));
    return c;
}

command_words for_stream(opcode code, std::uint32_t sid) {
    command_words c = make(code);
    command::StreamID.put(c, sid);
    return c;
}

command_words by_address(opcode code, std::uint64_t address, bool leaf, const range_fields& range) {
    command_words c = make(code);
    command::NUM.put(c, range.num);
    command::SCALE.put(c, range.scale);
    command::Leaf.put(c, leaf);
    command::TTL.put(c, range.ttl);
    command::TG.put(c, range.tg);
    c[1] = command::Address.put(c[1], address);
    return c;
}

} // namespace

command_words prefetch_config(std::uint32_t sid) {
    return for_stream(opcode::CMD_PREFETCH_CONFIG, sid);
}

command_words cfgi_ste(std::uint32_t sid, bool leaf) {
    command_words c = for_stream(opcode::CMD_CFGI_STE, sid);
    command::Leaf.put(c, leaf);
    return c;
}

command_words cfgi_all() {
    command_words c = make(opcode::CMD_CFGI_STE_RANGE);
    command::Range.put(c, command::range_all);
    return c;
}

command_words cfgi_cd(std::uint32_t sid, std::uint32_t ssid, bool leaf) {
    command_words c = for_stream(opcode::CMD_CFGI_CD, sid);
    command::SubstreamID.put(c, ssid);
    command::Leaf.put(c, leaf);
    return c;
}

command_words tlbi_nsnh_all() {
    return make(opcode::CMD_TLBI_NSNH_ALL);
}
command_words tlbi_el2_all() {
    return make(opcode::CMD_TLBI_EL2_ALL);
}

command_words tlbi_nh_asid(std::uint32_t asid) {
    command_words c = make(opcode::CMD_TLBI_NH_ASID);
    command::ASID.put(c, asid);
    return c;
}

command_words tlbi_s12_vmall(std::uint32_t vmid) {
    command_words c = make(opcode::CMD_TLBI_S12_VMALL);
    command::VMID.put(c, vmid);
    return c;
}

command_words tlbi_nh_va(std::uint32_t asid, std::uint64_t address, bool leaf, const range_fields& range) {
    command_words c = by_address(opcode::CMD_TLBI_NH_VA, address, leaf, range);
    command::ASID.put(c, asid);
    return c;
}

command_words tlbi_s2_ipa(std::uint32_t vmid, std::uint64_t address, bool leaf, const range_fields& range) {
    command_words c = by_address(opcode::CMD_TLBI_S2_IPA, address, leaf, range);
    command::VMID.put(c, vmid);
    return c;
}

command_words atc_inv(std::uint32_t sid, std::uint64_t address, std::uint64_t bytes) {
    constexpr unsigned everything = 52; // all of a 64-bit space, in 4 KiB pages
    command_words c = for_stream(opcode::CMD_ATC_INV, sid);
    if (bytes == 0) {
        command::ATC_Size.put(c, everything);
        return c;
    }
    const std::uint64_t first = address >> 12, last = (address + bytes - 1) >> 12;
    const auto log2_pages = static_cast<unsigned>(std::bit_width(first ^ last));
    command::ATC_Size.put(c, log2_pages);
    c[1] = command::Address.put(c[1], (first >> log2_pages << log2_pages) << 12);
    return c;
}

command_words pri_resp_deny(std::uint32_t sid, bool ssv, std::uint32_t ssid, unsigned group) {
    command_words c = for_stream(opcode::CMD_PRI_RESP, sid);
    command::SSV.put(c, ssv);
    command::SubstreamID.put(c, ssid);
    command::PRGIndex.put(c, group);
    return c; // Resp 0: deny
}

command_words resume(std::uint32_t sid, unsigned stag, resume_action action) {
    command_words c = for_stream(opcode::CMD_RESUME, sid);
    command::Ac.put(c, action == resume_action::retry);
    command::Ab.put(c, action == resume_action::abort);
    command::STAG.put(c, stag);
    return c;
}

command_words sync(std::uint64_t msi_address) {
    command_words c = make(opcode::CMD_SYNC);
    command::CS.put(
        c, static_cast<std::uint64_t>(msi_address ? command::completion::SIG_IRQ : command::completion::SIG_SEV));
    command::MSH.put(c, inner_shareable);
    command::MSIAttr.put(c, outer_inner_write_back);
    c[1] = command::MSIAddress.put(c[1], msi_address);
    return c;
}

} // namespace iommulab::sw::arm_smmu_v3::commands
