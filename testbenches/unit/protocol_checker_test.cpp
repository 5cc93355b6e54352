// SPDX-License-Identifier: Apache-2.0
// The checker is worth what it finds: each test breaks one rule of IEEE 1666-2011 and expects that rule, and no other,
// to be reported. An initiator and a target without faults come first, in every legal form of an exchange.
#include "testbenches/harness/protocol_checker.h"
#include "testbenches/harness/stubs.h"

#include <systemc>
#include <tlm>

#include <gtest/gtest.h>

namespace iommulab {
namespace {

using sc_core::sc_time;
using tlm::BEGIN_REQ, tlm::BEGIN_RESP, tlm::END_REQ, tlm::END_RESP;
using tlm::TLM_ACCEPTED, tlm::TLM_COMPLETED, tlm::TLM_UPDATED;

struct bench {
    stub_initiator master{"master"};
    protocol_checker checker{"checker"};
    stub_target slave{"slave"};

    bench() {
        master.socket.bind(checker.target);
        checker.initiator.bind(slave.socket);
        pass(0);
    }
    static void pass(double ns) { sc_core::sc_start(sc_time(ns, sc_core::SC_NS)); }
    pooled_payload<int>& read(std::uint64_t address = 0x1000) {
        return master.make(tlm::TLM_READ_COMMAND, address, 64);
    }
    void respond(tlm::tlm_generic_payload& p) {
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        slave.send(p, BEGIN_RESP);
    }
    /// The rule was reported, `times` times, and nothing else was.
    void expect(protocol_rule rule, std::size_t times = 1) {
        EXPECT_EQ(checker.count(rule), times) << checker.report();
        EXPECT_EQ(checker.violations().size(), times) << checker.report();
    }
};

TEST(protocol_checker, four_calls_are_legal) {
    bench b;
    b.master.answer = [](auto&, auto&, auto&) { return TLM_ACCEPTED; };
    auto& p = b.read();
    b.master.send(p);
    b.pass(1);
    b.slave.send(p, END_REQ);
    b.pass(1);
    b.respond(p);
    EXPECT_EQ(b.checker.in_flight(), 1u);
    b.pass(1);
    b.master.send(p, END_RESP);
    EXPECT_EQ(b.checker.report(), "");
    EXPECT_EQ(b.checker.in_flight(), 0u);
    EXPECT_EQ(b.checker.transactions(), 1u);
}

TEST(protocol_checker, return_values_are_legal_phases) {
    bench b;
    b.slave.answer = [](auto&, tlm::tlm_phase& phase, sc_time& delay) {
        phase = END_REQ;
        delay += sc_time(1, sc_core::SC_NS);
        return TLM_UPDATED;
    };
    b.master.answer = [](auto&, tlm::tlm_phase& phase, sc_time& delay) {
        phase = END_RESP;
        delay += sc_time(2, sc_core::SC_NS);
        return TLM_UPDATED;
    };
    auto& p = b.read();
    auto& q = b.read();
    b.master.send(p);
    b.pass(1);
    b.master.send(q);
    b.pass(5);
    b.respond(p);
    b.pass(2);
    b.respond(q);
    EXPECT_EQ(b.checker.report(), "");
    EXPECT_EQ(b.checker.in_flight(), 0u);
}

TEST(protocol_checker, early_completion_and_implied_end_of_request_are_legal) {
    bench b;
    b.slave.answer = [](tlm::tlm_generic_payload& p, auto&, auto&) {
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        return TLM_COMPLETED;
    };
    b.master.send(b.read());
    b.slave.answer = [](auto&, auto&, auto&) { return TLM_ACCEPTED; };
    auto& p = b.read();
    b.master.send(p);
    b.pass(1);
    b.respond(p); // BEGIN_RESP without END_REQ
    EXPECT_EQ(b.checker.report(), "");
    EXPECT_EQ(b.checker.in_flight(), 0u);
}

TEST(protocol_checker, end_request_twice_breaks_the_order) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    b.slave.send(p, END_REQ);
    b.expect(protocol_rule::phase_order);
}

TEST(protocol_checker, payload_sent_again_while_under_way_breaks_the_order) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    b.master.send(p);
    b.expect(protocol_rule::phase_order);
}

TEST(protocol_checker, phase_in_the_wrong_direction_breaks_the_order) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.master.send(p, END_REQ);
    b.expect(protocol_rule::phase_order);
}

TEST(protocol_checker, response_to_nothing_breaks_the_order) {
    bench b;
    b.respond(b.read());
    EXPECT_GE(b.checker.count(protocol_rule::phase_order), 1u);
}

