// SPDX-License-Identifier: Apache-2.0
// The Command queue: Arm IHI 0070, 3.5, chapter 4, 7.1.
#include "models/smmu_v3/smmu_v3.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace iommulab::smmu_v3 {

namespace {

/// Polls of the event writer by a CMD_SYNC; each lasts a few cycles, and no write of an event takes that many.
constexpr unsigned most_polls = 4096;
constexpr std::uint64_t poll_cycles = 4;

std::uint64_t ones_below(unsigned bits) {
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

bool is_tlb_invalidation(opcode code) {
    return code >= opcode::CMD_TLBI_NH_ALL && code <= opcode::CMD_TLBI_NSNH_ALL;
}

} // namespace

bool smmu::commands_may_run() const {
    const wrapping_ring ring = ring_of(bank.get(reg::CMDQ_BASE), features_.cmdq_log2, command::bytes);
    return !hung_ && bank.get(reg::CR0, cr0::CMDQEN) && !error_is_active(gerror::CMDQ_ERR) &&
           !ring.empty(static_cast<std::uint32_t>(bank.get(reg::CMDQ_PROD, queue_index::WR)),
                       static_cast<std::uint32_t>(bank.get(reg::CMDQ_CONS, queue_index::RD)));
}

void smmu::kick_commands() {
    if (consuming_ || !commands_may_run())
        return;
    consuming_ = true;
    consuming_since_ps_ = clock().now_ps();
    commands_probe_.set(1, clock().now_ps());
    spawn<smmu, &smmu::consume_commands>();
}

walk<void> smmu::consume_commands(walk_context& context) {
    while (commands_may_run()) {
        const std::uint64_t base = bank.get(reg::CMDQ_BASE);
        const wrapping_ring ring = ring_of(base, features_.cmdq_log2, command::bytes);
        const auto index = static_cast<std::uint32_t>(bank.get(reg::CMDQ_CONS, queue_index::RD)) & ring.pointer_mask();
        const std::uint64_t address = base_of(base, ring) + ring.offset(index);
        const auto words = co_await context.read_words(time_part::configuration_fetch, address, command::bytes);
        if (!words) {
            command_failed(command_error::CERROR_ABT);
            break;
        }
        co_await context.pass(time_part::configuration, own_.command_cycles);
        const command_error wrong = check(*words);
        if (wrong != command_error::CERROR_NONE) {
            command_failed(wrong);
            break;
        }
        walk<void> execution = execute(context, *words);
        co_await execution;
        bank.set(reg::CMDQ_CONS, queue_index::RD, ring.next(index));
        // the completion signal comes when the index tells of the completion too (4.7.3)
        if (static_cast<opcode>(command::Opcode.of(*words)) == opcode::CMD_SYNC) {
            walk<void> completion = signal_completion(context, *words);
            co_await completion;
        }
    }
    consuming_ = false;
    counts_.command_busy_ps += clock().now_ps() - consuming_since_ps_;
    commands_probe_.set(0, clock().now_ps());
    acknowledge_cr0();
}

void smmu::command_failed(command_error e) {
    ++counts_.command_errors;
    bank.set(reg::CMDQ_CONS, queue_index::ERR, static_cast<std::uint64_t>(e));
    raise(gerror::CMDQ_ERR);
}

/// Is it a command, and one that this SMMU has (chapter 4)?
command_error smmu::check(const command_words& w) const {
    const features& f = features_;
    const auto legal = [](bool yes) { return yes ? command_error::CERROR_NONE : command_error::CERROR_ILL; };
    const auto code = static_cast<opcode>(command::Opcode.of(w));
    switch (code) {
    case opcode::CMD_PREFETCH_CONFIG:
    case opcode::CMD_PREFETCH_ADDR:
    case opcode::CMD_CFGI_STE:
    case opcode::CMD_CFGI_STE_RANGE:
        return legal(!command::SSec.of(w)); // Secure streams: from the Secure queue alone
    case opcode::CMD_CFGI_CD:
    case opcode::CMD_CFGI_CD_ALL:
        return legal(f.s1p && !command::SSec.of(w));
    case opcode::CMD_TLBI_NH_ALL:
    case opcode::CMD_TLBI_NH_ASID:
        return legal(f.s1p);
    case opcode::CMD_TLBI_NH_VA:
    case opcode::CMD_TLBI_NH_VAA: {
        invalidation i;
        return legal(f.s1p && range_of(w, i));
    }
    case opcode::CMD_TLBI_EL2_ALL:
    case opcode::CMD_TLBI_EL2_ASID:
        return legal(f.hyp);
    case opcode::CMD_TLBI_EL2_VA:
    case opcode::CMD_TLBI_EL2_VAA: {
        invalidation i;
        return legal(f.hyp && range_of(w, i));
    }
    case opcode::CMD_TLBI_S12_VMALL:
        return legal(f.s2p);
    case opcode::CMD_TLBI_S2_IPA: {
        invalidation i;
        return legal(f.s2p && range_of(w, i));
    }
    case opcode::CMD_TLBI_NSNH_ALL:
        return command_error::CERROR_NONE;
    case opcode::CMD_ATC_INV:
        return legal(f.ats && !command::SSec.of(w));
    case opcode::CMD_PRI_RESP:
        return legal(f.pri && !command::SSec.of(w) && command::Resp.of(w) != 3);
    case opcode::CMD_RESUME:
    case opcode::CMD_STALL_TERM:
        return legal(f.stalls != stall_model::terminate_only && !command::SSec.of(w));
    case opcode::CMD_SYNC:
        return legal(static_cast<command::completion>(command::CS.of(w)) != command::completion::reserved);
    }
    return command_error::CERROR_ILL;
}

/// A checked command.
walk<void> smmu::execute(walk_context& context, const command_words& w) {
    ++counts_.commands;
    const auto code = static_cast<opcode>(command::Opcode.of(w));
    if (is_tlb_invalidation(code)) {
        ++counts_.tlb_invalidations;
        const invalidation i = tlb_invalidation(code, w);
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate(i);
        co_return;
    }
    switch (code) {
    case opcode::CMD_PREFETCH_CONFIG:
    case opcode::CMD_PREFETCH_ADDR: {
        walk<void> fetch = prefetch(context, w);
        co_await fetch;
        break;
    }
    case opcode::CMD_CFGI_STE:
    case opcode::CMD_CFGI_STE_RANGE:
    case opcode::CMD_CFGI_CD:
    case opcode::CMD_CFGI_CD_ALL: {
        ++counts_.configuration_invalidations;
        const invalidation i = configuration_invalidation(code, w);
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate(i);
        break;
    }
    case opcode::CMD_RESUME: {
        const bool abort = command::Ab.of(w) || features_.abort_only;
        const verdict v = command::Ac.of(w) ? verdict::retry : (abort ? verdict::abort : verdict::ignore);
        // 4.6.1: a tag that names nothing of this stream is no error
        resume_stalled(static_cast<std::uint32_t>(command::STAG.of(w)),
                       static_cast<std::uint32_t>(command::StreamID.of(w)), v);
        break;
    }
    case opcode::CMD_STALL_TERM:
        terminate_stalled(static_cast<std::uint32_t>(command::StreamID.of(w)), verdict::abort);
        forget_held_events(static_cast<std::uint32_t>(command::StreamID.of(w)));
        break;
    case opcode::CMD_SYNC: {
        walk<void> wait = synchronise(context);
        co_await wait;
        break;
    }
    default:
        break; // CMD_ATC_INV, CMD_PRI_RESP: no ATC and no page request is behind this model
    }
}

/// A hint (4.2): the configuration is fetched into its cache, and by CMD_PREFETCH_ADDR the first of the translations
/// into the TLB. Whatever is wrong with them is not reported.
walk<void> smmu::prefetch(walk_context& context, const command_words& w) {
    access a;
    a.source_id = static_cast<std::uint32_t>(command::StreamID.of(w));
    a.has_pasid = command::SSV.of(w) != 0;
    a.pasid = a.has_pasid ? static_cast<std::uint32_t>(command::SubstreamID.of(w)) : 0;
    if (!enabled_)
        co_return;
    if (static_cast<opcode>(command::Opcode.of(w)) == opcode::CMD_PREFETCH_ADDR) {
        a.address = command::Address.of(w[1]);
        walk<void> translation = translate_ahead(context, a);
        co_await translation;
        co_return;
    }
    const configuration_source from = source();
    stream_configuration c;
    fault why;
    walk<bool> fetch = fetch_configuration(context, from, a, c, why);
    const bool found = co_await fetch;
    if (found && context.may_fill_configuration(a.source_id, a.pasid))
        configurations_.insert(configuration_key(a), c);
}

/// 4.7.3: older commands are complete, as they run one by one; accesses that used what they took back have left; events
/// of accesses that were terminated are visible.
walk<void> smmu::synchronise(walk_context& context) {
    ++counts_.syncs;
    co_await context.drain();
    for (unsigned polls = 0; writing_ && polls < most_polls; ++polls)
        co_await context.pass(time_part::configuration, poll_cycles);
}

walk<void> smmu::signal_completion(walk_context& context, const command_words& w) {
    switch (static_cast<command::completion>(command::CS.of(w))) {
    case command::completion::SIG_IRQ: {
        const std::uint64_t address = command::MSIAddress.of(w[1]);
        if (!features_.msi || address == 0) {
            pulse_interrupt(static_cast<std::size_t>(wired_interrupt::cmdq_sync));
            break;
        }
        const auto data = static_cast<std::uint32_t>(command::MSIData.of(w));
        walk<void> message = send_message(context, address, data, gerror::MSI_CMDQ_ABT_ERR);
        co_await message;
        break;
    }
    case command::completion::SIG_SEV:
        counts_.wake_ups += features_.sev;
        break; // without SEV: as SIG_NONE
    default:
        break;
    }
}

/// The addresses that a command names (4.4.1). False: a reserved combination.
bool smmu::range_of(const command_words& w, invalidation& i) const {
    constexpr unsigned smallest_page = 12;
    i.first = command::Address.of(w[1]);
    i.last = i.first | ones_below(smallest_page);
    const auto tg = static_cast<unsigned>(command::TG.of(w));
    if (!features_.ril || tg == 0)
        return true;
    const std::uint64_t num = command::NUM.of(w), scale = command::SCALE.of(w);
    constexpr unsigned tg_16k = 2,
                       ttl_of_blocks_16k = 1; // level 1 has none of 16K without IDR5.DS, which is not modelled
    const auto ttl = static_cast<unsigned>(command::TTL.of(w));
    if (num == 0 && scale == 0 && (ttl == 0 || (tg == tg_16k && ttl == ttl_of_blocks_16k)))
        return false;
    const unsigned log2_page = 10 + 2 * tg; // 4K, 16K, 64K
    i.first &= ~ones_below(log2_page);
    // (NUM + 1) * 2^SCALE pages: at most 2^(5 + 31 + 16) bytes
    const std::uint64_t bytes = (num + 1) << (scale + log2_page);
    i.last = i.first > std::numeric_limits<std::uint64_t>::max() - (bytes - 1)
                 ? std::numeric_limits<std::uint64_t>::max()
                 : i.first + (bytes - 1);
    return true;
}

invalidation smmu::tlb_invalidation(opcode code, const command_words& w) const {
    invalidation i;
    i.by_regime = true;
    i.regime_mask = regime::world_mask;
    i.tag.vm = static_cast<std::uint32_t>(command::VMID.of(w)) & (features_.vmid16 ? 0xffffU : 0xffU);
    i.tag.space = static_cast<std::uint32_t>(command::ASID.of(w)) & (features_.asid16 ? 0xffffU : 0xffU);
    const auto of_guest = [&](std::uint8_t world) {
        i.tag.regime = world;
        i.by_vm = features_.s2p; // without stage 2 there is no VMID
    };
    const auto of_el2 = [&] {
        i.tag.regime = regime::el2; // with or without E2H
        i.regime_mask = regime::el2_mask;
    };
    const auto by_address = [&] {
        std::ignore = range_of(w, i); // checked before
        i.leaf_only = command::Leaf.of(w) != 0;
    };
    switch (code) {
    case opcode::CMD_TLBI_NH_ALL:
        of_guest(regime::ns_el1);
        break;
    case opcode::CMD_TLBI_NH_ASID:
        of_guest(regime::ns_el1);
        i.by_space = true;
        i.spare_global = true;
        break;
    case opcode::CMD_TLBI_NH_VA:
        of_guest(regime::ns_el1);
        i.by_space = true;
        by_address();
        break;
    case opcode::CMD_TLBI_NH_VAA:
        of_guest(regime::ns_el1);
        by_address();
        break;
    case opcode::CMD_TLBI_EL2_ALL:
        of_el2();
        break;
    case opcode::CMD_TLBI_EL2_ASID:
        of_el2();
        i.by_space = true;
        i.spare_global = true;
        break;
    case opcode::CMD_TLBI_EL2_VA:
        of_el2();
        i.by_space = bank.get(reg::CR2, cr2::E2H) != 0; // the regime without E2H has no ASID
        by_address();
        break;
    case opcode::CMD_TLBI_EL2_VAA:
        of_el2();
        by_address();
        break;
    case opcode::CMD_TLBI_S2_IPA:
        of_guest(regime::stage2);
        by_address();
        break;
    case opcode::CMD_TLBI_S12_VMALL:
        of_guest(regime::ns_el1);
        i.regime_mask = regime::el2_mask; // both stages
        break;
    default: // CMD_TLBI_NSNH_ALL
        of_guest(regime::ns_el1);
        i.regime_mask = regime::el2_mask;
        i.by_vm = false;
        break;
    }
    return i;
}

invalidation smmu::configuration_invalidation(opcode code, const command_words& w) {
    invalidation i;
    i.kind = invalidation::what::configuration;
    i.by_source = true;
    i.first_source = i.last_source = static_cast<std::uint32_t>(command::StreamID.of(w));
    if (code == opcode::CMD_CFGI_STE_RANGE) { // 4.3.2: 2^(Range+1) streams; 31 is all (4.3.3)
        const auto mask = static_cast<std::uint32_t>(ones_below(static_cast<unsigned>(command::Range.of(w)) + 1));
        i.first_source &= ~mask;
        i.last_source |= mask;
    }
    if (code == opcode::CMD_CFGI_CD) {
        i.by_pasid = true;
        i.pasid = static_cast<std::uint32_t>(command::SubstreamID.of(w));
    }
    return i;
}

std::uint32_t smmu::invalidate_caches(const invalidation& i) {
    if (i.kind == invalidation::what::configuration)
        return configurations_.erase_if([&](const cache_key& k, const stream_configuration&) {
            const auto source_id = static_cast<std::uint32_t>(k.tag);
            const auto substream = static_cast<std::uint32_t>(k.tag >> 32);
            return i.matches_requester(source_id, substream >> 20 != 0, substream & 0xf'ffff);
        });
    std::uint32_t dropped = stage1_walks_.invalidate(i);
    invalidation second = i;
    second.stage = 2; // what reaches the regime of stage 2 reaches its tables too
    dropped += stage2_walks_.invalidate(second);
    dropped += intermediate_.invalidate(second);
    return dropped;
}

} // namespace iommulab::smmu_v3
