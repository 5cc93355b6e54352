// SPDX-License-Identifier: Apache-2.0
// Cycle-approximate: from BEGIN_REQ of the device to its END_RESP.
#include "models/core/upstream_port.h"

#include "models/core/engine_state.h"

#include <algorithm>
#include <cstring>

namespace iommulab {

upstream_port::upstream_port(sc_core::sc_module_name name, iommu& owner, engine_state& engine, std::size_t number)
    : sc_core::sc_module(name),
      model_(owner),
      engine_(engine),
      number_(number),
      micro_tlb_(engine.parameters.micro_tlb),
      micro_port_(engine.parameters.micro_tlb),
      bus_(engine.clock, to_memory, *this) {
    from_device.bind(*this);
    to_memory.bind(*this);
    const std::uint64_t cycles = engine.parameters.micro_tlb.entries ? engine.parameters.micro_tlb.latency_cycles : 0;
    micro_tlb_time_ = engine.clock.to_time(cycles);
    micro_tlb_ps_ = engine.clock.to_ps(cycles);
    request_ps_ = engine.clock.to_ps(engine.parameters.request_cycles);
}

upstream_port::~upstream_port() = default;

void upstream_port::enable_bytes(tlm::tlm_generic_payload& piece, unsigned char* enables, unsigned length,
                                 std::uint32_t offset, std::vector<unsigned char>& room) {
    const unsigned begun = enables ? offset % length : 0; // the pattern repeats (IEEE 1666-2011 14.14)
    if (begun != 0) [[unlikely]] {
        room.resize(std::max<std::size_t>(room.size(), length));
        std::rotate_copy(enables, enables + begun, enables + length, room.begin());
        enables = room.data();
    }
    piece.set_byte_enable_ptr(enables);
    piece.set_byte_enable_length(length);
}

// --- the device's side: requests

tlm::tlm_sync_enum upstream_port::nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                  sc_core::sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) {
        if (requesting_) {
            SC_REPORT_ERROR("/iommulab/protocol", "BEGIN_REQ before END_REQ of the last request");
            p.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
            return tlm::TLM_COMPLETED;
        }
        p.acquire();
        const std::uint64_t arrival = engine_.clock.cycle_after(delay);
        const std::uint64_t begun_ps = engine_.now_ps() + engine_.clock.ps(delay);
        if (has_room_for(p)) {
            const std::uint64_t taken = std::max(arrival, next_accept_);
            take(p, begun_ps, taken);
            phase = tlm::END_REQ;
            delay = engine_.clock.time_until(taken);
            return tlm::TLM_UPDATED;
        }
        requesting_ = &p; // END_REQ stays away until an access has left
        requested_ps_ = begun_ps;
        next_accept_ = std::max(next_accept_, arrival);
        ++backpressure_;
        return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::END_RESP && answering_) {
        answer_free_ = engine_.clock.cycle_after(delay);
        response_ended();
        return tlm::TLM_COMPLETED;
    }
    return tlm::TLM_ACCEPTED;
}

bool upstream_port::has_room_for(const tlm::tlm_generic_payload& p) const {
    const iommu_parameters& limits = engine_.parameters;
    return outstanding_ < limits.port_outstanding &&
           (limits.port_reads == 0 || !p.is_read() || reads_ < limits.port_reads);
}

void upstream_port::take_waiting() {
    take_pending_ = false;
    tlm::tlm_generic_payload& p = *std::exchange(requesting_, nullptr);
    take(p, requested_ps_, engine_.clock.cycle());
    tlm::tlm_phase phase = tlm::END_REQ;
    sc_core::sc_time delay;
    from_device->nb_transport_bw(p, phase, delay); // the device may send its next request in this call
}

/// The access of `p` enters at cycle `taken`, now or soon.
void upstream_port::take(tlm::tlm_generic_payload& p, std::uint64_t begun_ps, std::uint64_t taken) {
    transaction& t = acquire();
    t.payload = &p;
    t.sheet.begin(begun_ps);
    t.sheet.charge(time_part::port_wait, engine_.clock.to_ps(taken));
    t.piece = sideband::describe(p);
    t.how = access_outcome::micro_tlb_hit;
    t.status = objection_to(p, t.piece);
    t.refused = t.ignored = t.status != tlm::TLM_OK_RESPONSE;
    t.stale = false;
    t.pieces_out = 0;
    t.bytes_issued = 0;
    t.page.log2_size = 0;
    t.next = nullptr;
    *newest_ = &t;
    newest_ = &t.next;
    t.generation = engine_.accesses.enter();
    t.counted = true;
    ++accesses_;
    outstanding_probe_.set(++outstanding_, engine_.now_ps());
    reads_ += p.is_read();
    next_accept_ = taken + engine_.parameters.port_accept_cycles;
    look_up(t, taken);
}

