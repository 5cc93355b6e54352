// SPDX-License-Identifier: Apache-2.0
// The requesting side of the four-phase base protocol (IEEE 1666-2011, 15.2). Internal to core.
#pragma once

#include "models/core/fifo.h"
#include "models/core/scheduler.h"

#include <tlm>

#include <algorithm>
#include <cstdint>

namespace iommulab {

/// Sends payloads in order: one a cycle, and none before END_REQ of the last. `Owner` says what a payload is to it:
/// `sending(Payload&)` just before BEGIN_REQ, `answered(Payload&, const sc_time& delay)` when its response is there,
/// `delay` from now. The channel releases the payload then. Nothing is sent from within a call on the backward path.
template <class Payload, class Owner>
class request_channel {
  public:
    request_channel(scheduler& clock, tlm::tlm_initiator_socket<64>& socket, Owner& owner)
        : clock_(clock), socket_(socket), owner_(owner) {}

    void push(Payload& p) {
        waiting_.push_back(&p);
        pump();
    }
    [[nodiscard]] bool idle() const { return waiting_.empty() && !requesting_; }

    /// The owner's nb_transport_bw.
    tlm::tlm_sync_enum backward(tlm::tlm_generic_payload& generic, tlm::tlm_phase& phase,
                                const sc_core::sc_time& delay) {
        auto& p = static_cast<Payload&>(generic);
        if (phase == tlm::END_REQ) {
            request_ended(delay);
            pump_soon();
            return tlm::TLM_ACCEPTED;
        }
        if (phase != tlm::BEGIN_RESP)
            return tlm::TLM_ACCEPTED; // phases beyond the base protocol may be ignored (15.2.5)
        if (requesting_ == &p)
            request_ended(delay); // BEGIN_RESP implies END_REQ
        owner_.answered(p, delay);
        phase = tlm::END_RESP;
        p.release();
        pump_soon();
        return tlm::TLM_COMPLETED;
    }

  private:
    void pump() {
        while (!waiting_.empty() && !requesting_) {
            if (clock_.cycle_after(sc_core::SC_ZERO_TIME) < free_) {
                pump_soon();
                return;
            }
            Payload& p = *waiting_.front();
            waiting_.pop_front();
            send(p);
        }
    }
    void pump_soon() {
        if (waiting_.empty() || pump_pending_)
            return;
        pump_pending_ = true;
        clock_.at(std::max(free_, clock_.cycle_after(sc_core::SC_ZERO_TIME)),
                  {[](void* p) {
                       auto& self = *static_cast<request_channel*>(p);
                       self.pump_pending_ = false;
                       self.pump();
                   },
                   this});
    }
    void send(Payload& p) {
        owner_.sending(p);
        requesting_ = &p;
        free_ = clock_.cycle_after(sc_core::SC_ZERO_TIME) + 1;
        tlm::tlm_phase phase = tlm::BEGIN_REQ;
        sc_core::sc_time delay;
        switch (socket_->nb_transport_fw(p, phase, delay)) {
        case tlm::TLM_ACCEPTED:
            break;
        case tlm::TLM_UPDATED:
            request_ended(phase == tlm::END_REQ ? delay : sc_core::SC_ZERO_TIME);
            if (phase == tlm::BEGIN_RESP) {
                owner_.answered(p, delay);
                phase = tlm::END_RESP;
                delay = sc_core::SC_ZERO_TIME;
                socket_->nb_transport_fw(p, phase, delay);
                p.release();
            }
            break;
        case tlm::TLM_COMPLETED:
            request_ended(sc_core::SC_ZERO_TIME);
            owner_.answered(p, delay);
            p.release();
            break;
        }
    }
    void request_ended(const sc_core::sc_time& delay) {
        requesting_ = nullptr;
        free_ = std::max(free_, clock_.cycle_after(delay));
    }

    scheduler& clock_;
    tlm::tlm_initiator_socket<64>& socket_;
    Owner& owner_;
    fifo<Payload*> waiting_;
    const Payload* requesting_ = nullptr; // its END_REQ is awaited
    std::uint64_t free_ = 0;              // cycle
    bool pump_pending_ = false;
};

} // namespace iommulab
