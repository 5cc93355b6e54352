// SPDX-License-Identifier: Apache-2.0
// The DMA master on the four-phase base protocol (IEEE 1666-2011, 15.2).
#include "models/dma/dma_master.h"
#include "models/dma/dma_state.h"

#include <algorithm>
#include <utility>

namespace iommulab {

using sc_core::sc_time;

void dma_master::wake_at(std::uint64_t ps) {
    if (wake_pending_ && wake_ps_ <= ps)
        return;
    wake_pending_ = true;
    wake_ps_ = ps;
    clock_.after(ps > now_ps() ? ps - now_ps() : 0, task::of<&dma_master::wake>(*this));
}

void dma_master::wake() {
    if (wake_ps_ <= now_ps())
        wake_pending_ = false; // else an earlier wake-up that was overtaken by events
    issue();
}

/// Sends what may be sent now, and arranges to be called when more may be.
void dma_master::issue() {
    while (!requesting_ && in_flight_ < p_.outstanding) {
        if (!fetch()) {
            if (refused_until_ps_ > now_ps())
                wake_at(refused_until_ps_);
            finish_if_done();
            return;
        }
        const std::uint64_t now = now_ps();
        std::uint64_t earliest = channel_free_ps_;
        if (current_offset_ == 0)
            earliest = std::max({earliest, next_issue_ps_, current_->request().not_before_ps, p_.start_ps});
        if (earliest > now) {
            wake_at(earliest);
            return;
        }
        if (current_offset_ == 0 && must_wait_for_others(*current_))
            return;
        send();
    }
}

void dma_master::send() {
    if (idle_bursts_.empty()) {
        bursts_.push_back(std::make_unique<burst>());
        bursts_.back()->owner = this;
        idle_bursts_.push_back(bursts_.back().get());
    }
    burst& b = *idle_bursts_.back();
    idle_bursts_.pop_back();
    job& j = *current_;
    const std::uint32_t bytes = next_burst_bytes();
    const std::uint64_t now = now_ps();
    b.work = &j;
    b.posted = p_.posted_writes && j.request().write;
    b.was_accepted = b.was_responded = b.owes_end_response = false;
    b.bus = &pool_.acquire(0, &b);
    fill(*b.bus, j, current_offset_, bytes);

    if (current_offset_ == 0) {
        j.begin_ps = j.end_ps = now;
        next_issue_ps_ = now + p_.issue_interval_ps;
    }
    channel_free_ps_ = now + p_.link.packet_ps(j.request().write ? bytes : 0);
    ++j.outstanding;
    ++counted_.bursts;
    outstanding_probe_.set(++in_flight_, now);
    if (p_.in_order && !b.posted)
        order_.push_back(&b);
    current_offset_ += bytes;
    if (current_offset_ == j.bytes) {
        next_issue_ps_ = std::max(next_issue_ps_, channel_free_ps_ + p_.gap_ps);
        j.issued = true;
        current_ = nullptr;
    }

    requesting_ = &b;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_time delay = sc_core::SC_ZERO_TIME;
    switch (initiator->nb_transport_fw(*b.bus, phase, delay)) {
    case tlm::TLM_ACCEPTED:
        break;
    case tlm::TLM_UPDATED:
        if (phase == tlm::BEGIN_RESP) {
            b.owes_end_response = true;
            responded(b, delay);
        } else {
            accepted(b, now + clock_.ps(delay));
        }
        break;
    case tlm::TLM_COMPLETED:
        responded(b, delay);
        break;
    }
}

tlm::tlm_sync_enum dma_master::nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase, sc_time& delay) {
    burst& b = *static_cast<payload&>(p).owner;
    if (phase == tlm::BEGIN_RESP) {
        responded(b, delay);
        return tlm::TLM_COMPLETED; // END_RESP at the same time
    }
    if (phase == tlm::END_REQ && requesting_ == &b) {
        const std::uint64_t at_ps = now_ps() + clock_.ps(delay);
        accepted(b, at_ps);
        wake_at(at_ps); // requests are not sent from within a backward call
        return tlm::TLM_ACCEPTED;
    }
    SC_REPORT_ERROR(name(), "phase that does not belong to the state of its transaction");
    return tlm::TLM_ACCEPTED;
}

/// The request phase of `b` ends at `ps`.
void dma_master::accepted(burst& b, std::uint64_t ps) {
    b.was_accepted = true;
    requesting_ = nullptr;
    channel_free_ps_ = std::max(channel_free_ps_, ps);
    if (b.posted) {
        b.end_ps = ps;
        outstanding_probe_.set(--in_flight_, now_ps());
    }
}

/// The response of `b` begins after `delay`. It is dealt with then, outside the transport call.
void dma_master::responded(burst& b, const sc_time& delay) {
    if (!b.was_accepted) // a response implies END_REQ
        accepted(b, now_ps() + clock_.ps(delay));
    clock_.at(clock_.cycle_after(delay), task::of<&burst::arrived>(b));
}

void dma_master::arrived(burst& b) {
    if (b.owes_end_response) {
        tlm::tlm_phase phase = tlm::END_RESP;
        sc_time delay = sc_core::SC_ZERO_TIME;
        initiator->nb_transport_fw(*b.bus, phase, delay);
    }
    const auto status = b.bus->get_response_status();
    if (status != tlm::TLM_OK_RESPONSE && b.work->status == dma_status::ok)
        b.work->status =
            status == tlm::TLM_ADDRESS_ERROR_RESPONSE ? dma_status::address_error : dma_status::other_error;
    const std::uint32_t data_bytes = b.bus->is_read() ? b.bus->get_data_length() : 0;
    std::exchange(b.bus, nullptr)->release();
    if (b.posted) {
        landed(b);
        return;
    }
    down_free_ps_ = std::max(down_free_ps_, now_ps()) + p_.link.packet_ps(data_bytes);
    const std::uint64_t at_ps = down_free_ps_ + p_.link.round_trip_ps;
    if (at_ps == now_ps())
        landed(b);
    else
        clock_.after(at_ps - now_ps(), task::of<&burst::landed>(b));
}

/// The response of `b` is in the device.
void dma_master::landed(burst& b) {
    if (!b.posted)
        b.end_ps = now_ps();
    if (b.posted || !p_.in_order) {
        retire(b);
    } else {
        b.was_responded = true;
        counted_.held_responses += order_.front() != &b;
        while (!order_.empty() && order_.front()->was_responded) {
            burst& oldest = *order_.front();
            order_.pop_front();
            oldest.end_ps = now_ps();
            retire(oldest);
        }
    }
    issue();
}

void dma_master::retire(burst& b) {
    job& j = *b.work;
    if (!b.posted)
        outstanding_probe_.set(--in_flight_, now_ps());
    j.end_ps = std::max(j.end_ps, b.end_ps);
    idle_bursts_.push_back(&b);
    if (--j.outstanding == 0 && j.issued)
        complete(j);
}

} // namespace iommulab
