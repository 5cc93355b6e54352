// SPDX-License-Identifier: Apache-2.0
// The engine, on an invented IOMMU of one table level: timing by formula, order, merging, synchronisation, the three
// modes.
#include "models/core/payload_pool.h"
#include "models/memory/memory.h"
#include "testbenches/harness/allocation_counter.h"
#include "testbenches/invented/flat_iommu.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <vector>

namespace iommulab {
namespace {

using sc_core::sc_time;

constexpr std::uint64_t table = 0x100000, data = 0x200000;
constexpr std::uint64_t clock_ps = 1000;

struct scripted {
    std::uint64_t at_ps;
    std::uint64_t address;
    bool write = false;
    std::uint32_t bytes = 64;
    std::uint32_t source = 1;
};
struct observed {
    std::uint64_t begun_ps = 0, request_taken_ps = 0, answered_ps = 0;
    tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
    std::vector<unsigned char> bytes;
};

/// Sends a script of accesses, each not before its time and in order, and notes when they were answered.
struct script_master : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> socket{"socket"};
    std::vector<scripted> script;
    std::vector<observed> seen;
    std::vector<std::size_t> order;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> revoked;
    payload_pool<observed> pool;
    sc_core::sc_event go;
    std::size_t next = 0;
    bool busy = false, keep_data = true;