TEST(protocol_checker, end_response_before_response_breaks_the_order) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    b.master.send(p, END_RESP);
    b.expect(protocol_rule::phase_order);
}

TEST(protocol_checker, completing_an_end_of_request_is_no_answer) {
    bench b;
    b.master.answer = [](auto&, auto&, auto&) { return TLM_COMPLETED; };
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    b.expect(protocol_rule::return_value);
}

TEST(protocol_checker, accepted_with_a_changed_phase_is_no_answer) {
    bench b;
    b.slave.answer = [](auto&, tlm::tlm_phase& phase, auto&) {
        phase = END_REQ;
        return TLM_ACCEPTED;
    };
    b.master.send(b.read());
    b.expect(protocol_rule::return_value);
}

TEST(protocol_checker, second_request_before_the_end_of_the_first) {
    bench b;
    b.master.send(b.read());
    b.master.send(b.read());
    b.expect(protocol_rule::request_exclusion);
}

TEST(protocol_checker, second_request_before_the_annotated_end_of_the_first) {
    bench b;
    b.slave.answer = [](auto&, tlm::tlm_phase& phase, sc_time& delay) {
        phase = END_REQ;
        delay += sc_time(2, sc_core::SC_NS);
        return TLM_UPDATED;
    };
    b.master.send(b.read());
    b.pass(1);
    b.master.send(b.read());
    b.expect(protocol_rule::request_exclusion);
}

TEST(protocol_checker, second_response_before_the_end_of_the_first) {
    bench b;
    b.master.answer = [](auto&, auto&, auto&) { return TLM_ACCEPTED; };
    auto& p = b.read();
    auto& q = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    b.master.send(q);
    b.slave.send(q, END_REQ);
    b.respond(p);
    b.respond(q);
    b.expect(protocol_rule::response_exclusion);
}

TEST(protocol_checker, time_of_a_transaction_goes_back) {
    bench b;
    auto& p = b.read();
    b.master.send(p, BEGIN_REQ, sc_time(5, sc_core::SC_NS));
    b.pass(1);
    b.slave.send(p, END_REQ);
    b.expect(protocol_rule::timing);
}

TEST(protocol_checker, blocking_call_returns_an_earlier_time) {
    bench b;
    b.slave.block = [](tlm::tlm_generic_payload& p, sc_time& delay) {
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        delay = sc_core::SC_ZERO_TIME;
    };
    sc_time delay(3, sc_core::SC_NS);
    b.master.socket->b_transport(b.read(), delay);
    b.expect(protocol_rule::timing);
}

TEST(protocol_checker, payload_without_memory_manager) {
    bench b;
    tlm::tlm_generic_payload p;
    unsigned char data[4];
    p.set_data_ptr(data);
    p.set_data_length(4);
    p.set_streaming_width(4);
    p.set_read();
    b.master.send(p);
    b.expect(protocol_rule::payload_lifetime);
}

TEST(protocol_checker, payload_released_while_under_way) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    p.release();
    p.set_response_status(tlm::TLM_OK_RESPONSE);
    b.slave.send(p, BEGIN_RESP);
    b.expect(protocol_rule::payload_lifetime);
}

TEST(protocol_checker, attributes_not_set_before_the_request) {
    bench b;
    auto& p = b.read();
    p.set_response_status(tlm::TLM_OK_RESPONSE);
    p.set_streaming_width(0);
    p.set_dmi_allowed(true);
    b.master.send(p);
    b.expect(protocol_rule::initial_attributes, 3);
}

TEST(protocol_checker, length_changed_by_the_target) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, END_REQ);
    p.set_data_length(32);
    b.respond(p);
    b.expect(protocol_rule::changed_attribute);
}

TEST(protocol_checker, write_data_changed_on_the_way) {
    bench b;
    auto& p = b.master.make(tlm::TLM_WRITE_COMMAND, 0, 64);
    b.master.send(p);
    b.slave.send(p, END_REQ);
    p.get_data_ptr()[7] ^= 1;
    b.respond(p);
    b.expect(protocol_rule::changed_attribute);
}

TEST(protocol_checker, address_may_change_on_the_way) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    p.set_address(0x9000);
    b.respond(p);
    EXPECT_EQ(b.checker.report(), "");
}

TEST(protocol_checker, response_without_status) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    b.slave.send(p, BEGIN_RESP);
    b.expect(protocol_rule::response_status);
}

