// SPDX-License-Identifier: Apache-2.0
// Loosely timed, direct memory pointers, debug: the ways through a port that never wait for each other.
#include "models/core/engine_state.h"
#include "models/core/upstream_port.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace iommulab {

// --- loosely timed

namespace {
const requester nobody{};
}

void upstream_port::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    ++accesses_;
    const std::uint64_t address = p.get_address();
    const sideband* side = p.get_extension<sideband>();
    const requester& who = side ? *side : nobody;
    if (address < again_.first || address > again_.last || again_.last - address < p.get_data_length() - 1U ||
        who.bits() != again_.who || !again_.may[p.get_command()]) [[unlikely]] {
        transport_by_look_up(p, delay, who);
        return;
    }
    latency_profile& profile = *again_.profile;
    forward_hit(p, delay, who, address, again_.distance, profile);
}

void upstream_port::forward_hit(tlm::tlm_generic_payload& p, sc_core::sc_time& delay, const requester& who,
                                std::uint64_t address, std::uint64_t distance, latency_profile& profile) {
    p.set_address(address + distance);
    delay += micro_tlb_time_;
    const std::uint64_t before = delay.value();
    to_memory->b_transport(p, delay);
    p.set_address(address);
    latency_profile& counted =
        p.is_response_ok() ? profile : engine_.statistics.of({who.source_id, access_outcome::error, 0});
    counted.add_hit(micro_tlb_ps_, (delay.value() - before) * engine_.clock.resolution_ps());
}

void upstream_port::transport_by_look_up(tlm::tlm_generic_payload& p, sc_core::sc_time& delay, const requester& who) {
    access a = sideband::describe(p, who);
    const tlm::tlm_response_status wrong = objection_to(p, a);
    const tlb_owner owner = tlb_owner::of_requester(a);
    const translation* hit = wrong == tlm::TLM_OK_RESPONSE ? micro_tlb_.find(owner, a.address) : nullptr;
    if (!hit || !rights::suffice(hit->allowed, a) || hit->bytes_from(a.address) < a.length_bytes ||
        engine_.observer) { // a hit that is not observed needs no sheet
        transport_slowly(p, delay, a, owner, hit, wrong);
        return;
    }
    latency_profile& profile = engine_.statistics.of(
        {a.source_id, hit->bypassed ? access_outcome::bypass : access_outcome::micro_tlb_hit, hit->log2_size});
    remember(who, a, *hit, profile);
    forward_hit(p, delay, who, a.address, again_.distance, profile);
}

void upstream_port::remember(const requester& who, const access& a, const translation& hit, latency_profile& profile) {
    access kind = a;
    kind.write = false;
    again_.may[tlm::TLM_READ_COMMAND] = hit.allowed & rights::needed_by(kind);
    kind.write = true;
    again_.may[tlm::TLM_WRITE_COMMAND] = hit.allowed & rights::needed_by(kind);
    again_.who = who.bits();
    again_.first = hit.input_base;
    again_.last = hit.input_base + hit.offset_mask();
    again_.distance = hit.output_base - hit.input_base;
    again_.profile = &profile;
}

namespace {
/// A loosely timed access that stalls keeps its caller's thread waiting.
struct stalled_caller final : stalled_access {
    std::function<void(std::uint32_t)> report;
    sc_core::sc_event event;
    stall_verdict verdict = stall_verdict::abort;
    bool is_decided = false;

    void admitted(std::uint32_t tag) override { report(tag); }
    void decided(stall_verdict v) override {
        verdict = v;
        is_decided = true;
        event.notify(sc_core::SC_ZERO_TIME);
    }
};
} // namespace

