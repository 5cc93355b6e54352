// SPDX-License-Identifier: Apache-2.0
// The walk of x86-64 tables made by hand: Intel SDM volume 3, "4-Level Paging and 5-Level Paging".
#include "models/pagetables/x86_64_walk.h"
#include "testbenches/harness/immediate_context.h"

#include <gtest/gtest.h>

#include <map>

namespace iommulab::x86_64 {
namespace {

namespace e = entry;

constexpr std::uint64_t table = 7, leaf = 7; // P, R/W, U/S
constexpr std::uint64_t accessed = e::A.make(1), dirty = e::D.make(1), page_size = e::PS.make(1);

access reading(std::uint64_t address) {
    access a;
    a.address = address;
    return a;
}
access writing(std::uint64_t address) {
    access a = reading(address);
    a.write = true;
    return a;
}
access fetching(std::uint64_t address) {
    access a = reading(address);
    a.instruction = true;
    return a;
}
access privileged(access a) {
    a.privileged = true;
    return a;
}

/// Adds a constant to intermediate addresses, and refuses what it is told to.
struct offset_stage final : second_stage {
    std::uint64_t offset = 0;
    std::map<std::uint64_t, use> refused; ///< by page: what it refuses there
    std::uint8_t log2_size = 12;
    std::vector<std::pair<std::uint64_t, use>> asked;

    walk<bool> translate(walk_context&, std::uint64_t address, std::uint8_t, use what, translation& page) override {
        asked.emplace_back(address, what);
        const auto found = refused.find(address & ~std::uint64_t{0xfff});
        if (found != refused.end() && found->second == what)
            co_return false;
        page.log2_size = log2_size;
        page.input_base = address & ~page.offset_mask();
        page.output_base = page.input_base + offset;
        page.allowed = rights::all;
        co_return true;
    }
};

/// Four levels, and one page: table indices 0x80, 0xc0, 0x101, 0x100.
class x86_64_walk : public ::testing::Test {
  protected:
    static constexpr std::uint64_t va = (0x80ULL << 39) | (0xc0ULL << 30) | (0x101ULL << 21) | (0x100ULL << 12) | 0x234;
    static constexpr std::uint64_t at4 = 0x1000 + 8 * 0x80, at3 = 0x2000 + 8 * 0xc0, at2 = 0x3000 + 8 * 0x101,
                                   at1 = 0x4000 + 8 * 0x100;
    static constexpr std::uint64_t page = 0x8765'4000;

    x86_64_walk() {
        r.root = 0x1000;
        r.physical_bits = 46;
        context.memory = {{at4, 0x2000 | table | accessed},
                          {at3, 0x3000 | table | accessed},
                          {at2, 0x4000 | table | accessed},
                          {at1, page | leaf | accessed | dirty}};
    }
    walk_result translate(const access& a, walk_cache_set* caches = nullptr, second_stage* behind = nullptr) {
        walk_result result;
        ok = context.run(walk_tables(context, r, a, result, caches, behind));
        EXPECT_EQ(ok, result.fault.kind == fault_kind::none);
        return result;
    }
    void expect_fault(const access& a, fault_kind kind, unsigned level) {
        const walk_result w = translate(a);
        EXPECT_STREQ(name_of(w.fault.kind), name_of(kind));
        EXPECT_EQ(w.fault.level, level);
    }
    immediate_context context;
    regime r;
    bool ok = false;
};

TEST_F(x86_64_walk, four_levels_each_read_once_and_charged_to_its_level) {
    const walk_result w = translate(reading(va));
    ASSERT_TRUE(ok);
    EXPECT_EQ(w.page.output(va), page | 0x234);
    EXPECT_EQ(w.page.log2_size, 12);
    using transfer = immediate_context::transfer;
    EXPECT_EQ(context.reads, (std::vector<transfer>{{at4, time_part::walk_level_0},
                                                    {at3, time_part::walk_level_1},
                                                    {at2, time_part::walk_level_2},
                                                    {at1, time_part::walk_level_3}}));
    EXPECT_TRUE(context.updates.empty());
}

TEST_F(x86_64_walk, the_answer_is_the_same_when_reads_take_time) {
    context.suspends = true;
    r.step_cycles = 3;
    EXPECT_EQ(translate(reading(va)).page.output(va), page | 0x234);
    EXPECT_EQ(context.cycles, 12U); // for each entry that was read
}

TEST_F(x86_64_walk, five_levels_take_57_bits) {
    constexpr std::uint64_t wide = va | 0x55ULL << 48;
    expect_fault(reading(wide), fault_kind::not_canonical, 0);
    r.levels = 5;
    r.root = 0x9000;
    context.memory[0x9000 + 8 * 0x55] = 0x1000 | table | accessed;
    EXPECT_EQ(translate(reading(wide)).page.output(wide), page | 0x234);
    EXPECT_EQ(context.reads.size(), 5U);
    expect_fault(reading(wide | 1ULL << 57), fault_kind::not_canonical, 0);
}

TEST_F(x86_64_walk, canonical_addresses_repeat_their_highest_bit) {
    context.memory[0x1000 + 8 * 0x180] = 0x2000 | table;
    const std::uint64_t high = 0xffff'0000'0000'0000 | va | 0x100ULL << 39;
    EXPECT_EQ(translate(reading(high)).page.output(high), page | 0x234);
    for (const std::uint64_t wrong : {va | 1ULL << 48, va | 1ULL << 63, high ^ 1ULL << 55, va | 0x100ULL << 39})
        expect_fault(reading(wrong), fault_kind::not_canonical, 0);
}

TEST_F(x86_64_walk, large_pages_keep_the_offset_and_bit_12_is_PAT) {
    context.memory[at2] = 0x4000'0000 | e::large_PAT.make(1) | page_size | leaf | accessed | dirty;
    walk_result w = translate(reading(va));
    ASSERT_TRUE(ok);
    EXPECT_EQ(w.page.log2_size, 21);
    EXPECT_EQ(w.page.output(va), 0x4000'0000 | (va & 0x1f'ffff));
    context.memory[at3] = 0x8000'0000 | page_size | leaf | accessed | dirty;
    w = translate(reading(va));
    EXPECT_EQ(w.page.log2_size, 30);
    EXPECT_EQ(w.page.output(va), 0x8000'0000 | (va & 0x3fff'ffff));
    r.pages_1g = false;
    expect_fault(reading(va), fault_kind::reserved, 3);
}

