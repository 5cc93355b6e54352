// SPDX-License-Identifier: Apache-2.0
// All connections run through protocol checkers; times are sums of the parameters.
#include "models/dma/dma_master.h"
#include "models/dma/generators.h"
#include "models/memory/interconnect.h"
#include "models/memory/memory.h"
#include "testbenches/harness/allocation_counter.h"
#include "testbenches/harness/protocol_checker.h"
#include "testbenches/harness/stubs.h"

#include <systemc>
#include <tlm>

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace iommulab {
namespace {

using sc_core::sc_time;

constexpr std::uint64_t request = 10'000, response = 7'000, interval = 1'000, latency = 50'000;
constexpr std::uint64_t low = 0x1000'0000, high = 0x8000'0000, size = 0x10'0000;

sc_time ps(std::uint64_t value) {
    return sc_time(static_cast<double>(value), sc_core::SC_PS);
}

interconnect_parameters timing() {
    interconnect_parameters p;
    p.request_latency_ps = request;
    p.response_latency_ps = response;
    p.interval_ps = interval;
    p.buffer_depth = 4;
    return p;
}

std::vector<interconnect::output_description> two_memories() {
    return {{{{low, low + size - 1}}, false}, {{{high, high + size - 1}}, true}};
}

memory_parameters memory_at(std::uint64_t base) {
    memory_parameters p;
    p.ranges = {{base, size, "ram"}};
    p.read_latency_ps = p.write_latency_ps = latency;
    p.accept_interval_ps = interval;
    p.beat_ps = 0;
    return p;
}

/// Stub masters on an interconnect with two memories: one at its own address, one that sees offsets.
struct bench {
    std::vector<std::unique_ptr<stub_initiator>> masters;
    std::vector<std::unique_ptr<protocol_checker>> checkers;
    interconnect bus;
    memory near, far;

    explicit bench(std::size_t count = 1, memory_parameters far_parameters = memory_at(0))
        : bus("bus", timing(), count, two_memories()),
          near("near", memory_at(low)),
          far("far", std::move(far_parameters)) {
        for (std::size_t n = 0; n < count; ++n) {
            masters.push_back(std::make_unique<stub_initiator>(("master" + std::to_string(n)).c_str()));
            masters[n]->socket.bind(check(bus.input(n)).target);
        }
        bus.output(0).bind(check(near.target).target);
        bus.output(1).bind(check(far.target).target);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    }
    ~bench() {
        for (const auto& c : checkers)
            EXPECT_EQ(c->report(), "");
    }
    protocol_checker& check(tlm::tlm_target_socket<64>& socket) {
        checkers.push_back(std::make_unique<protocol_checker>(("checker" + std::to_string(checkers.size())).c_str()));
        checkers.back()->initiator.bind(socket);
        return *checkers.back();
    }
    static void until(std::uint64_t time_ps) { sc_core::sc_start(ps(time_ps) - sc_core::sc_time_stamp()); }
    stub_initiator& master(std::size_t n = 0) { return *masters[n]; }
    pooled_payload<int>& read(std::uint64_t address, std::size_t n = 0, unsigned bytes = 64) {
        return masters[n]->make(tlm::TLM_READ_COMMAND, address, bytes);
    }
    /// Times at which the responses of master `n` began.
    std::vector<sc_time> responses(std::size_t n) const {
        std::vector<sc_time> list;
        for (const auto& h : masters[n]->heard)
            if (h.phase == tlm::BEGIN_RESP)
                list.push_back(h.time);
        return list;
    }
};

TEST(interconnect, request_takes_its_way_there_and_back) {
    bench b;
    auto& p = b.read(low);
    b.master().send(p);
    b.until(request + latency + response - 1);
    EXPECT_TRUE(b.responses(0).empty());
    b.until(1'000'000);
    EXPECT_EQ(b.responses(0), std::vector<sc_time>{ps(request + latency + response)});
    EXPECT_TRUE(p.is_response_ok());
    EXPECT_EQ(p.get_ref_count(), 1);
    EXPECT_TRUE(b.bus.idle());
}

TEST(interconnect, relative_target_sees_offsets_and_the_initiator_its_own_address) {
    bench b;
    b.far.store().write_u64(0x40, 0xABCD);
    auto& p = b.read(high + 0x40);
    b.master().send(p);
    b.until(1'000'000);
    EXPECT_TRUE(p.is_response_ok());
    EXPECT_EQ(p.get_data_ptr()[0], 0xCD);
    EXPECT_EQ(p.get_address(), high + 0x40);
}

TEST(interconnect, nothing_there_is_an_address_error_in_every_mode) {
    bench b;
    auto& p = b.read(low + size - 32); // runs out of its window
    b.master().send(p);
    b.until(1'000'000);
    EXPECT_EQ(b.responses(0), std::vector<sc_time>{ps(request + response)});
    EXPECT_EQ(p.get_response_status(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    auto& q = b.read(0);
    sc_time delay = sc_core::SC_ZERO_TIME;
    b.master().socket->b_transport(q, delay);
    EXPECT_EQ(q.get_response_status(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    EXPECT_EQ(delay, ps(request + response));
    EXPECT_EQ(b.master().socket->transport_dbg(b.read(0)), 0u);
    EXPECT_EQ(b.master().socket->transport_dbg(b.read(low + size - 32)), 32u);
    tlm::tlm_dmi dmi;
    EXPECT_FALSE(b.master().socket->get_direct_mem_ptr(b.read(0), dmi));
    EXPECT_EQ(b.bus.counted().address_errors, 2u);
}

TEST(interconnect, inputs_take_turns_on_the_wire_to_a_target) {
    bench b(3);
    for (std::size_t n = 0; n < 3; ++n)
        b.master(n).send(b.read(low, n));
    b.until(interval);
    for (std::size_t n = 0; n < 3; ++n)
        b.master(n).send(b.read(low, n));
    b.until(1'000'000);
    for (std::size_t n = 0; n < 3; ++n)
        EXPECT_EQ(b.responses(n), (std::vector<sc_time>{ps(request + n * interval + latency + response),
                                                        ps(request + (n + 3) * interval + latency + response)}));
    // second round: ready at 11 ns, sent at 13, 14, 15 ns; first round: 10, 11, 12 ns
    EXPECT_EQ(b.bus.counted().wait_ps, (0 + 1 + 2 + 2 + 3 + 4) * interval);
}

TEST(interconnect, targets_do_not_wait_for_each_other) {
    bench b(2);
    b.master(0).send(b.read(low, 0));
    b.master(1).send(b.read(high, 1));
    b.until(1'000'000);
    EXPECT_EQ(b.responses(0), b.responses(1));
}

TEST(interconnect, responses_to_one_initiator_follow_each_other) {
    bench b(1);
    b.master().send(b.read(low));
    b.until(interval);
    b.master().send(b.read(high));
    b.until(1'000'000);
    EXPECT_EQ(b.responses(0),
              (std::vector<sc_time>{ps(request + latency + response), ps(interval + request + latency + response)}));
}

TEST(interconnect, full_buffer_holds_back_end_request) {
    auto slow = memory_at(0);
    slow.queue_depth = 1; // one request at a time: 50 ns each
    bench b(1, slow);
    std::vector<sc_time> accepted;
    for (int i = 0; i < 8; ++i) {
        const std::size_t before = b.master().heard.size();
        b.master().send(b.read(high));
        const auto end_request = [&] {
            for (std::size_t k = before; k < b.master().heard.size(); ++k)
                if (b.master().heard[k].phase == tlm::END_REQ)
                    return true;
            return b.master().phase == tlm::END_REQ;
        };
        while (!end_request())
            sc_core::sc_start(ps(500));
        accepted.push_back(sc_core::sc_time_stamp());
        sc_core::sc_start(ps(interval));
    }
    EXPECT_LT(accepted[4], ps(request + latency)); // the buffer takes the first ones at once
    EXPECT_GT(accepted[7], ps(request + latency)); // the last ones wait for the memory
    EXPECT_GT(b.bus.counted().buffer_full, 0u);
    sc_core::sc_start(ps(2'000'000));
    EXPECT_EQ(b.responses(0).size(), 8u);
}

TEST(interconnect, blocking_access_adds_both_ways) {
    bench b;
    auto& p = b.read(high + 8);
    sc_time delay = ps(3);
    b.master().socket->b_transport(p, delay);
    EXPECT_TRUE(p.is_response_ok());
    EXPECT_EQ(delay, ps(3 + request + latency + response));
    EXPECT_EQ(p.get_address(), high + 8);
}

TEST(interconnect, direct_memory_is_cut_to_the_window_and_costs_the_way) {
    bench b;
    tlm::tlm_dmi dmi;
    ASSERT_TRUE(b.master().socket->get_direct_mem_ptr(b.read(high + 0x20), dmi));
    EXPECT_EQ(dmi.get_start_address(), high);
    EXPECT_EQ(dmi.get_end_address(), high + sparse_store::page_bytes - 1);
    EXPECT_EQ(dmi.get_read_latency(), ps(request + latency + response));
    dmi.get_dmi_ptr()[0x20] = 0x99;
    EXPECT_EQ(b.far.store().read_u64(0x20), 0x99u);
}

TEST(interconnect, invalidation_reaches_every_initiator_in_its_addresses) {
    bench b(2);
    b.far.target->invalidate_direct_mem_ptr(0x1000, 0x1FFF);
    b.near.target->invalidate_direct_mem_ptr(0, ~std::uint64_t{0}); // everything: only what is behind this target
    using span = std::pair<std::uint64_t, std::uint64_t>;
    for (const auto& m : b.masters)
        EXPECT_EQ(m->invalidated, (std::vector<span>{{high + 0x1000, high + 0x1FFF}, {low, low + size - 1}}));
}

TEST(interconnect, windows_that_make_no_sense_are_refused) {
    const auto make = [](std::vector<interconnect::output_description> outputs) {
        const interconnect bus("bus", timing(), 1, outputs);
    };
    EXPECT_THROW(make({{{{0, 0xFFF}}, false}, {{{0xFFF, 0x1FFF}}, false}}), std::invalid_argument);
    EXPECT_THROW(make({{{{0x1000, 0xFFF}}, false}}), std::invalid_argument);
    EXPECT_NO_THROW(make({{{{0, 0xFFF}, {0x1000, ~std::uint64_t{0}}}, false}}));
}

/// Everything at once: masters of every kind on memories that push back in every way.
struct crowd {
    std::vector<std::unique_ptr<dma_master>> masters;
    std::vector<std::unique_ptr<protocol_checker>> checkers;
    std::unique_ptr<interconnect> bus;
    std::unique_ptr<memory> near, far;

    explicit crowd(std::uint64_t requests, bool checked = true) {
        auto near_parameters = memory_at(low);
        near_parameters.queue_depth = 2;
        near_parameters.explicit_end_request = true;
        auto far_parameters = memory_at(0);
        far_parameters.dram = ddr4_3200();
        far_parameters.queue_depth = 8;
        bus = std::make_unique<interconnect>("bus", timing(), 4, two_memories());
        near = std::make_unique<memory>("near", near_parameters);
        far = std::make_unique<memory>("far", far_parameters);
        for (unsigned n = 0; n < 4; ++n) {
            dma_parameters p;
            p.source_id = n;
            p.in_order = n % 2 != 0;
            p.posted_writes = n >= 2;
            p.burst_bytes = 64;
            p.max_requests = requests;
            p.verify = checked ? verification::shadow : verification::none;
            traffic_window w;
            w.base = (n % 2 ? low : high) + n * 0x10000;
            w.size_bytes = 0x4000;
            w.length_bytes = 32u << n;
            w.write_percent = 50;
            w.seed = n + 1;
            masters.push_back(std::make_unique<dma_master>(("dma" + std::to_string(n)).c_str(), p,
                                                           std::make_unique<uniform_traffic>(w)));
            connect(masters[n]->initiator, bus->input(n), checked);
        }
        connect(bus->output(0), near->target, checked);
        connect(bus->output(1), far->target, checked);
    }
    void connect(tlm::tlm_initiator_socket<64>& from, tlm::tlm_target_socket<64>& to, bool checked) {
        if (!checked) {
            from.bind(to);
            return;
        }
        checkers.push_back(std::make_unique<protocol_checker>(("checker" + std::to_string(checkers.size())).c_str()));
        from.bind(checkers.back()->target);
        checkers.back()->initiator.bind(to);
    }
};

TEST(interconnect, crowded_bus_keeps_data_and_protocol) {
    crowd c(5000);
    sc_core::sc_start(ps(10'000'000'000));
    for (const auto& m : c.masters) {
        EXPECT_TRUE(m->finished()) << m->name();
        EXPECT_EQ(m->counted().ok, 5000u) << m->name();
        EXPECT_EQ(m->counted().wrong_requests, 0u) << m->name();
    }
    for (const auto& checker : c.checkers) {
        EXPECT_EQ(checker->report(), "");
        EXPECT_EQ(checker->in_flight(), 0u);
        EXPECT_GE(checker->transactions(), 5000u);
    }
    EXPECT_TRUE(c.bus->idle());
    EXPECT_GT(c.bus->counted().buffer_full, 0u);
    EXPECT_GT(c.near->counted().queue_full, 0u);
}

TEST(interconnect, steady_state_allocates_nothing) {
    crowd c(0, false);
    sc_core::sc_start(ps(500'000'000)); // until pools and queues have seen their peak
    const std::size_t before = heap_allocations();
    const auto requests = c.bus->counted().requests;
    sc_core::sc_start(ps(100'000'000));
    EXPECT_GT(c.bus->counted().requests, requests + 5'000);
    EXPECT_EQ(heap_allocations(), before);
}

} // namespace
} // namespace iommulab