void upstream_port::resolve(const access& a, tlb_owner owner, const translation* hit, time_sheet& sheet,
                            std::vector<walk_reads>* walks, loose_result& r) {
    forget();
    sheet.add(time_part::micro_tlb, micro_tlb_ps_);
    if (hit && rights::suffice(hit->allowed, a)) {
        r.page = *hit;
        r.how = hit->bypassed ? access_outcome::bypass : access_outcome::micro_tlb_hit;
        return;
    }
    for (;;) {
        sheet.add(time_part::tlb, request_ps_);
        loose_context context(engine_, sheet, walks ? &walks->emplace_back() : nullptr);
        walk<bool> w = model_.translate(context, a, r.page);
        w.start();
        if (w.result()) { // every wait of a loose context is over at once
            r.how = r.page.bypassed ? access_outcome::bypass
                                    : (context.hit ? access_outcome::tlb_hit : access_outcome::miss);
            if (r.page.cacheable) {
                if (context.asked && !context.hit)
                    engine_.misses.fill(r.page);
                keep(owner, r.page);
            }
            return;
        }
        const fault f = context.refusal();
        ++engine_.counts.faults;
        r.how = access_outcome::fault;
        r.refused = true;
        r.ignored = f.ends == fault::ending::ignore;
        if (f.ends != fault::ending::stall) {
            model_.report(a, f, 0);
            return;
        }
        // only a thread can wait; a method's access ends as if it had been terminated
        if (sc_core::sc_get_current_process_handle().proc_kind() == sc_core::SC_METHOD_PROC_) {
            model_.report(a, f, 0);
            return;
        }
        ++engine_.counts.stalled;
        stalled_caller caller;
        caller.stalled_source = a.source_id;
        caller.report = [&](std::uint32_t tag) { model_.report(a, f, tag); };
        const std::uint64_t since = engine_.now_ps();
        engine_.stalls.enter(caller);
        while (!caller.is_decided)
            sc_core::wait(caller.event);
        sheet.add(time_part::stalled, engine_.now_ps() - since);
        if (caller.verdict != stall_verdict::retry) {
            r.ignored = caller.verdict == stall_verdict::ignore;
            return;
        }
        r = {};
    }
}

/// `a` may write: may it also read, as far as it must?
[[gnu::noinline]] // no part of a plain miss
void upstream_port::resolve_as_read(access a, tlb_owner owner, time_sheet& sheet, std::vector<walk_reads>* walks,
                                    loose_result& r) {
    if (r.refused || rights::suffice(r.page.allowed, a))
        return;
    a.write = false;
    r = {};
    resolve(a, owner, nullptr, sheet, walks, r);
}

/// `left`: the access, of which at the end is left what was not done. `wrong`: as of objection_to().
[[gnu::flatten]] // a miss passes through all of it
void upstream_port::transport_slowly(tlm::tlm_generic_payload& p, sc_core::sc_time& delay, access& left,
                                     tlb_owner owner, const translation* hit, tlm::tlm_response_status wrong) {
    time_sheet sheet;
    std::unique_ptr<std::vector<walk_reads>> walks; // when there is an observer
    sheet.begin(0);
    if (engine_.observer) [[unlikely]] {
        walks = std::make_unique<std::vector<walk_reads>>();
        sheet.begin(engine_.now_ps() + engine_.clock.ps(delay)); // who else would ask when it began?
    }
    loose_result r;
    access_outcome how = access_outcome::micro_tlb_hit;
    std::uint32_t done = 0;
    tlm::tlm_response_status status = wrong; // the first that is not OK stands
    p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    if (wrong != tlm::TLM_OK_RESPONSE) [[unlikely]] {
        ++engine_.counts.faults;
        sheet.add(time_part::micro_tlb, micro_tlb_ps_);
        how = access_outcome::fault;
        r.refused = true;
    }
    while (!r.refused) {
        resolve(left, owner, hit, sheet, walks.get(), r);
        if (left.atomic) [[unlikely]]
            resolve_as_read(left, owner, sheet, walks.get(), r);
        if (how == access_outcome::micro_tlb_hit || r.how == access_outcome::fault || r.how == access_outcome::miss)
            how = r.how;
        if (r.refused)
            break;
        const auto bytes =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(r.page.bytes_from(left.address), left.length_bytes));
        sc_core::sc_time took;
        const bool ok = forward_piece(p, done, bytes, r.page.output(left.address), took);
        sheet.add(time_part::memory, engine_.clock.ps(took));
        if (!ok && status == tlm::TLM_OK_RESPONSE)
            status = p.get_response_status();
        done += bytes; // with a bus error too: where pieces are under way together, none knows of the others
        left.address += bytes;
        left.length_bytes -= bytes;
        if (left.length_bytes == 0)
            break;
        r = {};
        ++engine_.counts.split;
        hit = micro_tlb_.find(owner, left.address);
    }

    if (r.refused) {
        if (r.ignored && p.is_read())
            std::memset(p.get_data_ptr() + done, 0, p.get_data_length() - done);
        if (!r.ignored && wrong == tlm::TLM_OK_RESPONSE)
            status = tlm::TLM_ADDRESS_ERROR_RESPONSE;
        p.set_dmi_allowed(false);
    }
    p.set_response_status(status);
    // simulated time that has passed in a stall is not annotated a second time
    delay += engine_.clock.of_ps(sheet.total_ps() - sheet.part_ps(time_part::stalled));
    if (status != tlm::TLM_OK_RESPONSE && how != access_outcome::fault)
        how = access_outcome::error;
    engine_.statistics.of({left.source_id, how, succeeded(how) ? r.page.log2_size : std::uint8_t{0}}).add(sheet);
    if (walks && engine_.observer) [[unlikely]]
        engine_.observer({sideband::describe(p), sheet, how, *walks});
}