TEST(protocol_checker, status_set_twice) {
    bench b;
    b.master.answer = [](auto&, auto&, auto&) { return TLM_ACCEPTED; };
    auto& p = b.read();
    b.master.send(p);
    b.respond(p);
    p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    b.master.send(p, END_RESP);
    b.expect(protocol_rule::response_status);
}

TEST(protocol_checker, payload_in_both_kinds_of_transport) {
    bench b;
    auto& p = b.read();
    b.master.send(p);
    sc_time delay = sc_core::SC_ZERO_TIME;
    b.master.socket->b_transport(p, delay);
    b.expect(protocol_rule::mixed_transport);
}

struct waiting_caller : sc_core::sc_module {
    SC_HAS_PROCESS(waiting_caller);
    std::function<void()> act;
    explicit waiting_caller(sc_core::sc_module_name name) : sc_core::sc_module(name) { SC_THREAD(run); }
    void run() { act(); }
};

TEST(protocol_checker, target_that_waits) {
    stub_initiator master("master");
    protocol_checker checker("checker");
    stub_target slave("slave");
    waiting_caller caller("caller");
    master.socket.bind(checker.target);
    checker.initiator.bind(slave.socket);
    slave.block = [](tlm::tlm_generic_payload& p, sc_time&) {
        sc_core::wait(sc_time(1, sc_core::SC_NS));
        p.set_response_status(tlm::TLM_OK_RESPONSE);
    };
    caller.act = [&] {
        sc_time delay = sc_core::SC_ZERO_TIME;
        master.socket->b_transport(master.make(tlm::TLM_READ_COMMAND, 0, 8), delay);
    };
    sc_core::sc_start(sc_time(5, sc_core::SC_NS));
    EXPECT_EQ(checker.count(protocol_rule::blocking), 1u) << checker.report();
    EXPECT_EQ(checker.violations().size(), 1u);
}

TEST(protocol_checker, response_from_within_the_request) {
    bench b;
    b.slave.answer = [&](tlm::tlm_generic_payload& p, auto&, auto&) {
        b.slave.send(p, END_REQ);
        return TLM_ACCEPTED;
    };
    b.master.send(b.read());
    b.expect(protocol_rule::reentrance);
}

TEST(protocol_checker, direct_memory_grant_beside_the_request) {
    bench b;
    static unsigned char memory[256];
    b.slave.grant = [](auto&, tlm::tlm_dmi& dmi) {
        dmi.set_dmi_ptr(memory);
        dmi.set_start_address(0x2000);
        dmi.set_end_address(0x20FF);
        dmi.allow_read();
        return true;
    };
    tlm::tlm_dmi dmi;
    EXPECT_TRUE(b.master.socket->get_direct_mem_ptr(b.read(0x2010), dmi));
    EXPECT_EQ(b.checker.report(), "");
    b.master.socket->get_direct_mem_ptr(b.read(0x1000), dmi); // outside
    b.expect(protocol_rule::direct_memory, 1);
    b.master.socket->get_direct_mem_ptr(b.master.make(tlm::TLM_WRITE_COMMAND, 0x2000, 8), dmi); // not allowed
    b.expect(protocol_rule::direct_memory, 2);
}

TEST(protocol_checker, debug_access_that_claims_too_much) {
    bench b;
    b.slave.debug = [](tlm::tlm_generic_payload& p) { return p.get_data_length() + 1; };
    b.master.socket->transport_dbg(b.read());
    b.expect(protocol_rule::debug, 1);
    b.slave.debug = [](tlm::tlm_generic_payload& p) {
        p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return p.get_data_length();
    };
    b.master.socket->transport_dbg(b.read());
    b.expect(protocol_rule::debug, 2);
}

TEST(protocol_checker, passes_everything_on_unchanged) {
    bench b;
    auto& p = b.read();
    b.master.send(p, BEGIN_REQ, sc_time(3, sc_core::SC_NS));
    ASSERT_EQ(b.slave.heard.size(), 1u);
    EXPECT_EQ(b.slave.heard[0].payload, &p);
    EXPECT_EQ(b.slave.heard[0].time, sc_time(3, sc_core::SC_NS));
    b.slave.socket->invalidate_direct_mem_ptr(0x1000, 0x1FFF);
    ASSERT_EQ(b.master.invalidated.size(), 1u);
    EXPECT_EQ(b.master.invalidated[0], (std::pair<std::uint64_t, std::uint64_t>(0x1000, 0x1FFF)));
}

} // namespace
} // namespace iommulab
