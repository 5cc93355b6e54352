// SPDX-License-Identifier: Apache-2.0
// What happens to a request: VT-d specification, "DMA Remapping", "Handling Requests to Interrupt Address Range",
// "Protected Memory Regions".
#include "models/vtd/faults.h"
#include "models/vtd/vtd.h"

#include <optional>

namespace iommulab::vtd {

namespace {

constexpr unsigned protected_step_log2 = 21;

bool beyond(std::uint64_t address, unsigned bits) {
    return bits < 64 && (address >> bits) != 0;
}
bool is_interrupt(std::uint64_t address) {
    return address >= interrupt_range_first && address <= interrupt_range_last;
}
bool overlaps(std::uint64_t base, std::uint64_t mask, std::uint64_t first, std::uint64_t last) {
    return base <= last && (base | mask) >= first;
}

/// The half of `t` that holds `address`.
void halve(translation& t, std::uint64_t address) {
    t.cut(address, t.log2_size - 1U);
}
/// Leaves the part of `t` around `a`'s address that has nothing to do with interrupts, neither as output nor as input,
/// which is one only without PASID.
void stay_off_interrupts(translation& t, const access& a) {
    while ((!a.has_pasid && overlaps(t.input_base, t.offset_mask(), interrupt_range_first, interrupt_range_last)) ||
           overlaps(t.output_base, t.offset_mask(), interrupt_range_first, interrupt_range_last))
        halve(t, a.address);
}
/// What legacy mode says of every request.
void complete_legacy(access& a, request_configuration& c) {
    a.privileged = false;
    c.tag.regime = static_cast<std::uint8_t>(regime::requests.put(c.tag.regime, regime::without_pasid));
}

/// Every host address, as it came.
translation identity(unsigned host_bits) {
    translation t;
    t.log2_size = static_cast<std::uint8_t>(host_bits);
    t.allowed = rights::all;
    t.bypassed = true;
    t.tag.regime = regime::bypass;
    return t;
}

/// A message of a device: its address is for whoever takes interrupts.
translation interrupt_message(std::uint64_t address) {
    constexpr unsigned log2_page = 12;
    translation t;
    t.log2_size = log2_page;
    t.input_base = t.output_base = address & ~t.offset_mask();
    t.allowed = rights::writes;
    t.bypassed = true;
    t.tag.regime = regime::bypass;
    return t;
}

/// Rights for requests without PASID: they are what RID_PRIV says, and never execute.
std::uint8_t rights_without_pasid(std::uint8_t allowed, bool privileged) {
    const bool read = allowed & (privileged ? rights::privileged_read : rights::read);
    const bool write = allowed & (privileged ? rights::privileged_write : rights::write);
    return static_cast<std::uint8_t>((read ? rights::reads | rights::executes : 0) | (write ? rights::writes : 0));
}

/// What of `allowed` a request's entries leave to others like it, which caches answer before those are looked at.
std::uint8_t rights_under(const request_configuration& c, const access& a, std::uint8_t allowed) {
    constexpr std::uint8_t supervisor = rights::privileged_read | rights::privileged_write | rights::privileged_execute;
    if (!a.has_pasid)
        return allowed; // ERE doesn't concern those, and RID_PRIV makes all of them alike
    if (!c.supervisor_requests)
        allowed &= static_cast<std::uint8_t>(~supervisor);
    if (!c.execute_requests)
        allowed &= static_cast<std::uint8_t>(~rights::executes);
    return allowed;
}

/// The second stage of a request, behind its first.
class stage_behind final : public second_stage {
  public:
    stage_behind(const request_configuration& c, unsigned guest_bits, vtd_second_stage::walk_caches caches)
        : configuration_(c), guest_bits_(guest_bits), caches_(caches) {}

    walk<bool> translate(walk_context& context, std::uint64_t address, std::uint8_t needed, use /*what*/,
                         translation& page) override {
        why_ = {};
        if (beyond(address, guest_bits_)) {
            why_.kind = vtd_second_stage::fault_kind::beyond_width;
            return walk<bool>::ended(false);
        }
        page = {};
        const vtd_second_stage::request request{.address = address, .needed = needed, .only_stage = false};
        return vtd_second_stage::walk_tables(context, configuration_.second, request, page, why_, caches_);
    }
    [[nodiscard]] const vtd_second_stage::walk_fault& why() const { return why_; }