/// `bytes` from `offset` on go to the address `output`.
bool upstream_port::forward_piece(tlm::tlm_generic_payload& p, std::uint32_t offset, std::uint32_t bytes,
                                  std::uint64_t output, sc_core::sc_time& delay) {
    const std::uint64_t address = p.get_address();
    if (bytes == p.get_data_length()) {
        p.set_address(output);
        to_memory->b_transport(p, delay);
        p.set_address(address);
        return p.is_response_ok();
    }
    unsigned char* const data = p.get_data_ptr();
    unsigned char* const enables = p.get_byte_enable_ptr();
    const unsigned length = p.get_data_length(), width = p.get_streaming_width(), enabled = p.get_byte_enable_length();
    piece_payload& room = pieces_.acquire(0); // others may come through while memory works
    p.set_address(output);
    p.set_data_ptr(data + offset);
    p.set_data_length(bytes);
    p.set_streaming_width(bytes);
    enable_bytes(p, enables, enabled, offset, room.buffer);
    p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    to_memory->b_transport(p, delay);
    room.release();
    p.set_address(address);
    p.set_data_ptr(data);
    p.set_data_length(length);
    p.set_streaming_width(width);
    p.set_byte_enable_ptr(enables);
    p.set_dmi_allowed(false);
    return p.is_response_ok();
}

// --- direct memory pointers