TEST_F(x86_64_walk, reserved_bits_fault_at_their_level_and_those_not_present_do_not_count) {
    const auto with = [&](std::uint64_t at, std::uint64_t bits, unsigned level) {
        const std::uint64_t before = context.memory[at];
        context.memory[at] |= bits;
        expect_fault(reading(va), fault_kind::reserved, level);
        context.memory[at] = before;
    };
    with(at4, page_size, 4);
    with(at4, 1ULL << 46, 4);
    with(at3, 1ULL << 51, 3);
    with(at1, 1ULL << 46, 1);
    with(at2, page_size | 1ULL << 13, 2);
    with(at3, page_size | 1ULL << 29, 3);
    r.reserved = 1ULL << 9;
    with(at1, 1ULL << 9, 1);
    r.reserved = 0;
    r.no_execute = false;
    with(at1, e::XD.make(1), 1);
    context.memory[at1] = ~std::uint64_t{1};
    expect_fault(reading(va), fault_kind::not_present, 1);
    context.memory[at1] = page | leaf | 0x7ff0'0000'0000'0e18 | accessed | dirty; // ignored bits
    EXPECT_TRUE((translate(reading(va)), ok));
}

TEST_F(x86_64_walk, rights_need_every_entry_on_the_way) {
    for (const std::uint64_t at : {at4, at3, at2, at1}) {
        const std::uint64_t before = context.memory[at];
        context.memory[at] &= ~e::RW.make(1);
        expect_fault(writing(va), fault_kind::write, 1);
        EXPECT_EQ(translate(reading(va)).page.allowed & rights::writes, 0);
        context.memory[at] = before & ~e::US.make(1);
        expect_fault(reading(va), fault_kind::supervisor_page, 1);
        EXPECT_TRUE((translate(privileged(writing(va))), ok));
        context.memory[at] = before | e::XD.make(1);
        expect_fault(fetching(va), fault_kind::execute, 1);
        EXPECT_TRUE((translate(reading(va)), ok));
        context.memory[at] = before;
    }
}

TEST_F(x86_64_walk, what_binds_supervisors) {
    context.memory[at1] &= ~e::RW.make(1);
    expect_fault(privileged(writing(va)), fault_kind::write, 1);
    r.write_protect = false;
    EXPECT_TRUE((translate(privileged(writing(va))), ok));
    expect_fault(writing(va), fault_kind::write, 1);
    EXPECT_TRUE((translate(privileged(fetching(va))), ok));
    r.supervisor_execute_prevention = true;
    expect_fault(privileged(fetching(va)), fault_kind::execute, 1);
    EXPECT_TRUE((translate(fetching(va)), ok));
}

TEST_F(x86_64_walk, accessed_is_set_on_the_way_and_dirty_by_a_write_alone) {
    for (const std::uint64_t at : {at4, at3, at2, at1})
        context.memory[at] &= ~(accessed | dirty);
    EXPECT_EQ(translate(reading(va)).page.allowed & rights::writes, 0); // clean: the first write walks
    EXPECT_EQ(context.updates.size(), 4U);
    EXPECT_EQ(context.memory[at1], page | leaf | accessed);
    context.forget_history();
    EXPECT_NE(translate(writing(va)).page.allowed & rights::write, 0);
    EXPECT_EQ(context.updates.size(), 1U);
    EXPECT_EQ(context.memory[at1], page | leaf | accessed | dirty);
    EXPECT_EQ(context.memory[at2], 0x4000 | table | accessed);
}

TEST_F(x86_64_walk, extended_accessed_goes_with_accessed) {
    r.extended_accessed = true;
    translate(reading(va));
    EXPECT_EQ(context.memory[at4], 0x2000 | table | accessed | e::EA.make(1));
}

