// SPDX-License-Identifier: Apache-2.0
// What happens to a transaction: Arm IHI 0070, 3.4 (address sizes), 3.9 (ATS), 3.11 (bypass), 15.1 (flow).
#include "models/smmu_v3/faults.h"
#include "models/smmu_v3/smmu_v3.h"

namespace iommulab::smmu_v3 {

namespace {

/// Every address that an output can have, as it came (3.4.3: the output size bounds what bypasses).
translation identity(unsigned oas_bits) {
    translation t;
    t.log2_size = static_cast<std::uint8_t>(oas_bits);
    t.allowed = rights::all;
    t.bypassed = true;
    t.tag.regime = regime::bypass;
    return t;
}

bool beyond(std::uint64_t address, unsigned bits) {
    return (address >> bits) != 0;
}

/// An input address that exceeds the IAS when stage 1 is bypassed: a stage 1 Address Size fault without a CD to rule
/// its handling, so it is recorded and aborts (3.4.1).
fault input_too_large(const access& a, const stream_configuration& c) {
    arm_vmsa::walk_fault w;
    w.kind = arm_vmsa::fault_kind::address_size;
    w.stage = 1;
    stream_configuration terminating = c;
    terminating.a = true;
    terminating.r = true;
    terminating.s = false;
    return walk_fault(w, a, terminating);
}

/// What the stream makes of the page that its tables gave.
[[gnu::always_inline]] inline void finish(const access& a, const stream_configuration& c, translation& page) {
    page.tag = c.tag;
    if (c.overrides())
        page.allowed = rights_before_override(page.allowed, c);
    // A TLB entry under an address whose top byte is a tag would escape invalidation by address.
    if (c.stage1 && c.s1.without_top_byte(a.address) != a.address)
        page.cacheable = false;
}

} // namespace

walk<bool> smmu::translate(walk_context& context, const access& a, translation& page) {
    if (!enabled_ || a.type != address_type::untranslated)
        return translate_special(context, a, page);
    const stream_configuration* known =
        context.look_up_at_once(configurations_, configuration_key(a), time_part::configuration);
    if (known && known->translates_plainly())
        return walk<bool>::ended(translate_plainly(context, a, *known, page));
    return translate_stream(context, a, page, known);
}

/// Stage 1 alone, where nothing is waited for: the commonest loosely timed miss, which needs no coroutine.
bool smmu::translate_plainly(walk_context& context, const access& a, const stream_configuration& known,
                             translation& page) {
    if (context.find_translation_at_once(known.tag, a, page))
        return true;
    arm_vmsa::walk_fault why;
    walk<bool> stage1 = arm_vmsa::walk_stage1(context, known.s1, a, page, why, caches());
    const auto conclude = [&](const stream_configuration& c) {
        if (!stage1.result())
            return context.refuse(walk_fault(why, a, c));
        finish(a, c, page);
        return true;
    };
    if (stage1.done())
        return conclude(known);
    const stream_configuration c = known; // memory is asked, and may run who changes the cache
    stage1.start();
    return conclude(c);
}

walk<bool> smmu::translate_special(walk_context& context, const access& a, translation& page) {
    if (!enabled_) {
        const bool passes = bypass_globally(context, a, page);
        co_return passes;
    }
    if (a.type == address_type::translation_request && !features_.ats)
        co_return context.refuse(ats_fault(event::F_BAD_ATS_TREQ, a));
    if (a.type == address_type::translated) {
        // 3.9.1: without ATSCHK a Translated transaction is trusted
        if (!features_.ats)
            co_return context.refuse(ats_fault(event::F_TRANSL_FORBIDDEN, a));
        if (!registers().get(reg::CR0, cr0::ATSCHK)) {
            if (beyond(a.address, features_.oas_bits))
                co_return context.refuse(silent_abort());
            page = identity(features_.oas_bits);
            page.cacheable = false;
            co_return true;
        }
    }
    walk<bool> stream = translate_stream(context, a, page, nullptr);
    const bool served = co_await stream;
    co_return served;
}

/// `known`: the configuration, if it has been looked up and found; read before anything is waited for.
walk<bool> smmu::translate_stream(walk_context& context, const access& a, translation& page,
                                  const stream_configuration* known) {
    std::optional<stream_configuration> c =
        co_await context.look_up(configurations_, configuration_key(a), time_part::configuration, known);
    if (!c) {
        c.emplace();
        walk<bool> fetch = find_configuration(context, a, *c);
        const bool found = co_await fetch;
        if (!found)
            co_return false; // the fetch has refused
    }
    if (a.type != address_type::untranslated) {
        const event forbidden = apply_ats(a, *c);
        if (forbidden != event::none)
            co_return context.refuse(ats_fault(forbidden, a));
    }
    if (c->what != stream_configuration::action::translate) {
        const bool passes = pass_or_abort(context, a, *c, page);
        co_return passes;
    }
    if (!c->stage1 && beyond(a.address, features_.ias_bits()))
        co_return context.refuse(input_too_large(a, *c));

    auto question = context.find_translation(c->tag, a, page);
    const bool cached = co_await question;
    if (cached)
        co_return true;

    std::optional<access> changed; // only if it is: an access costs as much to copy as a level to read
    if (c->overrides())
        changed = overridden(a, *c);
    const access& b = changed ? *changed : a;
    arm_vmsa::walk_fault why;
    bool ok = false;
    if (c->stage1) {
        walk<bool> first = arm_vmsa::walk_stage1(context, c->s1, b, page, why, caches(), c->stage2 ? &c->s2 : nullptr);
        ok = co_await first;
    } else {
        const arm_vmsa::stage2_request request{.ipa = a.address, .needed = rights::needed_by(b), .only_stage = true};
        walk<bool> second = arm_vmsa::walk_stage2(context, c->s2, request, page, why, caches());
        ok = co_await second;
    }
    if (!ok)
        co_return context.refuse(walk_fault(why, a, *c));
    finish(a, *c, page);
    co_return true;
}

/// Reads the configuration from memory, and keeps it. Apart from translate_stream so that its frame stays small.
walk<bool> smmu::find_configuration(walk_context& context, const access& a, stream_configuration& c) {
    fault why;
    const configuration_source from = source();
    walk<bool> fetch = fetch_configuration(context, from, a, c, why);
    const bool found = co_await fetch;
    if (!found) {
        if (a.type == address_type::translation_request && !registers().get(reg::CR2, cr2::REC_CFG_ATS))
            why.recorded = false; // 6.3.12
        context.refuse(why);
        co_return false;
    }
    if (context.remembers() && context.may_fill_configuration(a.source_id, a.has_pasid ? a.pasid : 0))
        configurations_.insert(configuration_key(a), c);
    co_return true;
}

/// What STE.EATS makes of a Translated transaction or a translation request (3.9.1); an event: it may not be.
event smmu::apply_ats(const access& a, stream_configuration& c) {
    if (c.what == stream_configuration::action::abort)
        return event::none;
    constexpr unsigned off = 0, split_stage = 2, reserved = 3;
    if (a.type == address_type::translation_request) {
        const bool served = c.eats != off && c.what == stream_configuration::action::translate;
        return served ? event::none : event::F_BAD_ATS_TREQ;
    }
    if (c.eats == off || c.eats == reserved)
        return event::F_TRANSL_FORBIDDEN;
    c.stage1 = false; // done by the device
    c.stage2 = c.stage2 && c.eats == split_stage;
    c.privcfg = c.instcfg = 0;
    c.tag = c.s2.tag;
    if (!c.stage2)
        c.what = stream_configuration::action::bypass;
    return event::none;
}

/// SMMUEN = 0 (3.11): GBPA says whether everything passes or nothing. What can't be an output address aborts,
/// unrecorded.
bool smmu::bypass_globally(walk_context& context, const access& a, translation& page) const {
    const std::uint64_t attributes = bank.get(reg::GBPA);
    if (gbpa::ABORT.of(attributes) || a.type != address_type::untranslated || beyond(a.address, features_.oas_bits))
        return context.refuse(silent_abort());
    page = identity(features_.oas_bits);
    return true;
}

bool smmu::pass_or_abort(walk_context& context, const access& a, const stream_configuration& c,
                         translation& page) const {
    if (c.what == stream_configuration::action::abort)
        return context.refuse(silent_abort());
    if (beyond(a.address, features_.oas_bits))
        return context.refuse(input_too_large(a, c));
    page = identity(features_.oas_bits);
    page.cacheable = a.type == address_type::untranslated;
    return true;
}

configuration_source smmu::source() {
    return {.feature = features_,
            .table = stream_table::of(bank.get(reg::STRTAB_BASE), bank.get(reg::STRTAB_BASE_CFG), features_),
            .e2h = bank.get(reg::CR2, cr2::E2H) != 0,
            .recinvsid = bank.get(reg::CR2, cr2::RECINVSID) != 0,
            .caches = caches()};
}

cache_key smmu::configuration_key(const access& a) {
    // StreamIDs of PCIe functions differ above their three function bits: both parts choose the set
    const std::uint64_t substream = a.has_pasid ? std::uint64_t{a.pasid} | std::uint64_t{1} << 20 : 0;
    return {a.source_id | substream << 32, a.source_id ^ (a.source_id >> 3) ^ substream};
}

} // namespace iommulab::smmu_v3