bool upstream_port::get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) {
    dmi.init();
    dmi.set_start_address(p.get_address());
    dmi.set_end_address(p.get_address());
    access a = sideband::describe(p);
    a.length_bytes = 1;
    a.write = false;
    const unsigned shift = a.privileged ? 3 : 0;
    std::optional<translation> here = model_.probe(a);
    if (!here) {
        a.write = true; // perhaps it may only be written
        here = model_.probe(a);
    }
    if (!here || !here->cacheable)
        return false;
    const bool may_read = here->allowed & (rights::read << shift), may_write = here->allowed & (rights::write << shift);

    // the run of pages around it that go to neighbouring places with the same rights
    std::uint64_t first = here->input_base, last = first + here->offset_mask();
    const std::uint64_t distance = here->output_base - here->input_base; // modulo 2^64
    std::vector<translation> run{*here};
    for (std::uint32_t n = 0; n < engine_.parameters.dmi_run_pages && last != ~std::uint64_t{0}; ++n) {
        access next = a;
        next.address = last + 1;
        const std::optional<translation> t = model_.probe(next);
        if (!t || !t->cacheable || t->input_base != last + 1 || t->output_base - t->input_base != distance ||
            t->allowed != here->allowed)
            break;
        last += t->offset_mask() + 1;
        run.push_back(*t);
    }

    const std::uint64_t address = p.get_address();
    p.set_address(here->output(address));
    const bool granted = to_memory->get_direct_mem_ptr(p, dmi);
    p.set_address(address);
    // what memory grants (or refuses) is in output addresses: clip it to the run, and say it in input addresses
    const std::uint64_t out_first = std::max<std::uint64_t>(dmi.get_start_address(), first + distance);
    const std::uint64_t out_last = std::min<std::uint64_t>(dmi.get_end_address(), last + distance);
    if (!granted || out_first > out_last || out_first > here->output(address) || out_last < here->output(address)) {
        dmi.set_start_address(address);
        dmi.set_end_address(address);
        return false;
    }
    dmi.set_dmi_ptr(dmi.get_dmi_ptr() + (out_first - dmi.get_start_address()));
    dmi.set_start_address(out_first - distance);
    dmi.set_end_address(out_last - distance);
    const bool read = may_read && dmi.is_read_allowed(), write = may_write && dmi.is_write_allowed();
    dmi.set_granted_access(read ? (write ? tlm::tlm_dmi::DMI_ACCESS_READ_WRITE : tlm::tlm_dmi::DMI_ACCESS_READ)
                                : (write ? tlm::tlm_dmi::DMI_ACCESS_WRITE : tlm::tlm_dmi::DMI_ACCESS_NONE));
    if (!read && !write)
        return false;
    dmi.set_read_latency(dmi.get_read_latency() + micro_tlb_time_);
    dmi.set_write_latency(dmi.get_write_latency() + micro_tlb_time_);
    const tlb_owner owner = tlb_owner::of_requester(a);
    for (const translation& t : run) {
        const std::uint64_t from = std::max<std::uint64_t>(t.input_base, dmi.get_start_address());
        const std::uint64_t to = std::min<std::uint64_t>(t.input_base + t.offset_mask(), dmi.get_end_address());
        const bool known = std::any_of(grants_.begin(), grants_.end(), [&](const direct_grant& g) {
            return g.first == from && g.last == to && g.owner.bits == owner.bits && g.page.tag == t.tag &&
                   g.page.leaf_mask() == t.leaf_mask();
        });
        if (from <= to && !known)
            grants_.push_back({from, to, owner, t});
    }
    ++engine_.counts.dmi_grants;
    return true;
}

void upstream_port::invalidate_direct(const invalidation& i) {
    std::erase_if(grants_, [&](const direct_grant& g) {
        const bool goes = i.kind == invalidation::what::configuration
                              ? i.matches_requester(g.owner.source_id(), g.owner.has_pasid(), g.owner.pasid())
                              : i.matches(g.page);
        if (goes) {
            ++engine_.counts.dmi_revocations;
            from_device->invalidate_direct_mem_ptr(g.first, g.last);
        }
        return goes;
    });
}

void upstream_port::invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) {
    // memory takes back output addresses; which input addresses lead there is not worth a search
    invalidation everything;
    invalidate_direct(everything);
}

// --- debug

/// What all that `a` does may use.
std::optional<translation> upstream_port::probe_access(access a) {
    std::optional<translation> page = model_.probe(a);
    if (page && a.atomic && !rights::suffice(page->allowed, a)) {
        a.write = false;
        page = model_.probe(a);
    }
    return page;
}

unsigned upstream_port::transport_dbg(tlm::tlm_generic_payload& p) {
    if (check_rare_attributes(p, true) != tlm::TLM_OK_RESPONSE)
        return 0;
    access a = sideband::describe(p);
    const std::uint64_t address = p.get_address();
    unsigned char* const data = p.get_data_ptr();
    const unsigned length = p.get_data_length();
    unsigned done = 0;
    while (done < length) {
        a.address = address + done;
        a.length_bytes = length - done;
        const std::optional<translation> t = probe_access(a);
        if (!t)
            break;
        const auto bytes = static_cast<unsigned>(std::min<std::uint64_t>(t->bytes_from(a.address), length - done));
        p.set_address(t->output(a.address));
        p.set_data_ptr(data + done);
        p.set_data_length(bytes);
        const unsigned moved = to_memory->transport_dbg(p);
        done += std::min(moved, bytes);
        if (moved < bytes)
            break;
    }
    p.set_address(address);
    p.set_data_ptr(data);
    p.set_data_length(length);
    return done;
}

} // namespace iommulab
