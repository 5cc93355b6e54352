// SPDX-License-Identifier: Apache-2.0
// Invalidation, by registers and by queue: VT-d specification, "Register-based Invalidation Interface", "Queued
// Invalidation Interface".
#include "models/vtd/vtd.h"

#include <tuple>
#include <utility>

namespace iommulab::vtd {

namespace {

/// The queue has 4 KiB times 2^QS, whatever the width of its descriptors.
std::uint64_t queue_bytes(std::uint64_t iqa) {
    return std::uint64_t{4096} << iqa::QS.of(iqa);
}
unsigned descriptor_bytes(std::uint64_t iqa) {
    return iqa::DW.of(iqa) ? descriptor::wide_bytes : descriptor::bytes;
}

bool is_for_device_tlbs(descriptor_type t) {
    return t == descriptor_type::device_tlb || t == descriptor_type::pasid_device_tlb;
}

/// Bits of word 0 whose meaning a capability gives: without it they are reserved.
std::uint64_t reserved_without_capability(descriptor_type t, const features& f) {
    namespace d = descriptor;
    if (t == descriptor_type::wait && !f.page_request_drain)
        return d::PD.make(1);
    return is_for_device_tlbs(t) && !f.device_tlb_throttling ? d::PFSID : 0;
}

bool is_for_scalable_mode(descriptor_type t) {
    return t == descriptor_type::pasid_iotlb || t == descriptor_type::pasid_cache ||
           t == descriptor_type::pasid_device_tlb;
}

/// The pages that ADDR and AM name: 2^AM of them, aligned.
void set_range(invalidation& i, std::uint64_t address, unsigned mask) {
    constexpr unsigned smallest_page = 12;
    const unsigned bits = mask + smallest_page;
    const std::uint64_t below = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    i.first = address & ~below;
    i.last = address | below;
}

} // namespace

// --- what is invalidated

void remapping_unit::forget_everything() {
    dropped_ = contexts_.clear() + pasids_.clear();
    invalidation everything;
    everything.kind = invalidation::what::configuration;
    invalidate(everything);
    invalidate(invalidation{});
}

/// "Context-Cache Invalidate": by everything, by the domain in context entries, by source-id with FM's function bits
/// ignored.
void remapping_unit::invalidate_context(granularity g, std::uint32_t domain, std::uint32_t source_id,
                                        unsigned function_mask) {
    ++counts_.configuration_invalidations;
    invalidation i;
    i.kind = invalidation::what::configuration;
    switch (g) {
    case granularity::domain:
        // which requesters are meant is known to the context cache alone: what is kept by requester goes as a whole.
        // Entries of scalable mode have no domain
        dropped_ = contexts_.erase_if([&](const cache_key&, const context_configuration& c) {
            return c.request.scalable || c.request.tag.vm == domain;
        });
        break;
    case granularity::selective: {
        constexpr std::uint32_t function_bits = 7;
        i.by_source = true;
        i.first_source = function_mask ? source_id & ~function_bits : source_id;
        i.last_source = function_mask ? source_id | function_bits : source_id;
        dropped_ = contexts_.erase_if([&](const cache_key& k, const context_configuration&) {
            return k.tag >= i.first_source && k.tag <= i.last_source;
        });
        break;
    }
    default:
        dropped_ = contexts_.clear();
        break;
    }
    invalidate(i);
}

/// "PASID-cache Invalidate". What ports keep by requester goes as a whole: requests without PASID use PASIDs too.
void remapping_unit::invalidate_pasid_cache(pasid_cache_granularity g, std::uint32_t domain, std::uint32_t pasid) {
    ++counts_.configuration_invalidations;
    dropped_ = pasids_.erase_if([&](const cache_key& k, const request_configuration& c) {
        if (g == pasid_cache_granularity::global)
            return true;
        return c.tag.vm == domain && (g == pasid_cache_granularity::domain || k.tag >> 32 == pasid);
    });
    invalidation i;
    i.kind = invalidation::what::configuration;
    invalidate(i);
}

/// "IOTLB Invalidate": by everything, by domain, by pages of a domain. Pages are of the second stage's input, so that
/// of nested translations, kept by the first stage's, the whole domain goes.
void remapping_unit::invalidate_iotlb(granularity g, std::uint32_t domain, std::uint64_t address, unsigned mask,
                                      bool hint) {
    ++counts_.tlb_invalidations;
    invalidation i;
    if (g != granularity::global) {
        i.by_vm = true;
        i.tag.vm = domain;
    }
    if (g == granularity::selective && features_.page_selective) {
        if (features_.nested) {
            invalidation nested = i;
            nested.by_regime = true;
            nested.regime_mask = regime::kind_mask;
            nested.tag.regime = regime::nested;
            invalidate(nested);
        }
        set_range(i, address, mask);
        i.leaf_only = hint;
    }
    invalidate(i);
}

/// "PASID-based-IOTLB Invalidate": of a PASID in a domain, all or some pages of the first stage's input.
void remapping_unit::invalidate_pasid_iotlb(pasid_iotlb_granularity g, std::uint32_t domain, std::uint32_t pasid,
                                            std::uint64_t address, unsigned mask, bool hint) {
    ++counts_.tlb_invalidations;
    for (const std::uint8_t kind : {regime::first_stage, regime::nested}) {
        if (kind == regime::nested && !features_.nested)
            continue;
        invalidation i;
        i.by_vm = i.by_space = i.by_regime = true;
        i.regime_mask = regime::kind_mask;
        i.tag = {.vm = domain, .space = pasid, .regime = kind};
        if (g == pasid_iotlb_granularity::page_selective) {
            set_range(i, address, mask);
            i.leaf_only = hint;
        }
        invalidate(i);
    }
}

std::uint32_t remapping_unit::invalidate_caches(const invalidation& i) {
    if (i.kind == invalidation::what::configuration)
        return std::exchange(dropped_, 0);
    invalidation of_stage = i;
    of_stage.stage = 0;
    std::uint32_t gone = first_stage_.invalidate(of_stage);
    of_stage.stage = 2;
    return gone + second_stage_.invalidate(of_stage) + nested_.invalidate(of_stage);
}

// --- by registers

void remapping_unit::write_ccmd(std::uint64_t before, std::uint64_t written) {
    if (ccmd::ICC.of(before)) { // busy: software must not write
        bank.set(reg::CCMD, before);
        return;
    }
    if (!ccmd::ICC.of(written))
        return;
    spawn<remapping_unit, &remapping_unit::run_context_command>();
}

walk<void> remapping_unit::run_context_command(walk_context& context) {
    co_await context.pass(time_part::configuration, own_.invalidate_cycles);
    std::uint64_t command = bank.get(reg::CCMD);
    const auto g = static_cast<granularity>(ccmd::CIRG.of(command));
    auto done = granularity::reserved; // an incorrect request: refused
    if (g != granularity::reserved && !bank.get(reg::GSTS, gsts::QIES)) {
        done = g;
        invalidate_context(g, static_cast<std::uint32_t>(ccmd::DID.of(command)),
                           static_cast<std::uint32_t>(ccmd::SID.of(command)),
                           static_cast<unsigned>(ccmd::FM.of(command)));
    }
    command = ccmd::CAIG.put(command, static_cast<std::uint64_t>(done));
    bank.set(reg::CCMD, ccmd::ICC.put(command, 0));
}

void remapping_unit::write_iotlb(std::uint64_t before, std::uint64_t written) {
    if (iotlb::IVT.of(before)) {
        bank.set(reg::IOTLB, before);
        return;
    }
    if (!iotlb::IVT.of(written))
        return;
    spawn<remapping_unit, &remapping_unit::run_iotlb_command>();
}

walk<void> remapping_unit::run_iotlb_command(walk_context& context) {
    co_await context.pass(time_part::configuration, own_.invalidate_cycles);
    const std::uint64_t command = bank.get(reg::IOTLB), where = bank.get(reg::IVA);
    const auto g = static_cast<granularity>(iotlb::IIRG.of(command));
    const auto mask = static_cast<unsigned>(iva::AM.of(where));
    auto done = g;
    if (g == granularity::selective && !features_.page_selective)
        done = granularity::domain;
    else if (g == granularity::selective && mask > features_.most_am)
        done = granularity::reserved; // an address mask that the unit doesn't have: refused
    if (bank.get(reg::GSTS, gsts::QIES))
        done = granularity::reserved;
    if (done != granularity::reserved) {
        invalidate_iotlb(done, static_cast<std::uint32_t>(iotlb::DID.of(command)), iva::ADDR.of(where), mask,
                         iva::IH.of(where) != 0);
        if ((iotlb::DR.of(command) && features_.drain_reads) || (iotlb::DW.of(command) && features_.drain_writes))
            co_await context.drain();
    }
    const std::uint64_t answered = iotlb::IAIG.put(bank.get(reg::IOTLB), static_cast<std::uint64_t>(done));
    bank.set(reg::IOTLB, iotlb::IVT.put(answered, 0));
}

// --- by queue

bool remapping_unit::queue_may_run() const {
    return !hung_ && bank.get(reg::GSTS, gsts::QIES) && !bank.get(reg::FSTS, fsts::IQE) &&
           bank.get(reg::IQH) != bank.get(reg::IQT);
}

void remapping_unit::kick_queue() {
    if (consuming_ || !queue_may_run())
        return;
    consuming_ = true;
    consuming_since_ps_ = clock().now_ps();
    queue_probe_.set(1, clock().now_ps());
    spawn<remapping_unit, &remapping_unit::consume_descriptors>();
}

iqercd::error remapping_unit::check_tail() const {
    const std::uint64_t iqa = bank.get(reg::IQA), tail = bank.get(reg::IQT);
    if (tail >= queue_bytes(iqa))
        return iqercd::error::invalid_tail;
    return tail % descriptor_bytes(iqa) ? iqercd::error::misaligned_tail : iqercd::error::none;
}

walk<void> remapping_unit::consume_descriptors(walk_context& context) {
    while (queue_may_run()) {
        const std::uint64_t iqa = bank.get(reg::IQA), head = bank.get(reg::IQH);
        const plain_ring ring{.bytes = queue_bytes(iqa), .entry_bytes = descriptor_bytes(iqa)};
        iqercd::error wrong = check_tail();
        if (wrong != iqercd::error::none) {
            queue_failed(wrong);
            break;
        }
        const auto words = co_await context.read_words(time_part::configuration_fetch,
                                                       iqa::IQA.of(iqa) + (head & (ring.bytes - 1)), ring.entry_bytes);
        if (!words) {
            queue_failed(iqercd::error::fetch);
            break;
        }
        co_await context.pass(time_part::configuration, own_.descriptor_cycles);
        wrong = check(*words);
        if (wrong != iqercd::error::none) {
            queue_failed(wrong);
            break;
        }
        ++counts_.descriptors;
        walk<void> execution = execute(context, *words);
        co_await execution;
        if (bank.get(reg::GSTS, gsts::QIES)) // else the queue was disabled meanwhile, and starts anew
            bank.set(reg::IQH, ring.next(head & (ring.bytes - 1)));
        if (type_of((*words)[0]) == descriptor_type::wait) {
            walk<void> completion = complete_wait(context, *words);
            co_await completion;
        }
    }
    consuming_ = false;
    counts_.queue_busy_ps += clock().now_ps() - consuming_since_ps_;
    queue_probe_.set(0, clock().now_ps());
}

void remapping_unit::queue_failed(iqercd::error e) {
    ++counts_.queue_errors;
    bank.set(reg::IQERCD, iqercd::IQEI, static_cast<std::uint64_t>(e));
    raise_fault_status(fsts::IQE);
}

/// Is it a descriptor, and one that this unit and its queue can have?
iqercd::error remapping_unit::check(const descriptor_words& w) const {
    namespace d = descriptor;
    using enum iqercd::error;
    const descriptor_type type = type_of(w[0]);
    const bool wide = bank.get(reg::IQA, iqa::DW) != 0;
    if (!name_of(type) || (is_for_scalable_mode(type) && !features_.scalable_mode) ||
        (is_for_device_tlbs(type) && !features_.device_tlb) ||
        (type == descriptor_type::interrupt_entry_cache && !features_.interrupt_remapping) ||
        (type == descriptor_type::page_group_response && !features_.page_requests))
        return invalid_type;
    if (is_for_scalable_mode(type) && !wide)
        return invalid_width;
    const descriptor_bits bits = allowed_bits(type);
    if ((w[0] & (~bits.allowed[0] | reserved_without_capability(type, features_))) || (w[1] & ~bits.allowed[1]) ||
        (wide && (w[2] || w[3])))
        return reserved_field;
    const auto legal = [](bool yes) { return yes ? none : reserved_field; };
    const auto granted = d::G.of(w[0]);
    const bool mask_fits = d::AM.of(w) <= features_.most_am;
    switch (type) {
    case descriptor_type::context_cache:
        return legal(static_cast<granularity>(granted) != granularity::reserved);
    case descriptor_type::iotlb: {
        const auto g = static_cast<granularity>(granted);
        return legal(g != granularity::reserved && (g != granularity::selective || mask_fits));
    }
    case descriptor_type::pasid_cache:
        return legal(static_cast<pasid_cache_granularity>(granted) != pasid_cache_granularity::reserved);
    case descriptor_type::pasid_iotlb: {
        const auto g = static_cast<pasid_iotlb_granularity>(granted);
        return legal(g == pasid_iotlb_granularity::pasid_selective ||
                     (g == pasid_iotlb_granularity::page_selective && mask_fits));
    }
    default:
        return none;
    }
}

/// A checked descriptor.
walk<void> remapping_unit::execute(walk_context& context, const descriptor_words& w) {
    namespace d = descriptor;
    const auto domain = static_cast<std::uint32_t>(d::DID.of(w)), pasid = static_cast<std::uint32_t>(d::PASID.of(w));
    const auto mask = static_cast<unsigned>(d::AM.of(w));
    const bool hint = d::IH.of(w) != 0;
    const descriptor_type type = type_of(w[0]);
    switch (type) {
    case descriptor_type::context_cache:
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate_context(static_cast<granularity>(d::G.of(w)), domain, static_cast<std::uint32_t>(d::SID.of(w)),
                           static_cast<unsigned>(d::FM.of(w)));
        break;
    case descriptor_type::pasid_cache:
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate_pasid_cache(static_cast<pasid_cache_granularity>(d::G.of(w)), domain, pasid);
        break;
    case descriptor_type::iotlb:
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate_iotlb(static_cast<granularity>(d::G.of(w)), domain, d::ADDR.of(w[1]), mask, hint);
        drain_owed_ |= (d::DR.of(w) && features_.drain_reads) || (d::DW.of(w) && features_.drain_writes);
        break;
    case descriptor_type::pasid_iotlb: // drains without being asked
        co_await context.pass(time_part::configuration, own_.invalidate_cycles);
        invalidate_pasid_iotlb(static_cast<pasid_iotlb_granularity>(d::G.of(w)), domain, pasid, d::ADDR.of(w[1]), mask,
                               hint);
        drain_owed_ = true;
        break;
    case descriptor_type::wait: // invalidations run one by one; their drains may last, and end together
        ++counts_.waits;
        if (std::exchange(drain_owed_, false))
            co_await context.drain();
        break;
    default:
        break; // nothing that it is for is behind this unit
    }
}

/// "Invalidation Wait Descriptor": the status in memory, the interrupt.
walk<void> remapping_unit::complete_wait(walk_context& context, const descriptor_words& w) {
    namespace d = descriptor;
    if (d::SW.of(w)) {
        descriptor_words status{};
        status[0] = d::STDATA.of(w);
        // a status that nothing takes is lost
        std::ignore = co_await context.write_words(time_part::configuration, d::STADDR.of(w[1]), 4, status);
    }
    if (d::IF.of(w) && !bank.get(reg::ICS, ics::IWC)) {
        bank.set(reg::ICS, ics::IWC, 1);
        signal(unit_event::invalidation);
    }
}

} // namespace iommulab::vtd