// --- translation

void upstream_port::look_up(transaction& t, std::uint64_t cycle) {
    t.where = transaction::state::lookup;
    const std::uint64_t answered = micro_tlb_.parameters().entries ? micro_port_.reserve(cycle, 1) : cycle;
    engine_.clock.at(answered, {&upstream_port::looked_up, &t});
}

void upstream_port::looked_up(void* object) {
    auto& t = *static_cast<transaction*>(object);
    upstream_port& port = t.port;
    t.sheet.charge(time_part::micro_tlb, port.engine_.now_ps());
    if (t.refused) [[unlikely]] { // before it came here
        ++port.engine_.counts.faults;
        t.how = access_outcome::fault;
        port.translated(t);
        return;
    }
    port.forget();
    const translation* hit = port.micro_tlb_.find(tlb_owner::of_requester(t.piece), t.piece.address);
    if (hit && rights::suffice(hit->allowed, t.piece)) {
        port.hit_probe_.pulse(port.engine_.now_ps(), port.engine_.clock.period_ps());
        t.page = *hit;
        if (t.page.bypassed && t.how == access_outcome::micro_tlb_hit)
            t.how = access_outcome::bypass;
        port.translated(t);
        return;
    }
    port.miss_probe_.pulse(port.engine_.now_ps(), port.engine_.clock.period_ps());
    if (port.engine_.parameters.request_cycles == 0) {
        port.start_walk(t);
        return;
    }
    engine_state& e = port.engine_;
    e.clock.after(e.parameters.request_cycles,
                  {[](void* p) {
                       auto& x = *static_cast<transaction*>(p);
                       x.sheet.charge(time_part::tlb, x.port.engine_.now_ps()); // the way to the shared part
                       x.port.start_walk(x);
                   },
                   &t});
}

void upstream_port::start_walk(transaction& t) {
    t.context.begin(&t.sheet, t.piece, engine_.observer ? &t.walks.emplace_back() : nullptr);
    t.page = {};
    t.walking = model_.translate(t.context, t.piece, t.page);
    t.walking.start([](void* p) { static_cast<transaction*>(p)->walk_ended(); }, &t);
}

void transaction::walk_ended() {
    engine_state& e = port.engine_;
    const bool ok = walking.result();
    access_outcome of_piece = access_outcome::miss;
    if (context.hit)
        of_piece = context.missed ? access_outcome::merged_miss : access_outcome::tlb_hit;
    e.misses.finish(context, ok ? &page : nullptr);
    if (!ok) {
        port.refused(*this);
        return;
    }
    if (page.bypassed)
        of_piece = access_outcome::bypass;
    if (how == access_outcome::micro_tlb_hit || how == access_outcome::bypass ||
        (of_piece != access_outcome::bypass && of_piece > how))
        how = of_piece;
    if (page.cacheable && context.may_fill(page) &&
        context.may_fill_configuration(piece.source_id, piece.has_pasid ? piece.pasid : 0))
        port.keep(tlb_owner::of_requester(piece), page);
    if (piece.atomic && piece.write && !rights::suffice(page.allowed, piece)) {
        piece.write = false; // it may write: may it read?
        port.look_up(*this, e.clock.cycle_after(sc_core::SC_ZERO_TIME));
        return;
    }
    port.translated(*this);
}

void upstream_port::refused(transaction& t) {
    const fault& f = t.context.refusal();
    ++engine_.counts.faults;
    engine_.probes.fault.pulse(engine_.now_ps(), engine_.clock.period_ps());
    t.sheet.charge(time_part::fault_report, engine_.now_ps());
    if (f.ends == fault::ending::stall) {
        t.where = transaction::state::stalled;
        ++engine_.counts.stalled;
        if (t.pieces_out == 0)
            leave(t); // a synchronisation does not wait for software
        t.stalled_source = t.piece.source_id;
        engine_.stalls.enter(t);
        return;
    }
    model_.report(t.piece, f, 0);
    t.how = access_outcome::fault;
    t.refused = true;
    t.ignored = f.ends == fault::ending::ignore;
    translated(t);
}

void transaction::admitted(std::uint32_t tag) {
    port.model_.report(piece, context.refusal(), tag);
}

