// SPDX-License-Identifier: Apache-2.0
#include "models/dma/dma_master.h"
#include "models/dma/generators.h"
#include "models/dma/ring_traffic.h"
#include "models/memory/memory.h"
#include "testbenches/harness/allocation_counter.h"
#include "testbenches/harness/protocol_checker.h"
#include "testbenches/harness/stubs.h"

#include <systemc>
#include <tlm>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

namespace iommulab {
namespace {

using sc_core::sc_time;

constexpr std::uint64_t base = 0x4000'0000, size = 0x100'0000, latency = 50'000, interval = 1'000;

sc_time ps(std::uint64_t value) {
    return sc_time(static_cast<double>(value), sc_core::SC_PS);
}

memory_parameters simple_memory() {
    memory_parameters p;
    p.ranges = {{base, size, "ram"}};
    p.read_latency_ps = p.write_latency_ps = latency;
    p.accept_interval_ps = interval;
    p.beat_ps = 0;
    return p;
}

traffic_window window(std::uint32_t length = 64, std::uint32_t write_percent = 0) {
    return {.base = base, .size_bytes = 0x10000, .length_bytes = length, .write_percent = write_percent};
}

/// A list of requests.
struct listed : traffic {
    std::deque<dma_request> list;
    std::optional<dma_request> next() override {
        if (list.empty())
            return std::nullopt;
        const auto r = list.front();
        list.pop_front();
        return r;
    }
    listed& add(std::uint64_t address, std::uint32_t length, bool write = false, std::uint64_t not_before_ps = 0) {
        dma_request r;
        r.address = address;
        r.length_bytes = length;
        r.write = write;
        r.not_before_ps = not_before_ps;
        list.push_back(r);
        return *this;
    }
};

struct done {
    std::uint64_t address, begin_ps, end_ps;
    dma_status status;
    bool operator==(const done&) const = default;
};

struct bench {
    dma_master master;
    protocol_checker checker{"checker"};
    memory ram;
    std::vector<done> completed;