  private:
    const request_configuration& configuration_;
    unsigned guest_bits_;
    vtd_second_stage::walk_caches caches_;
    vtd_second_stage::walk_fault why_;
};

/// What a request without PASID asks of second-stage tables.
vtd_second_stage::request request_of(const access& a, bool zero_length_reads) {
    const bool nothing_to_read = zero_length_reads && !a.write && a.length_bytes == 0;
    return {.address = a.address, .needed = nothing_to_read ? std::uint8_t{0} : rights::needed_by(a)};
}

} // namespace

walk<bool> remapping_unit::translate(walk_context& context, const access& a, translation& page) {
    const auto refused = [&](const fault& f) { return walk<bool>::ended(context.refuse(f)); };
    if (!enabled_)
        return walk<bool>::ended(bypass(context, a, page));
    if (mode_ == rtaddr::table_mode::abort_dma && features_.abort_mode)
        return refused(fault_of(fault_reason::abort_mode, a, false));
    if (mode_ != rtaddr::table_mode::legacy && (mode_ != rtaddr::table_mode::scalable || !features_.scalable_mode))
        return refused(fault_of(fault_reason::table_mode_invalid, a, false));
    if (a.has_pasid && mode_ == rtaddr::table_mode::legacy)
        return refused(fault_of(fault_reason::pasid_in_legacy_mode, a, false));
    if (is_interrupt(a.address) && !a.has_pasid && a.type == address_type::untranslated) {
        if (!a.write)
            return refused(silent_abort()); // only a write is a message
        page = interrupt_message(a.address);
        return walk<bool>::ended(true);
    }
    const context_configuration* known =
        context.look_up_at_once(contexts_, context_key(a.source_id), time_part::configuration);
    if (known && known->translates_plainly() && a.type == address_type::untranslated)
        return walk<bool>::ended(translate_plainly(context, a, known->request, page));
    return translate_remapped(context, a, page, known);
}

/// A legacy mode request with tables, where nothing is waited for: needs no coroutine. `c` is a copy since memory may
/// run other processes when it is read.
bool remapping_unit::translate_plainly(walk_context& context, access a, request_configuration c, translation& page) {
    complete_legacy(a, c);
    if (!is_within_width(context, a, c))
        return false;
    if (context.find_translation_at_once(c.tag, a, page)) {
        page.allowed = rights_under(c, a, page.allowed);
        return true;
    }
    c.second.step_cycles = own_.walk_step_cycles;
    vtd_second_stage::walk_fault why;
    walk<bool> tables = vtd_second_stage::walk_tables(context, c.second, request_of(a, features_.zero_length_reads),
                                                      page, why, {&second_stage_, nullptr});
    tables.start();
    return conclude(context, a, c, tables.result() ? fault_reason::none : reason_of(why, a, c.scalable), page);
}

/// `known`: the context entry, if it has been looked up and found; read before anything is waited for.
walk<bool> remapping_unit::translate_remapped(walk_context& context, access a, translation& page,
                                              const context_configuration* known_context) {
    request_configuration c;
    walk<bool> find = find_configuration(context, a, c, known_context);
    const bool found = co_await find;
    if (!found)
        co_return false; // finding it has refused
    if (a.type != address_type::untranslated && !c.device_tlb) {
        const fault_reason reason =
            c.scalable ? fault_reason::sm_device_tlb_disabled : fault_reason::translation_type_blocks;
        co_return context.refuse(fault_of(reason, a, c.fault_disabled));
    }
    if (a.type == address_type::translated || c.what == request_configuration::action::pass_through) {
        const bool passes = pass_through(context, a, c, page);
        co_return passes;
    }
    if (!is_within_width(context, a, c))
        co_return false;
    auto question = context.find_translation(c.tag, a, page);
    const bool known = co_await question;
    if (known) {
        page.allowed = rights_under(c, a, page.allowed);
        co_return true;
    }

    fault_reason reason = fault_reason::none;
    walk<bool> stages = walk_stages(context, a, c, page, reason);
    co_await stages;
    const bool served = conclude(context, a, c, reason, page);
    co_return served;
}

/// Second-stage tables take no more than the address bits of their levels, and of guests.
bool remapping_unit::is_within_width(walk_context& context, const access& a, const request_configuration& c) const {
    if (c.what != request_configuration::action::second_stage)
        return true;
    const bool beyond_tables = beyond(a.address, width_of_levels(c.second.levels));
    if (!beyond_tables && !beyond(a.address, features_.guest_bits))
        return true;
    const fault_reason in_scalable =
        beyond_tables ? fault_reason::sm_beyond_second_stage : fault_reason::sm_beyond_width;
    return context.refuse(fault_of(c.scalable ? in_scalable : fault_reason::beyond_address_width, a, c.fault_disabled));
}

/// What the end of the tables means for the access. `reason`: why they have nothing, or none.
bool remapping_unit::conclude(walk_context& context, const access& a, const request_configuration& c,
                              fault_reason reason, translation& page) {
    if (reason == fault_reason::none && is_interrupt(page.output(a.address)))
        reason = c.scalable ? fault_reason::sm_interrupt_address : fault_reason::interrupt_address;
    if (reason != fault_reason::none) {
        fault f = fault_of(reason, a, c.fault_disabled);
        if (a.type == address_type::translation_request)
            f.recorded = false; // the answer has no rights; nothing to record
        return context.refuse(f);
    }
    page.tag = c.tag;
    const auto requests = static_cast<std::uint8_t>(regime::requests.of(c.tag.regime));
    if (requests != regime::with_pasid)
        page.allowed = rights_without_pasid(page.allowed, requests == regime::without_pasid_privileged);
    page.allowed = rights_under(c, a, page.allowed);
    stay_off_interrupts(page, a);
    return true;
}

/// The tables of a request. False: `reason` says why not.
walk<bool> remapping_unit::walk_stages(walk_context& context, const access& a, request_configuration& c,
                                       translation& page, fault_reason& reason) {
    c.first.step_cycles = c.second.step_cycles = own_.walk_step_cycles;
    if (c.what == request_configuration::action::second_stage) {
        vtd_second_stage::walk_fault why;
        walk<bool> second = vtd_second_stage::walk_tables(context, c.second, request_of(a, features_.zero_length_reads),
                                                          page, why, {&second_stage_, nullptr});
        const bool ok = co_await second;
        if (!ok)
            reason = reason_of(why, a, c.scalable);
        co_return ok;
    }
    const bool nested = c.what == request_configuration::action::nested;
    stage_behind behind(c, features_.guest_bits, {&second_stage_, &nested_});
    x86_64::walk_result w;
    walk<bool> first = x86_64::walk_tables(context, c.first, a, w, &first_stage_, nested ? &behind : nullptr);
    const bool ok = co_await first;
    page = w.page;
    if (!ok)
        reason = reason_of(w.fault, behind.why());
    co_return ok;
}

/// The configuration of `a`'s requester, whose PASID and privilege it completes. False: refused.
walk<bool> remapping_unit::find_configuration(walk_context& context, access& a, request_configuration& c,
                                              const context_configuration* known_context) {
    std::optional<context_configuration> known =
        co_await context.look_up(contexts_, context_key(a.source_id), time_part::configuration, known_context);
    if (!known) {
        known.emplace();
        const configuration_source from{features_, root_table_, mode_};
        fetch_result result;
        walk<bool> fetch = fetch_context(context, from, a.source_id, *known, result);
        const bool found = co_await fetch;
        if (!found) {
            context.refuse(fault_of(result.reason, a, result.fault_disabled));
            co_return false;
        }
        if (context.remembers() && context.may_fill_configuration(a.source_id, 0))
            contexts_.insert(context_key(a.source_id), *known);
    }
    if (!known->request.scalable) {
        c = known->request;
        complete_legacy(a, c);
        co_return true;
    }
    walk<bool> pasid = find_pasid_configuration(context, *known, a, c);
    const bool found = co_await pasid;
    co_return found;
}

walk<bool> remapping_unit::find_pasid_configuration(walk_context& context, const context_configuration& from, access& a,
                                                    request_configuration& c) {
    const bool disabled = from.request.fault_disabled;
    std::uint32_t pasid = from.rid_pasid;
    fault_reason wrong = fault_reason::none;
    if (a.has_pasid) {
        pasid = a.pasid;
        if (!from.pasids)
            wrong = fault_reason::sm_pasid_disabled;
        else if (!from.has_pasid(pasid))
            wrong = fault_reason::sm_pasid_too_large;
    } else if (!from.has_pasid(pasid)) {
        wrong = fault_reason::sm_rid_pasid_too_large;
    }
    if (wrong != fault_reason::none) {
        context.refuse(fault_of(wrong, a, disabled));
        co_return false;
    }
    std::optional<request_configuration> known =
        co_await context.look_up(pasids_, pasid_key(a.source_id, pasid), time_part::configuration);
    if (!known) {
        known.emplace();
        fetch_result result;
        walk<bool> fetch = fetch_pasid_entry(context, features_, from, pasid, *known, result);
        const bool found = co_await fetch;
        if (!found) {
            context.refuse(fault_of(result.reason, a, result.fault_disabled));
            co_return false;
        }
        if (context.remembers() && context.may_fill_configuration(a.source_id, pasid))
            pasids_.insert(pasid_key(a.source_id, pasid), *known);
    }
    c = *known;
    std::uint8_t requests = regime::with_pasid;
    if (!a.has_pasid) {
        a.privileged = from.rid_privileged;
        a.instruction = false;
        requests = a.privileged ? regime::without_pasid_privileged : regime::without_pasid;
    }
    if (a.instruction && !a.write && !c.execute_requests)
        wrong = fault_reason::execute_requests_disabled;
    else if (a.privileged && !c.supervisor_requests)
        wrong = fault_reason::supervisor_requests_disabled;
    if (wrong != fault_reason::none) {
        context.refuse(fault_of(wrong, a, c.fault_disabled));
        co_return false;
    }
    c.tag.regime = static_cast<std::uint8_t>(regime::requests.put(c.tag.regime, requests));
    co_return true;
}

/// Translation is off: what is not protected passes.
bool remapping_unit::bypass(walk_context& context, const access& a, translation& page) const {
    if (beyond(a.address, features_.host_bits) || is_protected(a.address))
        return context.refuse(silent_abort());
    page = around_protected(identity(features_.host_bits), a.address);
    return true;
}

bool remapping_unit::pass_through(walk_context& context, const access& a, const request_configuration& c,
                                  translation& page) const {
    if (beyond(a.address, features_.host_bits))
        return context.refuse(fault_of(c.scalable ? fault_reason::sm_beyond_width : fault_reason::beyond_address_width,
                                       a, c.fault_disabled));
    if (is_interrupt(a.address))
        return context.refuse(fault_of(
            c.scalable ? fault_reason::sm_interrupt_address : fault_reason::interrupt_address, a, c.fault_disabled));
    if (is_protected(a.address))
        return context.refuse(silent_abort()); // no fault is recorded for protected memory
    translation t = identity(features_.host_bits);
    t.allowed = rights_under(c, a, t.allowed);
    t.tag.vm = c.tag.vm;
    t.cacheable = a.type == address_type::untranslated;
    stay_off_interrupts(t, a);
    page = around_protected(t, a.address);
    return true;
}

bool remapping_unit::is_protected(const translation& t) const {
    if (!pmen::EPM.of(bank.get(reg::PMEN)))
        return false;
    constexpr std::uint64_t below = (std::uint64_t{1} << protected_step_log2) - 1;
    const auto covered = [&](const register_declaration& base, const register_declaration& limit) {
        const std::uint64_t first = bank.get(base), last = bank.get(limit) | below;
        return first <= last && overlaps(t.output_base, t.offset_mask(), first, last);
    };
    return (features_.low_protected && covered(reg::PLMBASE, reg::PLMLIMIT)) ||
           (features_.high_protected && covered(reg::PHMBASE, reg::PHMLIMIT));
}

bool remapping_unit::is_protected(std::uint64_t address) const {
    translation t;
    t.output_base = address;
    t.log2_size = 0;
    return is_protected(t);
}

/// The part of `t` around `address`, which is not protected, that has no protected memory.
translation remapping_unit::around_protected(translation t, std::uint64_t address) const {
    while (is_protected(t))
        halve(t, address);
    return t;
}

cache_key remapping_unit::context_key(std::uint32_t source_id) {
    // requester ids of functions differ above their three function bits: both parts choose the set
    return {source_id, source_id ^ (source_id >> 3)};
}
cache_key remapping_unit::pasid_key(std::uint32_t source_id, std::uint32_t pasid) {
    return {source_id | std::uint64_t{pasid} << 32, source_id ^ (source_id >> 3) ^ pasid};
}

} // namespace iommulab::vtd