void transaction::decided(stall_verdict v) {
    engine_state& e = port.engine_;
    sheet.charge(time_part::stalled, e.now_ps());
    if (!counted) {
        generation = e.accesses.enter();
        counted = true;
    }
    if (v == stall_verdict::retry) {
        port.look_up(*this, e.clock.cycle_after(sc_core::SC_ZERO_TIME));
        return;
    }
    how = access_outcome::fault;
    refused = true;
    ignored = v == stall_verdict::ignore;
    port.translated(*this);
}

// --- order

void upstream_port::translated(transaction& t) {
    t.where = transaction::state::ready;
    if (may_issue(t))
        issue(t);
    else if (t.generation != engine_.accesses.current())
        renew(t); // a synchronisation waits for it, which may itself wait for a stalled access
}

bool upstream_port::may_issue(const transaction& t) const {
    if (engine_.parameters.order == access_order::in_order)
        return oldest_ == &t;
    const tlb_owner owner = tlb_owner::of_requester(t.piece);
    for (const transaction* o = oldest_; o != &t; o = o->next)
        if (tlb_owner::of_requester(o->piece).bits == owner.bits)
            return false;
    return true;
}

void upstream_port::issue(transaction& t) {
    t.sheet.charge(time_part::order_wait, engine_.now_ps());
    if (t.stale) {
        t.stale = false;
        t.refused = t.ignored = false;
        t.piece.write |= t.piece.atomic;
        look_up(t, engine_.clock.cycle_after(sc_core::SC_ZERO_TIME));
        return;
    }
    if (t.refused) {
        if (!t.ignored) // else what memory said of earlier pieces stands
            t.status = tlm::TLM_ADDRESS_ERROR_RESPONSE;
        retire(t);
        return;
    }
    const std::uint64_t room = t.page.bytes_from(t.piece.address);
    const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, t.piece.length_bytes));
    const bool whole = bytes == t.payload->get_data_length();
    piece_payload& p = pieces_.acquire(0, &t);
    p.set_command(t.payload->get_command());
    p.set_address(t.page.output(t.piece.address));
    p.set_data_ptr(t.payload->get_data_ptr() + t.bytes_issued);
    p.set_data_length(bytes);
    p.set_streaming_width(whole ? t.payload->get_streaming_width() : bytes);
    enable_bytes(p, t.payload->get_byte_enable_ptr(), t.payload->get_byte_enable_length(), t.bytes_issued, p.buffer);
    if (const auto* s = t.payload->get_extension<sideband>())
        p.side.copy_from(*s);
    if (t.piece.atomic)
        p.set_extension(compare_swap_of(*t.payload)); // the device's own: the answer goes there
    ++t.pieces_out;
    t.bytes_issued += bytes;
    t.piece.address += bytes;
    t.piece.length_bytes -= bytes;
    if (t.piece.length_bytes != 0) {
        ++engine_.counts.split;
        bus_.push(p);
        look_up(t, engine_.clock.cycle_after(sc_core::SC_ZERO_TIME));
        return;
    }
    unlink(t);
    bus_.push(p);
    issue_in_order();
}

/// Nothing more of `t` will be issued: it gives up its place in the order.
void upstream_port::retire(transaction& t) {
    unlink(t);
    if (t.pieces_out == 0)
        answer_later(t, sc_core::SC_ZERO_TIME);
    issue_in_order();
}

void upstream_port::unlink(transaction& t) {
    t.where = transaction::state::issued;
    transaction** at = &oldest_;
    while (*at != &t)
        at = &(*at)->next;
    *at = t.next;
    if (!t.next)
        newest_ = at;
}

void upstream_port::issue_in_order() {
    for (transaction* t = oldest_; t; t = t->next) {
        if (t->where == transaction::state::ready && may_issue(*t)) {
            issue(*t); // retires it, or sends it back to look-up; either way this is called again when the order moved
            return;
        }
        if (engine_.parameters.order == access_order::in_order)
            return;
    }
}

void upstream_port::renew_waiting() {
    for (transaction* t = oldest_; t; t = t->next)
        if (t->where == transaction::state::ready)
            renew(*t);
}

/// What waits for its turn uses no translation yet: it will translate again, and no synchronisation waits for it. A
/// refusal has been reported, and stays.
void upstream_port::renew(transaction& t) {
    if (t.pieces_out != 0)
        return;
    leave(t);
    if (t.refused)
        return;
    t.stale = true;
    t.generation = engine_.accesses.enter();
    t.counted = true;
}

// --- the bus behind