TEST_F(x86_64_walk, a_refused_access_and_a_debug_access_leave_the_leaf_alone) {
    context.memory[at1] = page | (leaf & ~e::RW.make(1));
    expect_fault(writing(va), fault_kind::write, 1);
    EXPECT_EQ(context.memory[at1], page | (leaf & ~e::RW.make(1)));
    context.memory[at1] = page | leaf;
    context.set_debug(true);
    EXPECT_TRUE((translate(writing(va)), ok));
    EXPECT_EQ(context.memory[at1], page | leaf);
}

TEST_F(x86_64_walk, software_that_is_faster_is_judged_by_what_it_wrote) {
    context.memory[at1] = page | leaf;
    context.before_transfer = [&](const memory_request& m) {
        if (m.what == memory_request::kind::compare_swap && m.address == at1)
            context.memory[at1] = 0;
    };
    expect_fault(reading(va), fault_kind::not_present, 1);
    EXPECT_EQ(context.memory[at1], 0U);
}

TEST_F(x86_64_walk, an_entry_that_cannot_be_read_tells_whether_it_is_in_the_first_table) {
    context.memory.erase(at3);
    walk_result w = translate(reading(va));
    EXPECT_EQ(w.fault.kind, fault_kind::external_abort);
    EXPECT_EQ(w.fault.address, at3);
    EXPECT_FALSE(w.fault.first_table);
    context.memory.erase(at4);
    w = translate(reading(va));
    EXPECT_EQ(w.fault.level, 4);
    EXPECT_TRUE(w.fault.first_table);
}

TEST_F(x86_64_walk, G_counts_where_the_regime_says_so) {
    context.memory[at1] |= e::G.make(1);
    EXPECT_FALSE(translate(reading(va)).page.global);
    r.globals = true;
    EXPECT_TRUE(translate(reading(va)).page.global);
}

TEST_F(x86_64_walk, caches_of_pointers_begin_the_walk_further_down_with_the_rights_above) {
    const cache_parameters four{.entries = 4, .ways = 0};
    const std::vector<cache_parameters> shape(most_levels - 1, four);
    walk_cache_set caches(0, shape);
    context.memory[at4] &= ~e::RW.make(1);
    translate(reading(va), &caches);
    context.forget_history();
    const walk_result w = translate(reading(va), &caches);
    EXPECT_EQ(context.reads.size(), 1U);
    EXPECT_EQ(context.reads[0].part, time_part::walk_level_3);
    EXPECT_EQ(w.page.allowed & rights::writes, 0); // level 4 forbids writing
    context.invalidations.push_back({});
    caches.clear();
    translate(reading(va), &caches);
    context.forget_history();
    translate(reading(va), &caches); // what an invalidation covers was not kept
    EXPECT_EQ(context.reads.size(), 4U);
}

TEST_F(x86_64_walk, nested_every_address_goes_through_the_second_stage) {
    offset_stage behind;
    behind.offset = 0x10'0000;
    std::unordered_map<std::uint64_t, std::uint64_t> moved;
    for (const auto& [address, word] : context.memory)
        moved[address + 0x10'0000] = word;
    context.memory = moved;
    const walk_result w = translate(reading(va), nullptr, &behind);
    ASSERT_TRUE(ok);
    EXPECT_EQ(w.page.output(va), (page | 0x234) + 0x10'0000);
    using use = second_stage::use;
    EXPECT_EQ(
        behind.asked,
        (std::vector<std::pair<std::uint64_t, use>>{
            {at4, use::table}, {at3, use::table}, {at2, use::table}, {at1, use::table}, {page | 0x234, use::output}}));
}

TEST_F(x86_64_walk, nested_the_smaller_page_decides) {
    offset_stage behind;
    context.memory[at2] = 0x4000'0000 | page_size | leaf | accessed | dirty;
    EXPECT_EQ(translate(reading(va), nullptr, &behind).page.log2_size, 12);
    behind.log2_size = 30;
    EXPECT_EQ(translate(reading(va), nullptr, &behind).page.log2_size, 21);
}

TEST_F(x86_64_walk, nested_what_the_second_stage_refuses_says_of_what) {
    using use = second_stage::use;
    offset_stage behind;
    const auto expect = [&](std::uint64_t address, use what, unsigned level, const access& a) {
        behind.refused = {{address & ~std::uint64_t{0xfff}, what}};
        const walk_result w = translate(a, nullptr, &behind);
        EXPECT_EQ(w.fault.kind, fault_kind::second_stage);
        EXPECT_EQ(w.fault.use, what);
        EXPECT_EQ(w.fault.level, level);
    };
    expect(at4, use::table, 4, reading(va));
    expect(at2, use::table, 2, reading(va));
    expect(page, use::output, 1, reading(va));
    context.memory[at1] = page | leaf | accessed;
    expect(at1, use::update, 1, writing(va));
}

} // namespace
} // namespace iommulab::x86_64