    bench(dma_parameters p, std::unique_ptr<traffic> source, memory_parameters m = simple_memory())
        : master("master", std::move(p), std::move(source)), ram("ram", std::move(m)) {
        master.initiator.bind(checker.target);
        checker.initiator.bind(ram.target);
        master.on_complete = [this](const dma_completion& c) {
            completed.push_back({c.request.address, c.begin_ps, c.end_ps, c.status});
        };
    }
    void run(std::uint64_t time_ps = 1'000'000'000) {
        sc_core::sc_start(ps(time_ps));
        EXPECT_EQ(checker.report(), "");
        EXPECT_GT(checker.transactions(), 0u);
        EXPECT_EQ(checker.in_flight(), 0u);
    }
};

std::unique_ptr<listed> list() {
    return std::make_unique<listed>();
}

TEST(dma_master, requests_leave_as_fast_as_the_bus_takes_them) {
    auto source = list();
    source->add(base, 64).add(base + 64, 64).add(base + 128, 64);
    bench b({}, std::move(source));
    bool told = false;
    b.master.on_finish = [&] { told = true; };
    b.run();
    EXPECT_EQ(b.completed, (std::vector<done>{{base, 0, latency, dma_status::ok},
                                              {base + 64, interval, interval + latency, dma_status::ok},
                                              {base + 128, 2 * interval, 2 * interval + latency, dma_status::ok}}));
    EXPECT_TRUE(b.master.finished());
    EXPECT_TRUE(told);
    EXPECT_EQ(b.master.read_latency().summarise().count, 3u);
    EXPECT_DOUBLE_EQ(b.master.read_latency().summarise().max_ps, static_cast<double>(latency));
}

TEST(dma_master, outstanding_limit_makes_a_request_wait_for_a_response) {
    auto source = list();
    source->add(base, 64).add(base, 64).add(base, 64);
    bench b({.outstanding = 2}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 3u);
    EXPECT_EQ(b.completed[2].begin_ps, latency);
}

TEST(dma_master, start_interval_and_not_before_hold_requests_back) {
    auto source = list();
    source->add(base, 64).add(base, 64).add(base, 64, false, 100'000).add(base, 64);
    bench b({.start_ps = 7'000, .issue_interval_ps = 10'000}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 4u);
    EXPECT_EQ(b.completed[0].begin_ps, 7'000u);
    EXPECT_EQ(b.completed[1].begin_ps, 17'000u);
    EXPECT_EQ(b.completed[2].begin_ps, 100'000u);
    EXPECT_EQ(b.completed[3].begin_ps, 110'000u);
}

// 64 bytes and 36 of overhead at 10 GB/s: a packet with data takes 10 ns, one without 3.6 ns
constexpr dma_link ten_gigabytes{.bytes_per_second = 10'000'000'000, .overhead_bytes = 36, .round_trip_ps = 200'000};

TEST(dma_master, a_packet_keeps_the_link_from_the_next) {
    auto source = list();
    source->add(base, 64, true).add(base, 64, true).add(base, 64).add(base, 64);
    bench b({.gap_ps = 500, .link = ten_gigabytes}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 4u);
    std::vector<std::uint64_t> begun;
    for (const done& d : b.completed)
        begun.push_back(d.begin_ps);
    std::sort(begun.begin(), begun.end());
    EXPECT_EQ(begun, (std::vector<std::uint64_t>{0, 10'500, 21'000, 25'100}));
}

TEST(dma_master, a_response_is_late_by_the_round_trip_and_its_packet) {
    auto source = list();
    source->add(base, 64).add(base, 64, true, 1'000'000);
    bench b({.link = ten_gigabytes}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[0].end_ps, latency + 10'000 + 200'000);
    EXPECT_EQ(b.completed[1].end_ps, 1'000'000 + latency + 3'600 + 200'000);
}

TEST(dma_master, responses_share_the_way_back) {
    auto source = list();
    source->add(base, 64).add(base + 64, 64);
    bench b({.link = ten_gigabytes}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[1].begin_ps, 3'600u);
    EXPECT_EQ(b.completed[1].end_ps, latency + 2 * 10'000 + 200'000);
}

TEST(dma_master, a_posted_write_does_not_wait_for_the_round_trip) {
    auto source = list();
    source->add(base, 64, true).add(base, 64, true);
    bench b({.link = ten_gigabytes, .outstanding = 1, .posted_writes = true}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[0].end_ps, interval);
    EXPECT_EQ(b.completed[1].begin_ps, 10'000u);
}

TEST(dma_master, loosely_timed_the_link_takes_as_long) {
    auto source = list();
    source->add(base, 64).add(base, 64, true);
    bench b({.loosely_timed = true, .link = ten_gigabytes}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[0].end_ps - b.completed[0].begin_ps, 3'600 + latency + 10'000 + 200'000);
    EXPECT_EQ(b.completed[1].end_ps - b.completed[1].begin_ps, 10'000 + latency + 3'600 + 200'000);
}

TEST(dma_master, long_requests_are_split_at_multiples_of_the_burst) {
    auto source = list();
    source->add(base + 48, 300).add(base + 60, 64);
    bench b({.burst_bytes = 128}, std::move(source));
    b.run();
    EXPECT_EQ(b.master.counted().bursts, 4u); // 80 + 128 + 92, and one that is short enough as it is
    EXPECT_EQ(b.ram.counted().bytes_read, 364u);
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[0].end_ps, 2 * interval + latency); // with its last burst
    EXPECT_EQ(b.master.counted().bytes, 364u);
}

TEST(dma_master, data_of_split_requests_arrive_in_place) {
    auto source = list();
    source->add(base + 5, 1000);
    bench b({.burst_bytes = 64}, std::move(source));
    for (std::uint64_t i = 0; i < 2048; i += 8)
        b.ram.store().write_u64(base + i, i * 0x0101010101010101);
    std::vector<unsigned char> expected(1000), found;
    b.ram.store().read(base + 5, expected.data(), expected.size());
    b.master.on_complete = [&](const dma_completion& c) { found.assign(c.data.begin(), c.data.end()); };
    b.run();
    EXPECT_EQ(found, expected);
}

TEST(dma_master, posted_write_is_done_when_it_is_accepted) {
    auto source = list();
    source->add(base, 64, true).add(base, 64, true).add(base, 64);
    bench b({.outstanding = 1, .posted_writes = true}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 3u);
    EXPECT_EQ(b.completed[0], (done{base, 0, interval, dma_status::ok}));
    EXPECT_EQ(b.completed[1], (done{base, interval, 2 * interval, dma_status::ok}));
    EXPECT_EQ(b.completed[2], (done{base, 2 * interval, 2 * interval + latency, dma_status::ok}));
}

TEST(dma_master, failed_posted_write_is_counted) {
    auto source = list();
    source->add(0, 64, true).add(base, 64, true);
    bench b({.posted_writes = true}, std::move(source));
    b.run();
    EXPECT_EQ(b.master.counted().address_errors, 1u);
    EXPECT_EQ(b.master.counted().ok, 1u);
}

TEST(dma_master, response_that_overtakes_is_held) {
    auto source = list();
    source->add(base, 64, true).add(base + 64, 64);
    auto m = simple_memory();
    m.write_latency_ps = 80'000;
    bench b({.in_order = true}, std::move(source), m);
    b.run();
    EXPECT_EQ(b.completed,
              (std::vector<done>{{base, 0, 80'000, dma_status::ok}, {base + 64, interval, 80'000, dma_status::ok}}));
    EXPECT_EQ(b.master.counted().held_responses, 1u);
}

TEST(dma_master, without_order_a_response_may_overtake) {
    auto source = list();
    source->add(base, 64, true).add(base + 64, 64);
    auto m = simple_memory();
    m.write_latency_ps = 80'000;
    bench b({}, std::move(source), m);
    b.run();
    EXPECT_EQ(b.completed, (std::vector<done>{{base + 64, interval, interval + latency, dma_status::ok},
                                              {base, 0, 80'000, dma_status::ok}}));
    EXPECT_EQ(b.master.counted().held_responses, 0u);
}

TEST(dma_master, limits_end_an_endless_source) {
    bench b({.max_requests = 1000}, std::make_unique<uniform_traffic>(window()));
    b.run();
    EXPECT_TRUE(b.master.finished());
    EXPECT_EQ(b.master.counted().requests, 1000u);
}

TEST(dma_master, byte_limit_counts_what_was_asked_for) {
    bench b({.max_bytes = 1000}, std::make_unique<sequential_traffic>(window(300)));
    b.run();
    EXPECT_EQ(b.master.counted().requests, 4u); // the fourth one starts below the limit
}

TEST(dma_master, shadow_finds_data_that_somebody_else_changed) {
    bench b({.max_requests = 4000, .verify = verification::shadow}, std::make_unique<uniform_traffic>(window(64, 50)));
    std::uint64_t wrong_after_change = 0;
    bool changed = false;
    b.master.on_complete = [&](const dma_completion& c) {
        if (!changed && c.request.write && b.master.counted().requests > 3000) {
            changed = true;
            EXPECT_EQ(b.master.counted().wrong_requests, 0u);
            b.ram.store().fill(base, 0x10000, 0xEE);
        }
        wrong_after_change += c.wrong_bytes != 0;
    };
    b.run();
    EXPECT_TRUE(changed);
    EXPECT_GT(b.master.counted().wrong_requests, 50u);
    EXPECT_EQ(b.master.counted().wrong_requests, wrong_after_change);
}

TEST(dma_master, shadow_orders_requests_on_the_same_bytes) {
    auto source = list();
    source->add(base, 64, true).add(base + 32, 64).add(base + 256, 64).add(base + 60, 8, true);
    bench b({.verify = verification::shadow}, std::move(source));
    b.run();
    ASSERT_EQ(b.completed.size(), 4u);
    EXPECT_EQ(b.completed[1].begin_ps, latency);     // the read waits for the write
    EXPECT_EQ(b.completed[3].begin_ps, 2 * latency); // the write waits for the read
    EXPECT_EQ(b.master.counted().wrong_requests, 0u);
}

TEST(dma_master, pattern_verifies_every_read) {
    bench b({.max_requests = 500,
             .verify = verification::pattern,
             .pattern =
                 [](const dma_request& r, std::span<unsigned char> data) {
                     for (std::size_t i = 0; i < data.size(); ++i)
                         data[i] = static_cast<unsigned char>((r.address + i) * 167);
                     return true;
                 }},
            std::make_unique<uniform_traffic>(window(256, 30)));
    for (std::uint64_t i = 0; i < 0x10000; ++i) {
        const auto byte = static_cast<unsigned char>((base + i) * 167);
        b.ram.store().write(base + i, &byte, 1);
    }
    b.run();
    EXPECT_EQ(b.master.counted().wrong_requests, 0u);
    EXPECT_EQ(b.master.counted().ok, 500u);
    EXPECT_GT(b.master.counted().writes, 100u);
}

TEST(dma_master, zero_length_request_moves_no_data) {
    auto source = list();
    source->add(base, 0, true).add(base, 0);
    bench b({}, std::move(source));
    b.ram.store().write_u64(base, 0x55);
    b.run();
    EXPECT_EQ(b.master.counted().ok, 2u);
    EXPECT_EQ(b.master.counted().bytes, 0u);
    EXPECT_EQ(b.ram.store().read_u64(base), 0x55u);
}

TEST(dma_master, requests_that_cannot_be_are_errors_and_let_time_pass) {
    auto source = list();
    for (int i = 0; i < 3; ++i)
        source->add(base, 8 << 20);
    source->add(~std::uint64_t{0}, 64).add(base, 64);
    bench b({}, std::move(source));
    b.run();
    EXPECT_EQ(b.master.counted().other_errors, 3u);
    EXPECT_EQ(b.master.counted().address_errors, 1u);
    EXPECT_EQ(b.master.counted().ok, 1u);
    EXPECT_EQ(b.completed.back().begin_ps, 4'000u);
}

TEST(dma_master, sideband_says_who_asks) {
    auto source = list();
    source->add(base, 64).add(base, 64);
    source->list[1].source_id = 99;
    source->list[1].pasid = 0xABCDE;
    dma_master master("master", {.source_id = 7}, std::move(source));
    stub_target target("target");
    master.initiator.bind(target.socket);
    std::vector<access> seen;
    target.answer = [&](tlm::tlm_generic_payload& p, auto&, auto&) {
        seen.push_back(sideband::describe(p));
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        return tlm::TLM_COMPLETED; // early completion
    };
    sc_core::sc_start(ps(1000));
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].source_id, 7u);
    EXPECT_FALSE(seen[0].has_pasid);
    EXPECT_EQ(seen[1].source_id, 99u);
    EXPECT_TRUE(seen[1].has_pasid);
    EXPECT_EQ(seen[1].pasid, 0xABCDEu);
    EXPECT_TRUE(master.finished());
}

TEST(dma_master, response_as_a_return_value_is_ended_by_a_call) {
    auto source = list();
    source->add(base, 64);
    dma_master master("master", {}, std::move(source));
    protocol_checker checker("checker");
    stub_target target("target");
    master.initiator.bind(checker.target);
    checker.initiator.bind(target.socket);
    target.answer = [&](tlm::tlm_generic_payload& p, tlm::tlm_phase& phase, sc_time& delay) {
        if (phase == tlm::END_RESP)
            return tlm::TLM_COMPLETED;
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        phase = tlm::BEGIN_RESP;
        delay += ps(5'000);
        return tlm::TLM_UPDATED;
    };
    sc_core::sc_start(ps(100'000));
    ASSERT_EQ(target.heard.size(), 2u);
    EXPECT_EQ(target.heard[1].phase, static_cast<unsigned>(tlm::END_RESP));
    EXPECT_EQ(target.heard[1].time, ps(5'000));
    EXPECT_EQ(checker.report(), "");
    EXPECT_EQ(master.counted().last_end_ps, 5'000u);
}

TEST(dma_master, explicit_end_request_is_waited_for) {
    auto m = simple_memory();
    m.explicit_end_request = true;
    m.queue_depth = 3;
    bench b({.max_requests = 300}, std::make_unique<uniform_traffic>(window(64, 50)), m);
    b.run();
    EXPECT_EQ(b.master.counted().ok, 300u);
    EXPECT_GT(b.ram.counted().queue_full, 0u);
}

TEST(dma_master, pointer_chase_runs_one_read_after_the_other) {
    bench b({}, std::make_unique<pointer_chase_traffic>(window(8)));
    for (std::uint64_t i = 0; i < 10; ++i)
        b.ram.store().write_u64(base + i * 0x1000, i == 9 ? 0 : base + (i + 1) * 0x1000);
    b.run();
    ASSERT_EQ(b.completed.size(), 10u);
    for (std::uint64_t i = 0; i < 10; ++i)
        EXPECT_EQ(b.completed[i], (done{base + i * 0x1000, i * latency, (i + 1) * latency, dma_status::ok}));
    EXPECT_TRUE(b.master.finished());
}

TEST(dma_master, ring_reads_descriptors_from_memory) {
    ring_parameters r;
    r.ring_base = base;
    r.completion_base = base + 0x1000;
    r.entries = 8;
    r.descriptors_in_memory = true;
    bench b({.max_requests = 3 * 20}, std::make_unique<ring_traffic>(r));
    for (std::uint64_t i = 0; i < 8; ++i) {
        const ring_descriptor d{base + 0x8000 + i * 0x800, 1500, ring_descriptor::device_writes};
        b.ram.store().write(base + i * 16, d.encode().data(), 16);
    }
    b.run();
    EXPECT_TRUE(b.master.finished());
    EXPECT_EQ(b.master.counted().ok, 60u);
    EXPECT_NE(b.ram.store().read_u64(base + 0x8000), 0u);
    EXPECT_NE(b.ram.store().read_u64(base + 0x1000), 0u);
}

/// Gives a request whenever it has been told to.
struct pushed : traffic {
    int due = 0;
    bool over = false;
    std::optional<dma_request> next() override {
        if (due == 0)
            return std::nullopt;
        --due;
        dma_request r;
        r.address = base;
        r.length_bytes = 64;
        return r;
    }
    bool waiting() const override { return !over; }
};

TEST(dma_master, poke_wakes_a_master_whose_source_was_waiting) {
    auto source = std::make_unique<pushed>();
    pushed& handle = *source;
    bench b({}, std::move(source));
    sc_core::sc_start(ps(500'000));
    EXPECT_FALSE(b.master.finished());
    handle.due = 2;
    handle.over = true;
    b.master.poke();
    b.run();
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[0].begin_ps, 500'000u);
    EXPECT_TRUE(b.master.finished());
}

TEST(dma_master, poke_wakes_a_loosely_timed_master_too) {
    auto source = std::make_unique<pushed>();
    pushed& handle = *source;
    bench b({.loosely_timed = true}, std::move(source));
    sc_core::sc_start(ps(500'000));
    handle.due = 2;
    handle.over = true;
    b.master.poke();
    b.run();
    ASSERT_EQ(b.completed.size(), 2u);
    EXPECT_EQ(b.completed[0].begin_ps, 500'000u);
    EXPECT_EQ(b.completed[1].begin_ps, 550'000u);
    EXPECT_TRUE(b.master.finished());
}

TEST(dma_master, loosely_timed_accesses_follow_each_other) {
    auto source = list();
    source->add(base, 64).add(base + 64, 64, true).add(base, 64, false, 1'000'000).add(0, 64);
    bench b({.loosely_timed = true, .start_ps = 5'000}, std::move(source));
    b.run();
    EXPECT_EQ(b.completed,
              (std::vector<done>{{base, 5'000, 5'000 + latency, dma_status::ok},
                                 {base + 64, 5'000 + latency, 5'000 + 2 * latency, dma_status::ok},
                                 {base, 1'000'000, 1'000'000 + latency, dma_status::ok},
                                 {0, 1'000'000 + latency, 1'000'000 + 2 * latency, dma_status::address_error}}));
    EXPECT_TRUE(b.master.finished());
}

TEST(dma_master, loosely_timed_master_stays_within_its_quantum) {
    bench b({.loosely_timed = true, .max_requests = 1000, .quantum_ps = 200'000},
            std::make_unique<uniform_traffic>(window(64, 50)));
    std::uint64_t furthest = 0;
    b.master.on_complete = [&](const dma_completion& c) {
        const auto now = static_cast<std::uint64_t>(sc_core::sc_time_stamp() / ps(1));
        furthest = std::max(furthest, c.end_ps - std::min(c.end_ps, now));
    };
    b.run();
    EXPECT_EQ(b.master.counted().last_end_ps, 1000 * latency);
    EXPECT_LE(furthest, 200'000u);
    EXPECT_GT(furthest, 100'000u);
}

TEST(dma_master, direct_memory_gives_the_same_data_and_times) {
    bench b({.loosely_timed = true, .max_requests = 3000, .use_dmi = true, .verify = verification::shadow},
            std::make_unique<uniform_traffic>(window(64, 50)));
    b.run();
    EXPECT_EQ(b.master.counted().wrong_requests, 0u);
    EXPECT_EQ(b.master.counted().direct_accesses, 2999u); // all but the one that asked for it
    EXPECT_EQ(b.master.counted().last_end_ps, 3000 * latency);
}

TEST(dma_master, revoked_direct_memory_is_used_no_more) {
    bench b({.loosely_timed = true, .max_requests = 1000, .quantum_ps = 0, .use_dmi = true},
            std::make_unique<uniform_traffic>(window(64, 50)));
    sc_core::sc_start(ps(100 * latency + 1));
    const auto before = b.master.counted().bursts - b.master.counted().direct_accesses;
    EXPECT_EQ(before, 1u);
    b.ram.target->invalidate_direct_mem_ptr(0, base + 0x10000 - 1); // any part of the grant
    b.run();
    EXPECT_EQ(b.master.counted().bursts - b.master.counted().direct_accesses, 2u);
}

TEST(dma_master, direct_memory_of_one_requester_is_not_used_for_another) {
    auto source = list();
    for (unsigned i = 0; i < 6; ++i) {
        source->add(base, 64);
        source->list.back().pasid = i % 2;
    }
    bench b({.loosely_timed = true, .use_dmi = true}, std::move(source));
    b.run();
    EXPECT_EQ(b.master.counted().direct_accesses, 4u);
}

TEST(dma_master, steady_state_allocates_nothing) {
    auto m = simple_memory();
    dma_master master("master", {.burst_bytes = 64, .posted_writes = true},
                      std::make_unique<uniform_traffic>(window(128, 50)));
    memory ram("ram", m);
    master.initiator.bind(ram.target);
    sc_core::sc_start(ps(10'000'000));
    const std::size_t before = heap_allocations();
    const auto requests = master.counted().requests;
    sc_core::sc_start(ps(100'000'000));
    EXPECT_GT(master.counted().requests, requests + 10'000);
    EXPECT_EQ(heap_allocations(), before);
}

} // namespace
} // namespace iommulab
