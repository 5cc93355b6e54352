// SPDX-License-Identifier: Apache-2.0
#include "models/core/atomic_extension.h"
#include "models/memory/memory.h"
#include "testbenches/harness/protocol_checker.h"
#include "testbenches/harness/stubs.h"

#include <systemc>
#include <tlm>

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace iommulab {
namespace {

using sc_core::sc_time;
using sc_core::sc_time_stamp;

constexpr std::uint64_t base = 0x8000'0000, size = 0x10'0000;

memory_parameters fixed() {
    memory_parameters p;
    p.ranges = {{base, size, "ram"}, {std::uint64_t{1} << 51, 0x2000, "far"}};
    p.read_latency_ps = 40'000;
    p.write_latency_ps = 30'000;
    p.accept_interval_ps = 2'000;
    p.beat_ps = 0;
    return p;
}

sc_time ps(std::uint64_t value) {
    return sc_time(static_cast<double>(value), sc_core::SC_PS);
}

struct bench {
    stub_initiator master{"master"};
    protocol_checker checker{"checker"};
    memory ram;

    explicit bench(memory_parameters p = fixed()) : ram("ram", std::move(p)) {
        master.socket.bind(checker.target);
        checker.initiator.bind(ram.target);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    }
    ~bench() { EXPECT_EQ(checker.report(), ""); }
    static void until(std::uint64_t time_ps) { sc_core::sc_start(ps(time_ps) - sc_time_stamp()); }
    pooled_payload<int>& read(std::uint64_t address, unsigned bytes = 64) {
        return master.make(tlm::TLM_READ_COMMAND, address, bytes);
    }
    pooled_payload<int>& write(std::uint64_t address, unsigned bytes, unsigned char value) {
        auto& p = master.make(tlm::TLM_WRITE_COMMAND, address, bytes);
        std::memset(p.get_data_ptr(), value, bytes);
        return p;
    }
    sc_time block(tlm::tlm_generic_payload& p) {
        sc_time delay = sc_core::SC_ZERO_TIME;
        master.socket->b_transport(p, delay);
        return delay;
    }
};

TEST(memory, request_is_accepted_by_return_value_and_answered_after_the_latency) {
    bench b;
    b.ram.store().write_u64(base + 8, 0x1122334455667788);
    auto& p = b.read(base + 8, 8);
    EXPECT_EQ(b.master.send(p), tlm::TLM_UPDATED);
    EXPECT_EQ(b.master.phase, tlm::END_REQ);
    EXPECT_EQ(b.master.delay, ps(2'000));
    b.until(39'999);
    EXPECT_TRUE(b.master.heard.empty());
    b.until(40'000);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    ASSERT_EQ(b.master.heard.size(), 1u);
    EXPECT_EQ(b.master.heard[0].phase, static_cast<unsigned>(tlm::BEGIN_RESP));
    EXPECT_EQ(b.master.heard[0].time, ps(40'000));
    EXPECT_TRUE(p.is_response_ok());
    std::uint64_t value = 0;
    std::memcpy(&value, p.get_data_ptr(), 8);
    EXPECT_EQ(value, 0x1122334455667788u);
    EXPECT_EQ(p.get_ref_count(), 1); // the memory has let go
}

TEST(memory, write_is_visible_to_a_read_accepted_after_it) {
    bench b;
    b.master.send(b.write(base + 0x100, 64, 0x5A));
    b.until(2'000);
    auto& p = b.read(base + 0x100);
    b.master.send(p);
    b.until(100'000);
    ASSERT_EQ(b.master.heard.size(), 2u);
    EXPECT_EQ(b.master.heard[0].time, ps(30'000)); // write latency
    EXPECT_EQ(b.master.heard[1].time, ps(42'000)); // 2 ns later, read latency
    EXPECT_EQ(p.get_data_ptr()[63], 0x5A);
}

TEST(memory, annotated_delay_postpones_the_arrival) {
    bench b;
    b.master.send(b.read(base), tlm::BEGIN_REQ, ps(7'000));
    b.until(100'000);
    ASSERT_EQ(b.master.heard.size(), 2u);
    EXPECT_EQ(b.master.heard[0].phase, static_cast<unsigned>(tlm::END_REQ));
    EXPECT_EQ(b.master.heard[0].time, ps(9'000));
    EXPECT_EQ(b.master.heard[1].time, ps(47'000));
}

TEST(memory, explicit_end_request_comes_as_a_call) {
    auto p = fixed();
    p.explicit_end_request = true;
    p.read_latency_ps = p.accept_interval_ps; // END_REQ still comes before BEGIN_RESP of the same time
    bench b(p);
    EXPECT_EQ(b.master.send(b.read(base)), tlm::TLM_ACCEPTED);
    b.until(10'000);
    ASSERT_EQ(b.master.heard.size(), 2u);
    EXPECT_EQ(b.master.heard[0].phase, static_cast<unsigned>(tlm::END_REQ));
    EXPECT_EQ(b.master.heard[1].phase, static_cast<unsigned>(tlm::BEGIN_RESP));
    EXPECT_EQ(b.master.heard[0].time, ps(2'000));
    EXPECT_EQ(b.master.heard[1].time, ps(2'000));
}

TEST(memory, full_queue_holds_back_end_request_until_an_answer_has_gone) {
    auto p = fixed();
    p.queue_depth = 2;
    bench b(p);
    b.master.send(b.read(base));
    b.until(5'000);
    b.master.send(b.read(base));
    b.until(7'000);
    EXPECT_EQ(b.master.send(b.read(base)), tlm::TLM_ACCEPTED); // no room
    b.until(200'000);
    ASSERT_EQ(b.master.heard.size(), 4u);
    EXPECT_EQ(b.master.heard[0].time, ps(40'000)); // first answer frees a slot
    EXPECT_EQ(b.master.heard[1].phase, static_cast<unsigned>(tlm::END_REQ));
    EXPECT_EQ(b.master.heard[1].time, ps(42'000)); // admitted at 40 ns
    EXPECT_EQ(b.master.heard[3].time, ps(80'000));
    EXPECT_EQ(b.ram.counted().queue_full, 1u);
    EXPECT_EQ(b.ram.counted().queue_wait_ps, 33'000u);
    EXPECT_EQ(b.ram.counted().queue_peak, 2u);
}

TEST(memory, slow_master_holds_the_response_channel) {
    bench b;
    b.master.answer = [](auto&, auto&, auto&) { return tlm::TLM_ACCEPTED; };
    auto& p = b.read(base);
    auto& q = b.read(base);
    b.master.send(p);
    b.until(2'000);
    b.master.send(q);
    b.until(60'000);
    ASSERT_EQ(b.master.heard.size(), 1u); // q's answer is ready since 42 ns, but waits for END_RESP of p
    b.master.send(p, tlm::END_RESP);
    b.until(60'001);
    ASSERT_EQ(b.master.heard.size(), 2u);
    EXPECT_EQ(b.master.heard[1].payload, &q);
    EXPECT_EQ(b.master.heard[1].time, ps(60'000));
    b.master.send(q, tlm::END_RESP);
    EXPECT_EQ(b.checker.in_flight(), 0u);
}

TEST(memory, annotated_end_of_response_holds_the_response_channel_as_well) {
    bench b;
    b.master.answer = [](auto&, tlm::tlm_phase& phase, sc_time& delay) {
        phase = tlm::END_RESP;
        delay += ps(10'000);
        return tlm::TLM_UPDATED;
    };
    b.master.send(b.read(base));
    b.until(2'000);
    b.master.send(b.read(base));
    b.until(100'000);
    ASSERT_EQ(b.master.heard.size(), 2u);
    EXPECT_EQ(b.master.heard[0].time, ps(40'000));
    EXPECT_EQ(b.master.heard[1].time, ps(50'000));
}

TEST(memory, data_path_limits_the_bandwidth) {
    auto p = fixed();
    p.beat_ps = 3'000;
    p.data_width_bytes = 32; // 64 bytes take 6 ns
    bench b(p);
    for (int i = 0; i < 4; ++i) {
        b.master.send(b.read(base));
        b.until(2'000 * static_cast<std::uint64_t>(i + 1));
    }
    b.until(200'000);
    ASSERT_EQ(b.master.heard.size(), 4u);
    for (std::uint64_t i = 0; i < 4; ++i)
        EXPECT_EQ(b.master.heard[i].time, ps(40'000 + 6'000 * (i + 1)));
    EXPECT_EQ(b.ram.counted().data_busy_ps, 24'000u);
}

TEST(memory, nothing_there_is_an_address_error_in_every_mode) {
    bench b;
    auto& p = b.read(base - 64);
    b.master.send(p);
    b.until(100'000);
    EXPECT_EQ(p.get_response_status(), tlm::TLM_ADDRESS_ERROR_RESPONSE);

    auto& q = b.read(base + size - 32); // runs over the end
    b.block(q);
    EXPECT_EQ(q.get_response_status(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    EXPECT_FALSE(q.is_dmi_allowed());
    EXPECT_EQ(b.ram.counted().address_errors, 2u);

    EXPECT_EQ(b.master.socket->transport_dbg(b.read(base + size)), 0u);
    EXPECT_EQ(b.master.socket->transport_dbg(b.read(base + size - 32)), 32u);
    tlm::tlm_dmi dmi;
    EXPECT_FALSE(b.master.socket->get_direct_mem_ptr(b.read(0), dmi));
    EXPECT_EQ(b.ram.store().allocated_bytes(), 0u);
}

TEST(memory, blocking_access_annotates_its_latency) {
    auto p = fixed();
    p.beat_ps = 1'000;
    bench b(p);
    EXPECT_EQ(b.block(b.write(base, 128, 3)), ps(30'000 + 2'000));
    auto& r = b.read(base + 64);
    EXPECT_EQ(b.block(r), ps(40'000 + 1'000));
    EXPECT_EQ(r.get_data_ptr()[0], 3);
    EXPECT_TRUE(r.is_dmi_allowed());
    EXPECT_EQ(sc_time_stamp(), sc_core::SC_ZERO_TIME);
}

TEST(memory, debug_access_takes_no_time_and_counts_nothing) {
    bench b;
    EXPECT_EQ(b.master.socket->transport_dbg(b.write(base, 16, 9)), 16u);
    auto& r = b.read(base, 16);
    EXPECT_EQ(b.master.socket->transport_dbg(r), 16u);
    EXPECT_EQ(r.get_data_ptr()[15], 9);
    const auto counted = b.ram.counted();
    EXPECT_EQ(counted.reads + counted.writes + counted.bytes_read + counted.bytes_written, 0u);
}

TEST(memory, direct_memory_ends_with_the_range_and_with_the_page) {
    auto p = fixed();
    p.ranges = {{base + 0x100, size, "ram"}};
    bench b(p);
    tlm::tlm_dmi dmi;
    ASSERT_TRUE(b.master.socket->get_direct_mem_ptr(b.read(base + 0x2000), dmi));
    EXPECT_EQ(dmi.get_start_address(), base + 0x100);
    EXPECT_EQ(dmi.get_end_address(), base + sparse_store::page_bytes - 1);
    EXPECT_TRUE(dmi.is_read_write_allowed());
    EXPECT_EQ(dmi.get_read_latency(), ps(40'000));
    dmi.get_dmi_ptr()[0] = 0x42;
    unsigned char byte = 0;
    b.ram.store().read(base + 0x100, &byte, 1);
    EXPECT_EQ(byte, 0x42);
}

TEST(memory, direct_memory_can_be_switched_off) {
    auto p = fixed();
    p.allow_dmi = false;
    bench b(p);
    tlm::tlm_dmi dmi;
    EXPECT_FALSE(b.master.socket->get_direct_mem_ptr(b.read(base), dmi));
    auto& r = b.read(base);
    b.block(r);
    EXPECT_FALSE(r.is_dmi_allowed());
}

TEST(memory, direct_memory_is_never_given_to_dram) {
    auto p = fixed();
    p.dram = ddr4_3200();
    bench b(p);
    tlm::tlm_dmi dmi;
    EXPECT_FALSE(b.master.socket->get_direct_mem_ptr(b.read(base), dmi));
    EXPECT_NE(b.ram.dram_counted(), nullptr);
}

TEST(memory, dram_answers_at_the_time_of_its_banks) {
    auto p = fixed();
    p.dram = ddr4_3200();
    bench b(p);
    const auto& d = *p.dram;
    b.master.send(b.read(base));
    b.until(1'000'000);
    b.master.send(b.read(base));
    b.until(2'000'000);
    ASSERT_EQ(b.master.heard.size(), 2u);
    const std::uint64_t hit = d.CL_ps + d.burst_ps + d.controller_ps;
    EXPECT_EQ(b.master.heard[0].time, ps(d.tRCD_ps + hit));
    EXPECT_EQ(b.master.heard[1].time, ps(1'000'000 + hit));
    EXPECT_EQ(b.ram.dram_counted()->row_hits, 1u);
    EXPECT_EQ(b.block(b.read(base)), ps(hit)); // loosely timed: the same bank state
}

TEST(memory, dram_banks_overlap_and_the_bus_keeps_the_order_of_arrival) {
    auto p = fixed();
    p.dram = ddr4_3200();
    bench b(p);
    const std::uint64_t other_row = std::uint64_t{p.dram->row_bytes} * 16;
    b.master.send(b.read(base));
    b.until(1'000'000);
    auto& conflict = b.read(base + other_row);
    auto& hit = b.read(base + 64); // other bank: activates, but needs no precharge
    b.master.send(conflict);
    b.until(1'002'000);
    b.master.send(hit);
    b.until(2'000'000);
    ASSERT_EQ(b.master.heard.size(), 3u);
    EXPECT_EQ(b.master.heard[1].payload, &conflict);
    EXPECT_EQ(b.master.heard[2].payload, &hit);
    EXPECT_EQ(b.master.heard[2].time - b.master.heard[1].time,
              ps(p.dram->burst_ps)); // ready long before, but for the bus
    EXPECT_EQ(b.ram.dram_counted()->row_conflicts, 1u);
}

TEST(memory, byte_enables_repeat_over_the_data) {
    bench b;
    b.block(b.write(base, 8, 0xFF));
    unsigned char enable[2] = {TLM_BYTE_DISABLED, TLM_BYTE_ENABLED};
    auto& w = b.write(base, 8, 0x11);
    w.set_byte_enable_ptr(enable);
    w.set_byte_enable_length(2);
    b.block(w);
    EXPECT_TRUE(w.is_response_ok());
    EXPECT_EQ(b.ram.store().read_u64(base), 0x11FF11FF11FF11FFu);
    auto& r = b.read(base, 4);
    std::memset(r.get_data_ptr(), 0x77, 4);
    r.set_byte_enable_ptr(enable);
    r.set_byte_enable_length(2);
    b.block(r);
    const unsigned char expected[] = {0x77, 0x11, 0x77, 0x11};
    EXPECT_EQ(std::memcmp(r.get_data_ptr(), expected, 4), 0); // disabled bytes are left alone
}

TEST(memory, streaming_is_a_burst_error) {
    bench b;
    auto& p = b.write(base, 8, 1);
    p.set_streaming_width(4);
    b.block(p);
    EXPECT_EQ(p.get_response_status(), tlm::TLM_BURST_ERROR_RESPONSE);
    EXPECT_EQ(b.ram.store().read_u64(base), 0u);
    EXPECT_EQ(b.ram.counted().other_errors, 1u);
}

TEST(memory, compare_and_swap_works_in_every_mode) {
    bench b;
    atomic_compare_swap atomic;
    const auto swap = [&](std::uint64_t expected, std::uint64_t desired) -> pooled_payload<int>& {
        auto& p = b.master.make(tlm::TLM_IGNORE_COMMAND, base, 8);
        std::memcpy(p.get_data_ptr(), &desired, 8);
        std::memcpy(atomic.expected.data(), &expected, 8);
        atomic.result = atomic_compare_swap::outcome::ignored;
        p.set_extension(&atomic);
        return p;
    };
    auto& p = swap(0, 5);
    b.block(p);
    EXPECT_TRUE(p.is_response_ok());
    EXPECT_EQ(atomic.result, atomic_compare_swap::outcome::swapped);

    auto& q = swap(4, 6);
    b.master.send(q);
    b.until(100'000);
    EXPECT_EQ(atomic.result, atomic_compare_swap::outcome::different);
    EXPECT_EQ(atomic.found[0], 5);
    EXPECT_EQ(b.ram.store().read_u64(base), 5u);

    auto& r = swap(5, 7);
    EXPECT_EQ(b.master.socket->transport_dbg(r), 8u);
    EXPECT_EQ(b.ram.store().read_u64(base), 7u);
    EXPECT_EQ(b.ram.counted().atomics, 2u); // debug counts nothing

    auto& odd = swap(7, 8);
    odd.set_address(base + 4);
    b.block(odd);
    EXPECT_EQ(odd.get_response_status(), tlm::TLM_BURST_ERROR_RESPONSE);
    EXPECT_EQ(atomic.result, atomic_compare_swap::outcome::ignored);
    for (auto* each : {&p, &q, &r, &odd})
        each->clear_extension<atomic_compare_swap>();
}

TEST(memory, ranges_that_make_no_sense_are_refused) {
    const auto make = [](std::vector<memory_range> ranges) {
        memory_parameters p;
        p.ranges = std::move(ranges);
        const memory m("m", p);
    };
    EXPECT_THROW(make({{0, 0, "empty"}}), std::invalid_argument);
    EXPECT_THROW(make({{0x1000, 0x1001, "a"}, {0x2000, 0x1000, "b"}}), std::invalid_argument);
    EXPECT_THROW(make({{~std::uint64_t{0}, 2, "wraps"}}), std::invalid_argument);
    EXPECT_NO_THROW(make({{0x2000, 0x1000, "b"}, {0x1000, 0x1000, "a"}, {~std::uint64_t{0}, 1, "last byte"}}));
}

} // namespace
} // namespace iommulab
