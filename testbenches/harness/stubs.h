// SPDX-License-Identifier: Apache-2.0
// Both ends of a TLM-2.0 connection, played by a test: what they receive goes to functions, what they send the test
// sends through their sockets.
#pragma once

#include "models/core/payload_pool.h"

#include <systemc>
#include <tlm>

#include <functional>
#include <vector>

namespace iommulab {

/// What one call said, and when.
struct heard_phase {
    const tlm::tlm_generic_payload* payload;
    unsigned phase;
    sc_core::sc_time time; ///< simulation time plus annotated delay
};

struct stub_initiator : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> socket{"socket"};
    std::vector<heard_phase> heard;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> invalidated;
    /// Answers nb_transport_bw; by default a response ends at once.
    std::function<tlm::tlm_sync_enum(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&)> answer =
        [](auto&, tlm::tlm_phase& said, auto&) {
            return said == tlm::BEGIN_RESP ? tlm::TLM_COMPLETED : tlm::TLM_ACCEPTED;
        };
    payload_pool<int> pool;

    explicit stub_initiator(sc_core::sc_module_name name) : sc_core::sc_module(name) { socket.bind(*this); }

    /// A payload of the pool, ready to be sent; its buffer holds `bytes` bytes.
    pooled_payload<int>& make(tlm::tlm_command command, std::uint64_t address, unsigned bytes) {
        auto& p = pool.acquire(bytes);
        p.set_command(command);
        p.set_address(address);
        return p;
    }
    /// nb_transport_fw with no delay; returns the answer and leaves phase and delay for the test to look at.
    tlm::tlm_sync_enum send(tlm::tlm_generic_payload& p, tlm::tlm_phase_enum what = tlm::BEGIN_REQ,
                            sc_core::sc_time after = sc_core::SC_ZERO_TIME) {
        phase = what;
        delay = after;
        return socket->nb_transport_fw(p, phase, delay);
    }
    tlm::tlm_phase phase;
    sc_core::sc_time delay;

    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_core::sc_time& d) override {
        heard.push_back({&p, ph, sc_core::sc_time_stamp() + d});
        return answer(p, ph, d);
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override {
        invalidated.emplace_back(first, last);
    }
};

struct stub_target : sc_core::sc_module, tlm::tlm_fw_transport_if<> {
    tlm::tlm_target_socket<64> socket{"socket"};
    std::vector<heard_phase> heard;
    /// Answers nb_transport_fw; by default everything is accepted, and the test goes on.
    std::function<tlm::tlm_sync_enum(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&)> answer =
        [](auto&, auto&, auto&) { return tlm::TLM_ACCEPTED; };
    std::function<void(tlm::tlm_generic_payload&, sc_core::sc_time&)> block = [](tlm::tlm_generic_payload& p, auto&) {
        p.set_response_status(tlm::TLM_OK_RESPONSE);
    };
    std::function<bool(tlm::tlm_generic_payload&, tlm::tlm_dmi&)> grant = [](auto&, auto&) { return false; };
    std::function<unsigned(tlm::tlm_generic_payload&)> debug = [](auto&) { return 0u; };

    explicit stub_target(sc_core::sc_module_name name) : sc_core::sc_module(name) { socket.bind(*this); }

    /// nb_transport_bw with no delay.
    tlm::tlm_sync_enum send(tlm::tlm_generic_payload& p, tlm::tlm_phase_enum what,
                            sc_core::sc_time after = sc_core::SC_ZERO_TIME) {
        phase = what;
        delay = after;
        return socket->nb_transport_bw(p, phase, delay);
    }
    tlm::tlm_phase phase;
    sc_core::sc_time delay;

    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& ph, sc_core::sc_time& d) override {
        heard.push_back({&p, ph, sc_core::sc_time_stamp() + d});
        return answer(p, ph, d);
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& d) override { block(p, d); }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) override { return grant(p, dmi); }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return debug(p); }
};

} // namespace iommulab