    explicit script_master(sc_core::sc_module_name name) : sc_core::sc_module(name) {
        socket.bind(*this);
        SC_HAS_PROCESS(script_master);
        SC_METHOD(pump);
        sensitive << go;
    }
    void pump() {
        if (seen.size() != script.size())
            seen.resize(script.size());
        while (!busy && next < script.size()) {
            const scripted& s = script[next];
            const sc_time due = sc_time(double(s.at_ps), sc_core::SC_PS);
            if (due > sc_core::sc_time_stamp()) {
                go.notify(due - sc_core::sc_time_stamp());
                return;
            }
            auto& p = pool.acquire(s.bytes, &seen[next++]);
            p.set_command(s.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            p.set_address(s.address);
            p.side.source_id = s.source;
            if (s.write)
                std::memset(p.get_data_ptr(), 0xab, s.bytes);
            p.owner->begun_ps = sc_core::sc_time_stamp().value();
            busy = true;
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_time delay;
            if (socket->nb_transport_fw(p, phase, delay) == tlm::TLM_UPDATED) {
                EXPECT_EQ(phase, tlm::END_REQ);
                p.owner->request_taken_ps = (sc_core::sc_time_stamp() + delay).value();
                busy = false;
                go.notify(delay);
                return;
            }
        }
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& g, tlm::tlm_phase& phase, sc_time&) override {
        auto& p = static_cast<pooled_payload<observed>&>(g);
        if (phase == tlm::END_REQ) {
            p.owner->request_taken_ps = sc_core::sc_time_stamp().value();
            busy = false;
            go.notify(sc_core::SC_ZERO_TIME);
            return tlm::TLM_ACCEPTED;
        }
        p.owner->answered_ps = sc_core::sc_time_stamp().value();
        p.owner->status = p.get_response_status();
        if (keep_data)
            p.owner->bytes.assign(p.get_data_ptr(), p.get_data_ptr() + p.get_data_length());
        order.push_back(static_cast<std::size_t>(p.owner - seen.data()));
        phase = tlm::END_RESP;
        p.release();
        return tlm::TLM_COMPLETED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64 a, sc_dt::uint64 b) override { revoked.emplace_back(a, b); }
};

/// Register writes and loosely timed accesses, from a thread.
struct software : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> socket{"socket"};
    std::function<void(software&)> program;
    explicit software(sc_core::sc_module_name name) : sc_core::sc_module(name) {
        socket.bind(*this);
        SC_HAS_PROCESS(software);
        SC_THREAD(run);
    }
    void run() {
        if (program)
            program(*this);
    }
    std::uint64_t access(std::uint64_t address, bool write, std::uint64_t value, unsigned bytes) {
        tlm::tlm_generic_payload p;
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(address);
        p.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
        p.set_data_length(bytes);
        p.set_streaming_width(bytes);
        sc_time delay;
        socket->b_transport(p, delay);
        EXPECT_TRUE(p.is_response_ok());
        return value;
    }
    void write(const register_declaration& r, std::uint64_t v) { access(r.offset, true, v, r.bytes); }
    std::uint64_t read(const register_declaration& r) { return access(r.offset, false, 0, r.bytes); }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_time&) override {
        return tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

memory_parameters plain_memory() {
    memory_parameters m;
    m.ranges = {{0, 0x10000000, "ram"}};
    m.read_latency_ps = m.write_latency_ps = 50'000;
    m.beat_ps = 0;
    return m;
}

iommu_parameters small() {
    iommu_parameters p;
    p.clock_period_ps = clock_ps;
    p.micro_tlb = {.entries = 4, .ways = 0, .policy = replacement::lru, .latency_cycles = 1};
    p.tlb = {.entries = 64, .ways = 4, .policy = replacement::lru, .latency_cycles = 3};
    p.request_cycles = 8;
    p.walkers = 2;
    p.response_cycles = 1;
    return p;
}

struct bench {
    explicit bench(const iommu_parameters& p = small(), const memory_parameters& m = plain_memory())
        : iommu("iommu", p), ram("ram", m), tables("tables", plain_memory()), master("master"), cpu("cpu") {
        master.socket.bind(iommu.upstream());
        iommu.downstream().bind(ram.target);
        iommu.tables().bind(tables.target);
        cpu.socket.bind(iommu.registers_socket());
        for (std::uint64_t n = 0; n < 512; ++n)
            map(n, n, true);
    }
    void map(std::uint64_t page, std::uint64_t to, bool writable, bool stalls = false, bool valid = true) {
        const std::uint64_t e = (data + (to << 12)) | (writable ? 2 : 0) | (stalls ? 4 : 0) | (valid ? 1 : 0);
        tables.store().write(table + 8 * page, reinterpret_cast<const unsigned char*>(&e), 8);
    }
    void run(std::function<void(software&)> program = {}) {
        cpu.program = [this, program](software& s) {
            s.write(flat::TABLE, table);
            if (program)
                program(s);
        };
        sc_core::sc_start();
    }
    std::uint64_t latency(std::size_t n) const { return master.seen[n].answered_ps - master.seen[n].begun_ps; }
    flat::flat_iommu iommu;
    memory ram, tables;
    script_master master;
    software cpu;
};

constexpr std::uint64_t ram_ps = 50'000;

TEST(engine, latency_of_each_kind_of_hit_is_the_sum_of_its_parts) {
    bench b;
    b.master.script = {{10'000, 0x1000},    {500'000, 0x1040},   {1'000'000, 0x2000}, {1'500'000, 0x3000},
                       {2'000'000, 0x4000}, {2'500'000, 0x5000}, {3'000'000, 0x1080}};
    b.run();
    const std::uint64_t hit = (1 + 1) * clock_ps + ram_ps; // micro-TLB, memory, response
    const std::uint64_t tlb_hit = hit + (8 + 3) * clock_ps;
    const std::uint64_t miss = tlb_hit + ram_ps; // one level
    EXPECT_EQ(b.latency(0), miss);
    EXPECT_EQ(b.latency(1), hit);
    EXPECT_EQ(b.latency(6), tlb_hit); // four entries: page 1 has been replaced in the micro-TLB
    for (const auto& o : b.master.seen)
        EXPECT_EQ(o.status, tlm::TLM_OK_RESPONSE);
}

TEST(engine, parts_of_every_time_sheet_add_up_to_what_the_master_saw) {
    bench b;
    for (unsigned n = 0; n < 200; ++n)
        b.master.script.push_back({10'000 + 700ULL * n, (n * 7919ULL * 64) % 0x100000, n % 3 == 0});
    b.run();
    std::uint64_t seen = 0, count = 0;
    for (const auto& o : b.master.seen)
        seen += o.answered_ps - o.begun_ps;
    double total = 0, parts = 0;
    for (const auto& [k, profile] : b.iommu.statistics().all()) {
        const auto s = profile.summarise();
        count += s.count;
        total += s.mean_ps * double(s.count);
        for (const double part : s.mean_part_ps)
            parts += part * double(s.count);
    }
    EXPECT_EQ(count, 200U);
    EXPECT_NEAR(total, double(seen), 0.5);
    EXPECT_NEAR(parts, double(seen), 0.5);
}

TEST(engine, misses_to_one_page_walk_once) {
    bench b;
    for (unsigned n = 0; n < 8; ++n)
        b.master.script.push_back({10'000, 0x7000 + 64ULL * n});
    b.run();
    EXPECT_EQ(b.tables.counted().reads, 1U);
}

std::map<access_outcome, std::uint64_t> outcomes_of(const iommu& unit) {
    std::map<access_outcome, std::uint64_t> counts;
    for (const auto& [k, profile] : unit.statistics().all())
        counts[k.outcome] += profile.count();
    return counts;
}

TEST(engine, a_miss_that_waited_for_anothers_walk_is_no_hit) {
    bench b;
    for (unsigned n = 0; n < 8; ++n)
        b.master.script.push_back({10'000, 0x7000 + 64ULL * n});
    for (unsigned n = 1; n <= 4; ++n)
        b.master.script.push_back({500'000ULL * n, 0x1000ULL * n}); // page 7 leaves the micro-TLB
    b.master.script.push_back({3'000'000, 0x7000});
    b.run();
    auto counts = outcomes_of(b.iommu);
    EXPECT_EQ(counts[access_outcome::miss], 5U);
    EXPECT_EQ(counts[access_outcome::merged_miss], 7U);
    EXPECT_EQ(counts[access_outcome::tlb_hit], 1U);
}

TEST(engine, a_miss_that_found_its_page_after_waiting_for_a_walker_is_no_hit) {
    iommu_parameters p = small();
    p.walkers = 1;
    p.micro_tlb.entries = 0;
    bench b(p);
    b.master.script = {{10'000, 0x1000}, {10'000, 0x2000}, {10'000, 0x2040}};
    b.run();
    auto counts = outcomes_of(b.iommu);
    EXPECT_EQ(counts[access_outcome::miss], 2U);
    EXPECT_EQ(counts[access_outcome::merged_miss], 1U);
    EXPECT_EQ(counts[access_outcome::tlb_hit], 0U);
}

TEST(engine, an_error_from_memory_is_an_outcome_of_its_own) {
    bench b;
    b.map(9, 1 << 20, true);
    b.master.script = {{10'000, 0x9000}, {500'000, 0x9040}, {1'000'000, 0x1000}};
    b.run();
    EXPECT_EQ(b.master.seen[0].status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    auto counts = outcomes_of(b.iommu);
    EXPECT_EQ(counts[access_outcome::error], 2U);
    EXPECT_EQ(counts[access_outcome::miss], 1U);
    EXPECT_EQ(counts[access_outcome::micro_tlb_hit], 0U);
}

TEST(engine, more_misses_than_walkers_take_turns) {
    bench b;
    for (unsigned n = 0; n < 6; ++n)
        b.master.script.push_back({10'000, 0x1000ULL * (n + 1)});
    b.run();
    // two walkers: the third walk begins when the first has ended
    EXPECT_GE(b.latency(2), b.latency(0) + ram_ps - 3 * clock_ps);
    EXPECT_EQ(b.tables.counted().reads, 6U);
}

/// One walker; the second access misses while it is busy.
std::uint64_t second_miss_ps(unsigned release_cycles) {
    iommu_parameters p = small();
    p.walkers = 1;
    p.walker_release_cycles = release_cycles;
    bench b(p);
    b.master.script = {{10'000, 0x1000}, {10'000, 0x2000}};
    b.run();
    return b.master.seen[1].answered_ps - b.master.seen[0].answered_ps;
}

TEST(engine, a_walker_takes_the_next_walk_when_it_has_answered) {
    EXPECT_EQ(second_miss_ps(0), ram_ps); // one level after the other
}

TEST(engine, a_walker_takes_the_next_walk_when_its_release_time_is_over) {
    EXPECT_EQ(second_miss_ps(40), ram_ps + 40 * clock_ps);
}

/// One walker; a miss waits for it when an access to a page that the TLB knows arrives, of a requester that need not
/// keep the others' order.
std::uint64_t hit_behind_a_waiting_miss_ps(bool blocking) {
    iommu_parameters p = small();
    p.walkers = 1;
    p.micro_tlb.entries = 0;
    p.order = access_order::per_requester;
    p.blocking_misses = blocking;
    bench b(p);
    b.master.script = {{.at_ps = 10'000, .address = 0x1000, .source = 2},
                       {.at_ps = 500'000, .address = 0x2000},
                       {.at_ps = 501'000, .address = 0x3000},
                       {.at_ps = 502'000, .address = 0x1000, .source = 2}};
    b.run();
    return b.latency(3);
}

TEST(engine, a_hit_passes_a_miss_that_waits_for_a_walker) {
    EXPECT_LE(hit_behind_a_waiting_miss_ps(false), ram_ps + 20 * clock_ps);
}

TEST(engine, with_blocking_misses_a_hit_waits_with_a_miss_that_has_no_walker) {
    EXPECT_GE(hit_behind_a_waiting_miss_ps(true), 2 * ram_ps); // the walk of 0x2000 first
}

TEST(engine, with_blocking_misses_no_page_is_walked_twice) {
    iommu_parameters p = small();
    p.walkers = 2;
    p.micro_tlb.entries = 0;
    p.blocking_misses = true;
    bench b(p);
    for (unsigned n = 0; n < 32; ++n)
        b.master.script.push_back({10'000, 0x1000ULL * (n % 8)});
    b.run();
    EXPECT_EQ(b.tables.counted().reads, 8U);
    for (const auto& o : b.master.seen)
        EXPECT_EQ(o.status, tlm::TLM_OK_RESPONSE);
}

/// One walker; the second miss finds it busy. How long after the first it was answered.
std::uint64_t second_miss_with_retries_ps(bool writes, unsigned retry_cycles) {
    iommu_parameters p = small();
    p.walkers = 1;
    p.read_retry_cycles = retry_cycles;
    bench b(p);
    b.master.script = {{10'000, 0x1000, writes}, {10'000, 0x2000, writes}};
    b.run();
    return b.master.seen[1].answered_ps - b.master.seen[0].answered_ps;
}

TEST(engine, a_read_that_finds_no_walker_looks_up_again_after_half_to_one_and_a_half_of_its_pause) {
    const std::uint64_t took = second_miss_with_retries_ps(false, 200);
    EXPECT_GE(took, 100 * clock_ps);                 // it does not see that the walker is free before
    EXPECT_LE(took, (300 + 10) * clock_ps + ram_ps); // and then walks
}

TEST(engine, a_write_that_finds_no_walker_queues_whatever_reads_do) {
    EXPECT_EQ(second_miss_with_retries_ps(true, 200), ram_ps);
}

TEST(engine, a_read_that_hits_passes_a_read_that_looks_up_again) {
    iommu_parameters p = small();
    p.walkers = 1;
    p.micro_tlb.entries = 0;
    p.order = access_order::per_requester;
    p.blocking_misses = true; // holds up writes alone
    p.read_retry_cycles = 20;
    bench b(p);
    b.master.script = {{.at_ps = 10'000, .address = 0x1000, .source = 2},
                       {.at_ps = 500'000, .address = 0x2000},
                       {.at_ps = 501'000, .address = 0x3000},
                       {.at_ps = 502'000, .address = 0x1000, .source = 2}};
    b.run();
    EXPECT_LE(b.latency(3), ram_ps + 20 * clock_ps);
}

TEST(engine, writes_that_keep_every_walker_busy_do_not_keep_a_read_out_for_ever) {
    iommu_parameters p = small();
    p.walkers = 1;
    p.order = access_order::per_requester;
    p.read_retry_cycles = 2;
    bench b(p);
    for (unsigned n = 0; n < 400; ++n) // the walker takes fifty cycles, a write comes each ten
        b.master.script.push_back({10'000 + 10'000ULL * n, 0x1000ULL * (n + 1), true});
    b.master.script.insert(b.master.script.begin() + 20, {.at_ps = 205'000, .address = 0x1ff000, .source = 2});
    b.run();
    EXPECT_LT(b.master.seen[20].answered_ps, b.master.seen[400].answered_ps);
}

TEST(engine, with_a_bound_of_its_own_a_read_waits_while_others_have_room) {
    iommu_parameters p = small();
    p.port_reads = 1;
    bench b(p);
    b.master.script = {{10'000, 0x1000}, {20'000, 0x1040, true}, {30'000, 0x1080}};
    b.run();
    EXPECT_LT(b.master.seen[1].request_taken_ps, b.master.seen[0].answered_ps);
    EXPECT_GE(b.master.seen[2].request_taken_ps, b.master.seen[0].answered_ps);
}

/// A TLB of two entries that knows two pages; a third page's walk is under way when the older of them is wanted again.
std::uint64_t reads_of_tables(bool reserves) {
    iommu_parameters p = small();
    p.micro_tlb.entries = 0;
    p.tlb = {.entries = 2, .ways = 0, .policy = replacement::lru, .latency_cycles = 3};
    p.tlb_reserves = reserves;
    bench b(p);
    b.master.script = {{10'000, 0x1000}, {500'000, 0x2000}, {1'000'000, 0x3000}, {1'020'000, 0x1000}};
    b.run();
    return b.tables.counted().reads;
}

TEST(engine, a_walk_takes_its_entry_of_the_tlb_when_it_ends) {
    EXPECT_EQ(reads_of_tables(false), 3U);
}

TEST(engine, a_walk_that_reserves_takes_its_entry_of_the_tlb_when_it_begins) {
    EXPECT_EQ(reads_of_tables(true), 4U);
}

TEST(engine, a_reserved_entry_serves_no_access_and_is_given_back) {
    iommu_parameters p = small();
    p.micro_tlb.entries = 0;
    p.tlb = {.entries = 4, .ways = 0, .policy = replacement::lru, .latency_cycles = 3};
    p.tlb_reserves = true;
    bench b(p);
    for (unsigned round = 0; round < 2; ++round)
        for (unsigned n = 0; n < 4; ++n)
            b.master.script.push_back({10'000 + 500'000ULL * (4 * round + n), 0x1000ULL * (n + 1)});
    b.run();
    EXPECT_EQ(b.tables.counted().reads, 4U); // all four entries are there for translations afterwards
    for (const auto& o : b.master.seen)
        EXPECT_EQ(o.status, tlm::TLM_OK_RESPONSE);
}

TEST(engine, accesses_of_a_port_reach_memory_in_order) {
    bench b;
    b.master.script = {{10'000, 0x1000}, {500'000, 0x9000, true}, {500'000, 0x1000, true}};
    b.run();
    EXPECT_EQ(b.master.order, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(engine, other_requesters_pass_when_order_is_per_requester) {
    iommu_parameters p = small();
    p.order = access_order::per_requester;
    bench b(p);
    b.master.script = {{10'000, 0x1000, false, 64, 2}, {500'000, 0x9000, true, 64, 1}, {500'000, 0x1000, true, 64, 2}};
    b.run();
    EXPECT_EQ(b.master.order, (std::vector<std::size_t>{0, 2, 1}));
}

TEST(engine, an_access_across_pages_is_split_and_rejoined) {
    bench b;
    b.map(1, 40, true);
    b.map(2, 7, true);
    for (unsigned n = 0; n < 64; ++n) {
        const auto v = static_cast<unsigned char>(n);
        b.ram.store().write(n < 32 ? data + (40 << 12) + 0xfe0 + n : data + (7 << 12) + n - 32, &v, 1);
    }
    b.master.script = {{10'000, 0x1fe0, false, 64}};
    b.run();
    ASSERT_EQ(b.master.seen[0].status, tlm::TLM_OK_RESPONSE);
    for (unsigned n = 0; n < 64; ++n)
        EXPECT_EQ(b.master.seen[0].bytes[n], n);
}

TEST(engine, the_second_page_of_an_access_may_fault) {
    bench b;
    b.map(2, 0, true, false, false);
    b.master.script = {{10'000, 0x1fe0, false, 64}, {20'000, 0x1000}};
    b.run();
    EXPECT_EQ(b.master.seen[0].status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    EXPECT_EQ(b.master.seen[1].status, tlm::TLM_OK_RESPONSE);
}

TEST(engine, a_full_port_holds_back_end_req) {
    iommu_parameters p = small();
    p.port_outstanding = 2;
    bench b(p);
    for (unsigned n = 0; n < 3; ++n)
        b.master.script.push_back({10'000, 0x1000ULL * (n + 1)});
    b.run();
    EXPECT_LT(b.master.seen[1].request_taken_ps, b.master.seen[0].answered_ps);
    EXPECT_GE(b.master.seen[2].request_taken_ps, b.master.seen[0].answered_ps);
}

TEST(engine, a_synchronisation_waits_for_accesses_that_used_the_old_translation) {
    bench b;
    b.master.script = {{10'000, 0x1000}, {500'000, 0x1000}};
    std::uint64_t synced_ps = 0;
    b.run([&](software& s) {
        sc_core::wait(sc_time(505'000.0, sc_core::SC_PS)); // the second access is in memory now
        s.write(flat::INVALIDATE, 0x1000);
        while (s.read(flat::SYNC) == 0)
            sc_core::wait(sc_time(500.0, sc_core::SC_PS));
        synced_ps = sc_core::sc_time_stamp().value();
    });
    EXPECT_GE(synced_ps + clock_ps, b.master.seen[1].answered_ps);
    EXPECT_GT(synced_ps, 505'000 + 40'000U);
}

TEST(engine, after_a_synchronisation_nothing_goes_to_the_old_place) {
    // pages are remapped under fire: every access that begins after SYNC must land at the new place
    for (int late = 0; late < 2; ++late) {
        bench b;
        for (unsigned n = 0; n < 600; ++n)
            b.master.script.push_back({10'000 + 1'000ULL * n, 0x3000 + 8ULL * n, true, 8});
        std::uint64_t synced_ps = 0;
        b.run([&](software& s) {
            sc_core::wait(sc_time(200'000.0, sc_core::SC_PS));
            b.map(3, 99, true);
            b.map(4, 100, true);
            s.write(flat::INVALIDATE, ~0ULL);
            while (s.read(flat::SYNC) == 0)
                sc_core::wait(sc_time(100.0, sc_core::SC_PS));
            synced_ps = sc_core::sc_time_stamp().value();
        });
        ASSERT_NE(synced_ps, 0U);
        unsigned after = 0;
        for (unsigned n = 0; n < 600; ++n)
            if (b.master.seen[n].begun_ps >= synced_ps) {
                ++after;
                const std::uint64_t a = 0x3000 + 8ULL * n;
                unsigned char v = 0;
                b.ram.store().read(data + ((99 + (a >> 12) - 3) << 12) + (a & 0xfff), &v, 1);
                EXPECT_EQ(v, 0xab) << n;
                b.ram.store().read(data + a, &v, 1);
                EXPECT_EQ(v, 0) << n;
            }
        EXPECT_GT(after, 100U);
        return; // one simulation a process
    }
}

TEST(engine, a_stalled_access_waits_for_its_verdict_and_does_not_hold_up_a_synchronisation) {
    bench b;
    b.map(5, 5, false, true, true);
    b.master.script = {{10'000, 0x5000, true}, {10'000, 0x6000, true}};
    std::uint64_t synced_ps = 0;
    b.run([&](software& s) {
        sc_core::wait(sc_time(1'000'000.0, sc_core::SC_PS));
        ASSERT_EQ(b.iommu.stall_tags.size(), 1U);
        s.write(flat::INVALIDATE, ~0ULL);
        sc_core::wait(sc_time(500'000.0, sc_core::SC_PS));
        EXPECT_EQ(s.read(flat::SYNC), 1U);
        synced_ps = sc_core::sc_time_stamp().value();
        b.map(5, 5, true);
        EXPECT_FALSE(b.iommu.resume_stalled(b.iommu.stall_tags[0], 99, stall_verdict::retry));
        EXPECT_TRUE(b.iommu.resume_stalled(b.iommu.stall_tags[0], 1, stall_verdict::retry));
    });
    EXPECT_EQ(b.master.seen[0].status, tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(b.master.seen[1].status, tlm::TLM_OK_RESPONSE);
    EXPECT_GT(b.master.seen[0].answered_ps, synced_ps);
    EXPECT_EQ(b.master.order, (std::vector<std::size_t>{0, 1}));
}

TEST(engine, a_stalled_access_can_be_ended) {
    bench b;
    b.map(5, 5, false, true, true);
    b.master.script = {{10'000, 0x5000, true}, {10'000, 0x6000, true}};
    b.run([&](software&) {
        sc_core::wait(sc_time(1'000'000.0, sc_core::SC_PS));
        b.iommu.terminate_stalled(1, stall_verdict::abort);
    });
    EXPECT_EQ(b.master.seen[0].status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    EXPECT_EQ(b.master.seen[1].status, tlm::TLM_OK_RESPONSE);
}

TEST(engine, a_hint_walks_as_an_access_does_and_reports_nothing) {
    iommu_parameters p = small();
    p.walkers = 1;
    bench b(p);
    b.map(7, 7, false, true, true);
    b.map(9, 9, true, false, false);
    b.master.script = {{130'000, 0x5000}, {500'000, 0x5040}, {600'000, 0x8000}, {900'000, 0x6000}};
    const auto hint = [&](std::uint64_t address, bool write = false) {
        access a;
        a.address = address;
        a.length_bytes = 1;
        a.source_id = 1;
        a.write = write;
        b.iommu.prefetch(a);
    };
    b.run([&](software& s) {
        const auto at = [](double ps) { sc_core::wait(sc_time(ps, sc_core::SC_PS) - sc_core::sc_time_stamp()); };
        at(100'000);
        hint(0x5000);
        at(300'000);
        EXPECT_EQ(b.tables.counted().reads, 1U) << "the first access waited for the hint's walk";
        at(610'000);
        hint(0x6000); // the only walker is taken
        at(700'000);
        hint(0x7000, true);
        at(800'000);
        hint(0x9000);
        at(850'000);
        EXPECT_EQ(s.read(flat::FAULTS), 0U);
        EXPECT_TRUE(b.iommu.stall_tags.empty());
    });
    const std::uint64_t hit = (1 + 1) * clock_ps + ram_ps, tlb_hit = hit + (8 + 3) * clock_ps;
    EXPECT_GT(b.latency(0), tlb_hit);
    EXPECT_LT(b.latency(0), tlb_hit + ram_ps) << "the walk was under way";
    EXPECT_EQ(b.latency(1), hit);
    EXPECT_EQ(b.latency(3), tlb_hit);
    EXPECT_EQ(b.tables.counted().reads, 5U);
    EXPECT_TRUE(b.iommu.idle());
}

TEST(engine, a_hint_fills_nothing_that_was_invalidated_under_way) {
    bench b;
    b.master.script = {{500'000, 0x5000}};
    b.run([&](software& s) {
        access a;
        a.address = 0x5000;
        a.source_id = 1;
        b.iommu.prefetch(a);
        sc_core::wait(sc_time(30'000.0, sc_core::SC_PS)); // the entry has been asked for
        s.write(flat::INVALIDATE, 0x5000);
    });
    EXPECT_EQ(b.tables.counted().reads, 2U);
}

/// What the walks of each access read, by the address of the access. Each walk of flat_iommu reads one entry, if any.
struct walks_seen {
    explicit walks_seen(iommu& watched) {
        watched.on_access([this](const answered_access& done) {
            for (const walk_reads& walk : done.walks)
                of[done.what.address].push_back(walk);
        });
    }
    static walk_reads entry(std::uint64_t page) { return {{table + 8 * page, 8}}; }
    std::map<std::uint64_t, std::vector<walk_reads>> of;
    using walks = std::vector<walk_reads>;
};

TEST(engine, an_observer_is_told_what_each_walk_of_each_access_read) {
    bench b;
    b.map(6, 6, false, true, true);
    b.master.script = {{10'000, 0x1000},  {10'000, 0x2000},  {10'000, 0x2040},
                       {500'000, 0x1000}, {600'000, 0x3fe0}, {700'000, 0x6000, true}};
    walks_seen seen(b.iommu);
    b.run([&](software&) {
        sc_core::wait(sc_time(1'000'000.0, sc_core::SC_PS));
        b.map(6, 6, true);
        b.iommu.resume_stalled(b.iommu.stall_tags.at(0), 1, stall_verdict::retry);
    });
    using walks = walks_seen::walks;
    EXPECT_EQ(seen.of[0x1000], walks{seen.entry(1)}) << "the second access is a hit";
    EXPECT_EQ(seen.of[0x2000], walks{seen.entry(2)}) << "under way together with the walk of another page";
    EXPECT_EQ(seen.of[0x2040], walks{{}}) << "another access's walk read for it";
    EXPECT_EQ(seen.of[0x3fe0], (walks{seen.entry(3), seen.entry(4)}));
    EXPECT_EQ(seen.of[0x6000], (walks{seen.entry(6), seen.entry(6)})) << "before and after the stall";
}

TEST(engine, hits_allocate_nothing_cycle_approximate) {
    bench b;
    std::size_t taken = ~std::size_t{0};
    for (unsigned n = 0; n < 6000; ++n)
        b.master.script.push_back({10'000 + 1'000ULL * n, 0x1000ULL * (n % 4) + 64ULL * (n / 4 % 64)});
    b.master.order.reserve(6000);
    b.run([&](software&) {
        sc_core::wait(sc_time(3'000'000.0, sc_core::SC_PS));
        b.master.keep_data = false;
        const std::size_t before = heap_allocations();
        sc_core::wait(sc_time(2'000'000.0, sc_core::SC_PS));
        taken = heap_allocations() - before;
        b.master.keep_data = true;
    });
    EXPECT_EQ(taken, 0U);
    EXPECT_EQ(b.master.order.size(), 6000U);
}

struct loose_bench : bench {
    loose_bench() : bench(loose(small())) {}
    static iommu_parameters loose(iommu_parameters p) {
        p.mode = simulation_mode::loosely_timed;
        return p;
    }
    tlm::tlm_response_status access(std::uint64_t address, bool write, void* bytes, unsigned length, sc_time& delay) {
        auto& p = pool.acquire(length);
        p.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(address);
        p.set_data_ptr(static_cast<unsigned char*>(bytes));
        p.side.source_id = 1;
        master.socket->b_transport(p, delay);
        const auto status = p.get_response_status();
        EXPECT_EQ(p.get_address(), address);
        p.release();
        return status;
    }
    payload_pool<int> pool;
};

TEST(engine, loosely_timed_latency_is_the_same_sum) {
    loose_bench b;
    b.run([&](software&) {
        unsigned char bytes[64];
        const std::uint64_t hit = (1) * clock_ps + ram_ps;
        sc_time delay;
        EXPECT_EQ(b.access(0x1000, false, bytes, 64, delay), tlm::TLM_OK_RESPONSE);
        EXPECT_EQ(delay.value(), hit + 11 * clock_ps + ram_ps);
        delay = sc_core::SC_ZERO_TIME;
        b.access(0x1040, false, bytes, 64, delay);
        EXPECT_EQ(delay.value(), hit);
    });
}

TEST(engine, loosely_timed_an_observer_is_told_the_same_reads) {
    loose_bench b;
    b.map(6, 6, false, true, true);
    walks_seen seen(b.iommu);
    b.run([&](software&) {
        unsigned char bytes[64];
        sc_time delay;
        for (const std::uint64_t address : {0x1000, 0x1000, 0x3fe0})
            b.access(address, false, bytes, 64, delay);
        sc_core::sc_spawn([&] {
            sc_core::wait(sc_time(1'000'000.0, sc_core::SC_PS));
            b.map(6, 6, true);
            b.iommu.resume_stalled(b.iommu.stall_tags.at(0), 1, stall_verdict::retry);
        });
        b.access(0x6000, true, bytes, 64, delay);
        b.iommu.on_access({});
        b.access(0x7000, false, bytes, 64, delay);
    });
    using walks = walks_seen::walks;
    EXPECT_EQ(seen.of[0x1000], walks{seen.entry(1)});
    EXPECT_EQ(seen.of[0x3fe0], (walks{seen.entry(3), seen.entry(4)}));
    EXPECT_EQ(seen.of[0x6000], (walks{seen.entry(6), seen.entry(6)}));
    EXPECT_EQ(seen.of.count(0x7000), 0U);
}

TEST(engine, hits_allocate_nothing_loosely_timed) {
    loose_bench b;
    b.run([&](software&) {
        unsigned char bytes[64];
        sc_time delay;
        for (unsigned n = 0; n < 100; ++n)
            b.access(0x1000 + 64 * (n % 64), false, bytes, 64, delay);
        const std::size_t before = heap_allocations();
        for (unsigned n = 0; n < 1000; ++n)
            b.access(0x1000 + 64 * (n % 64), false, bytes, 64, delay);
        EXPECT_EQ(heap_allocations() - before, 0U);
    });
}

TEST(engine, loosely_timed_split_and_fault) {
    loose_bench b;
    b.map(1, 40, true);
    b.map(2, 7, true);
    b.map(3, 3, true, false, false);
    b.run([&](software&) {
        unsigned char bytes[64] = {}, back[64];
        for (unsigned n = 0; n < 64; ++n)
            bytes[n] = static_cast<unsigned char>(n);
        sc_time delay;
        EXPECT_EQ(b.access(0x1fe0, true, bytes, 64, delay), tlm::TLM_OK_RESPONSE);
        b.ram.store().read(data + (7 << 12), back, 32);
        EXPECT_EQ(std::memcmp(back, bytes + 32, 32), 0);
        EXPECT_EQ(b.access(0x2ff0, true, bytes, 64, delay), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    });
}

TEST(engine, direct_pointers_stay_inside_the_run_of_pages_and_are_taken_back) {
    loose_bench b;
    for (unsigned n = 0; n < 4; ++n)
        b.map(16 + n, 32 + n, n != 3);
    b.map(20, 80, true);
    b.run([&](software& s) {
        auto& p = b.pool.acquire(8);
        p.set_command(tlm::TLM_READ_COMMAND);
        p.set_address(0x10010);
        p.side.source_id = 1;
        tlm::tlm_dmi dmi;
        ASSERT_TRUE(b.master.socket->get_direct_mem_ptr(p, dmi));
        EXPECT_EQ(dmi.get_start_address(), 0x10000U);
        EXPECT_LE(dmi.get_end_address(), 0x12fffU); // the next page may not be written
        EXPECT_GE(dmi.get_end_address(), 0x10fffU);
        EXPECT_TRUE(dmi.is_read_write_allowed());
        dmi.get_dmi_ptr()[0x10] = 0x77;
        unsigned char v = 0;
        b.ram.store().read(data + (32 << 12) + 0x10, &v, 1);
        EXPECT_EQ(v, 0x77);
        p.set_address(0x13000);
        ASSERT_TRUE(b.master.socket->get_direct_mem_ptr(p, dmi));
        EXPECT_TRUE(dmi.is_read_allowed());
        EXPECT_FALSE(dmi.is_write_allowed());
        p.release();
        s.write(flat::INVALIDATE, 0x10000);
        while (s.read(flat::SYNC) == 0)
            sc_core::wait(sc_time(1'000.0, sc_core::SC_PS));
        ASSERT_FALSE(b.master.revoked.empty());
        EXPECT_LE(b.master.revoked[0].first, 0x10000U);
        EXPECT_GE(b.master.revoked[0].second, 0x10fffU);
    });
}

TEST(engine, debug_access_translates_and_leaves_no_trace) {
    bench b;
    b.map(1, 40, true);
    const unsigned char v = 0x42;
    b.ram.store().write(data + (40 << 12), &v, 1);
    b.run([&](software&) {
        payload_pool<int> pool;
        auto& p = pool.acquire(8);
        p.set_command(tlm::TLM_READ_COMMAND);
        p.set_address(0x1000);
        EXPECT_EQ(b.master.socket->transport_dbg(p), 8U);
        EXPECT_EQ(p.get_data_ptr()[0], 0x42);
        p.set_address(0x1000000000);
        EXPECT_EQ(b.master.socket->transport_dbg(p), 0U);
        p.release();
        EXPECT_TRUE(b.iommu.statistics().all().empty());
        EXPECT_EQ(b.tables.counted().reads, 0U);
        for (const auto& c : b.iommu.counters())
            EXPECT_EQ(*c.value, 0U) << c.name;
        EXPECT_EQ(sc_core::sc_time_stamp().value(), 0U);
    });
}

} // namespace
} // namespace iommulab
