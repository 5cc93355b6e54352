// SPDX-License-Identifier: Apache-2.0
// Where the time of accesses through the AMD IOMMU goes: each part is what the parameters say, and nothing else.
#include "testbenches/amd_vi/machine.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace iommulab::amd_vi {
namespace {

using machine = harness::amd_vi_machine;
constexpr std::uint64_t ns = 1000;

struct measured {
    std::map<time_part, std::uint64_t> parts;
    std::uint64_t total = 0;
    access_outcome how = access_outcome::fault;

    std::uint64_t operator[](time_part p) const {
        const auto found = parts.find(p);
        return found == parts.end() ? 0 : found->second;
    }
};

/// Every latency its own, so that none can stand for another.
amd_vi_parameters distinct() {
    amd_vi_parameters p;
    p.clock_period_ps = 1 * ns;
    p.micro_tlb = {.entries = 4, .ways = 0, .latency_cycles = 3};
    p.tlb = {.entries = 64, .ways = 4, .latency_cycles = 7};
    p.request_cycles = 11;
    p.response_cycles = 2;
    p.device_table_cache = {.entries = 16, .ways = 0, .latency_cycles = 13};
    for (unsigned n = 0; n < p.directory_cache.size(); ++n)
        p.directory_cache[n] = {.entries = 16, .ways = 0, .latency_cycles = 17 + n};
    return p;
}

struct bench {
    amd_vi_parameters own = distinct();
    machine m;
    measured last;

    bench() : m("m", own) {
        m.model.on_access([this](const answered_access& done) {
            last = {};
            done.sheet.for_each(
                [this](std::size_t part, std::uint64_t ps) { last.parts[static_cast<time_part>(part)] = ps; });
            last.total = done.sheet.total_ps();
            last.how = done.how;
        });
    }
    measured read(std::uint32_t device, std::uint64_t address) {
        const auto a = m.read(device, address);
        EXPECT_EQ(a.status, tlm::TLM_OK_RESPONSE);
        EXPECT_EQ(last.total, a.ended_ps - a.begun_ps);
        std::uint64_t sum = 0;
        for (const auto& [part, ps] : last.parts)
            sum += ps;
        EXPECT_EQ(sum, last.total);
        return last;
    }
};

TEST(amd_vi_timing, a_cold_walk_of_each_depth_costs_its_reads_and_look_ups) {
    bench b;
    std::uint64_t one_read = 0;
    for (unsigned levels = 1; levels <= 6; ++levels) {
        auto t = b.m.build(levels);
        t.map(0x1000, machine::data);
        b.m.write_entry(levels, machine::entry(levels, t.root(), levels));
    }
    b.m.start();
    for (unsigned levels = 1; levels <= 6; ++levels) {
        const measured r = b.read(levels, 0x1000);
        EXPECT_EQ(r.how, access_outcome::miss);
        EXPECT_EQ(r[time_part::micro_tlb], 3 * ns);
        EXPECT_EQ(r[time_part::configuration], 13 * ns);
        EXPECT_EQ(r[time_part::tlb], (11 + 7) * ns);
        // pointers to tables of level 1, 2, ... below the root, whose caches are the last of the set
        std::uint64_t look_ups = 0;
        for (unsigned table = 1; table < levels; ++table)
            look_ups += b.own.directory_cache[amd_v1::walk_cache_level(table)].latency_cycles * ns;
        EXPECT_EQ(r[time_part::walk_cache], look_ups);
        if (one_read == 0)
            one_read = r[time_part::walk_level_0];
        EXPECT_GT(one_read, 50 * ns); // memory's own latency
        for (unsigned depth = 0; depth < 6; ++depth)
            EXPECT_EQ(r[walk_level(1, depth)], depth < levels ? one_read : 0) << levels << ' ' << depth;
        EXPECT_EQ(r[time_part::response] / ns, 2U); // and the rest of the cycle in which memory answers
        EXPECT_EQ(r.total, r[time_part::micro_tlb] + r[time_part::configuration] + r[time_part::configuration_fetch] +
                               r[time_part::tlb] + look_ups + levels * one_read + r[time_part::port_wait] +
                               r[time_part::memory] + r[time_part::downstream_wait] + r[time_part::response]);
    }
}

TEST(amd_vi_timing, what_is_cached_is_not_paid_again) {
    bench b;
    auto t = b.m.build(4);
    for (std::uint64_t n = 0; n < 16; ++n)
        t.map(n * 0x1000, machine::data + n * 0x1000);
    b.m.write_entry(1, machine::entry(1, t.root(), 4));
    b.m.start();
    const measured cold = b.read(1, 0);
    const measured same = b.read(1, 8);
    EXPECT_EQ(same.how, access_outcome::micro_tlb_hit);
    EXPECT_EQ(same.total, 3 * ns + same[time_part::memory] + same[time_part::response]);
    const measured neighbour = b.read(1, 0x1000); // entry and directory are cached, the page is not
    EXPECT_EQ(neighbour[time_part::configuration_fetch], 0U);
    EXPECT_EQ(neighbour[time_part::walk_cache], (17 + amd_v1::walk_cache_level(1)) * ns);
    EXPECT_EQ(neighbour[walk_level(1, 0)] + neighbour[walk_level(1, 1)] + neighbour[walk_level(1, 2)], 0U);
    EXPECT_EQ(neighbour[walk_level(1, 3)], cold[walk_level(1, 3)]);
    for (std::uint64_t n = 2; n < 8; ++n)
        b.read(1, n * 0x1000);
    const measured shared = b.read(1, 0); // out of the micro-TLB, in the TLB
    EXPECT_EQ(shared.how, access_outcome::tlb_hit);
    EXPECT_EQ(shared.total, (3 + 11 + 13 + 7) * ns + shared[time_part::memory] + shared[time_part::response]);
}

TEST(amd_vi_timing, hits_of_one_large_page_pass_in_order_without_another_walk) {
    bench b;
    auto t = b.m.build(3);
    t.map(0, machine::data, 21);
    b.m.write_entry(1, machine::entry(1, t.root(), 3));
    b.m.start();
    b.read(1, 0);
    std::vector<harness::device_access> many(64);
    for (std::size_t n = 0; n < many.size(); ++n) {
        many[n].source_id = 1;
        many[n].address = n * 0x1000;
        many[n].data.resize(8);
        b.m.devices[0]->issue(many[n]);
    }
    EXPECT_TRUE(b.m.settle());
    for (std::size_t n = 1; n < many.size(); ++n)
        EXPECT_GT(many[n].ended_ps, many[n - 1].ended_ps);
    EXPECT_EQ(b.m.counted("walks"), 1U);
    EXPECT_EQ(b.m.violations(), "");
}

} // namespace
} // namespace iommulab::amd_vi