void upstream_port::sending(piece_payload& p) {
    transaction& t = *p.owner;
    if (t.where == transaction::state::issued)
        t.sheet.charge(time_part::downstream_wait, engine_.now_ps());
}

void upstream_port::answered(piece_payload& p, const sc_core::sc_time& delay) {
    transaction& t = *p.owner;
    if (!p.is_response_ok() && t.status == tlm::TLM_OK_RESPONSE)
        t.status = p.get_response_status();
    if (t.piece.atomic)
        p.clear_extension<atomic_compare_swap>();
    --t.pieces_out;
    if (t.pieces_out == 0 && t.where == transaction::state::issued)
        answer_later(t, delay);
    else if (t.pieces_out == 0 && t.where == transaction::state::stalled)
        leave(t);
}

// --- the device's side: responses

void upstream_port::answer_later(transaction& t, const sc_core::sc_time& delay) {
    const std::uint64_t arrived = engine_.now_ps() + engine_.clock.ps(delay);
    t.sheet.charge(t.bytes_issued ? time_part::memory : time_part::fault_report, arrived);
    leave(t);
    engine_.clock.at(engine_.clock.cycle_after(delay) + engine_.parameters.response_cycles,
                     {&upstream_port::answer, &t});
}

void upstream_port::answer(void* object) {
    auto& t = *static_cast<transaction*>(object);
    upstream_port& port = t.port;
    port.to_answer_.push_back(&t);
    port.answer_next();
}

/// The oldest answer goes out, when the response channel is free.
void upstream_port::answer_next() {
    if (answering_ || to_answer_.empty())
        return;
    if (engine_.clock.cycle_after(sc_core::SC_ZERO_TIME) < answer_free_)
        engine_.clock.at(answer_free_, task::of<&upstream_port::answer_next>(*this));
    else
        send_response(*to_answer_.front());
}

void upstream_port::send_response(transaction& t) {
    to_answer_.pop_front();
    answering_ = &t;
    t.sheet.charge(time_part::response, engine_.now_ps());
    if (t.ignored && t.payload->is_read() && t.status == tlm::TLM_OK_RESPONSE)
        std::memset(t.payload->get_data_ptr() + t.bytes_issued, 0, t.payload->get_data_length() - t.bytes_issued);
    t.payload->set_response_status(t.status);
    t.payload->set_dmi_allowed(false);
    if (t.status != tlm::TLM_OK_RESPONSE && t.how != access_outcome::fault)
        t.how = access_outcome::error;
    engine_.statistics.of({t.piece.source_id, t.how, succeeded(t.how) ? t.page.log2_size : std::uint8_t{0}})
        .add(t.sheet);
    if (engine_.observer) [[unlikely]] {
        engine_.observer({sideband::describe(*t.payload), t.sheet, t.how, t.walks});
        t.walks.clear();
    }
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay;
    if (from_device->nb_transport_bw(*t.payload, phase, delay) != tlm::TLM_ACCEPTED) {
        answer_free_ = engine_.clock.cycle_after(delay);
        response_ended();
    }
}

void upstream_port::response_ended() {
    transaction& t = *std::exchange(answering_, nullptr);
    reads_ -= t.payload->is_read();
    t.payload->release();
    t.payload = nullptr;
    t.walking = {};
    idle_.push_back(&t);
    outstanding_probe_.set(--outstanding_, engine_.now_ps());
    if (requesting_ && !take_pending_ && has_room_for(*requesting_)) {
        take_pending_ = true;
        engine_.clock.at(std::max(engine_.clock.cycle_after(sc_core::SC_ZERO_TIME), next_accept_),
                         task::of<&upstream_port::take_waiting>(*this));
    }
    if (!to_answer_.empty())
        engine_.clock.at(std::max(answer_free_, engine_.clock.cycle_after(sc_core::SC_ZERO_TIME)),
                         task::of<&upstream_port::answer_next>(*this));
}

void upstream_port::leave(transaction& t) {
    if (!t.counted)
        return;
    t.counted = false;
    engine_.leave(t.generation);
}

void upstream_port::observed() {
    forget();
    for (transaction* t : idle_)
        t->walks.clear(); // of one that was answered when nobody observed any more
}

transaction& upstream_port::acquire() {
    if (idle_.empty()) {
        all_.push_back(std::make_unique<transaction>(*this, engine_));
        idle_.reserve(all_.size());
        return *all_.back();
    }
    transaction* t = idle_.back();
    idle_.pop_back();
    return *t;
}

} // namespace iommulab
