// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/faults.h"

namespace iommulab::smmu_v3 {

namespace {

constexpr unsigned override_clear = 2, override_set = 3; // PRIVCFG, INSTCFG

bool after(unsigned override_field, bool as_it_comes) {
    return override_field == override_set || (override_field != override_clear && as_it_comes);
}

fault begin_record(event e, const access& a) {
    fault f;
    f.reason = static_cast<std::uint32_t>(e);
    record::EventID.put(f.words, f.reason);
    record::StreamID.put(f.words, a.source_id);
    if (a.has_pasid) {
        record::SSV.put(f.words, 1);
        record::SubstreamID.put(f.words, a.pasid);
    }
    return f;
}

void put_access(fault& f, const access& a) {
    record::RnW.put(f.words, !a.write);
    record::InD.put(f.words, a.instruction && !a.write);
    record::PnU.put(f.words, a.privileged);
    record::InputAddr.put(f.words, a.address);
}

event event_of(arm_vmsa::fault_kind kind) {
    switch (kind) {
    case arm_vmsa::fault_kind::address_size:
        return event::F_ADDR_SIZE;
    case arm_vmsa::fault_kind::access_flag:
        return event::F_ACCESS;
    case arm_vmsa::fault_kind::permission:
        return event::F_PERMISSION;
    case arm_vmsa::fault_kind::external_abort:
        return event::F_WALK_EABT;
    default:
        return event::F_TRANSLATION;
    }
}

} // namespace

fault silent_abort() {
    fault f;
    f.recorded = false;
    return f;
}

fault configuration_fault(event e, const access& a) {
    return begin_record(e, a);
}

fault fetch_fault(event e, const access& a, std::uint64_t fetch_address) {
    fault f = begin_record(e, a);
    f.words[3] = record::FetchAddr.of(fetch_address);
    return f;
}

fault ats_fault(event e, const access& a) {
    fault f = begin_record(e, a);
    put_access(f, a);
    return f;
}

fault walk_fault(const arm_vmsa::walk_fault& w, const access& as_it_came, const stream_configuration& c) {
    const access a = overridden(as_it_came, c);
    const event e = event_of(w.kind);
    fault f = begin_record(e, a);
    put_access(f, a);
    const bool stage2 = w.stage == 2;
    record::S2.put(f.words, stage2);
    record::CLASS.put(f.words, static_cast<std::uint64_t>(w.what));
    if (e == event::F_WALK_EABT) { // never stalls, always recorded (7.3.12)
        f.words[3] = record::FetchAddr.of(w.fetch_address);
        return f;
    }
    if (e == event::F_PERMISSION && w.what == arm_vmsa::fault_class::TT)
        record::TTRnW.put(f.words, !w.on_update);
    if (stage2)
        f.words[3] = record::IPA.of(w.ipa);
    if (as_it_came.type == address_type::translation_request) { // answered with no rights; nothing to record (3.9.1)
        f.recorded = false;
        return f;
    }
    const bool stalls = stage2 ? c.s2s : c.s;
    f.recorded = stalls || (stage2 ? c.s2r : c.r);
    if (stalls)
        f.ends = fault::ending::stall;
    else if (!stage2 && !c.a)
        f.ends = fault::ending::ignore;
    return f;
}

access overridden(access a, const stream_configuration& c) {
    a.privileged = after(c.privcfg, a.privileged);
    a.instruction = !a.write && after(c.instcfg, a.instruction);
    return a;
}

std::uint8_t rights_before_override(std::uint8_t allowed, const stream_configuration& c) {
    if (!c.overrides())
        return allowed;
    std::uint8_t result = 0;
    for (const bool privileged : {false, true})
        for (const unsigned kind : {0U, 1U, 2U}) { // read, write, fetch
            access a;
            a.privileged = privileged;
            a.write = kind == 1;
            a.instruction = kind == 2;
            if (allowed & rights::needed_by(overridden(a, c)))
                result |= rights::needed_by(a);
        }
    return result;
}

} // namespace iommulab::smmu_v3
