// SPDX-License-Identifier: Apache-2.0
// The walk of VT-d second-stage tables made by hand: VT-d specification, "Second-Stage Paging Entries".
#include "models/pagetables/vtd_second_stage_walk.h"
#include "testbenches/harness/immediate_context.h"

#include <gtest/gtest.h>

namespace iommulab::vtd_second_stage {
namespace {

namespace e = entry;

constexpr std::uint64_t readable = e::R.make(1), writable = e::W.make(1), both = readable | writable;
constexpr std::uint64_t page_size = e::PS.make(1), accessed = e::A.make(1), dirty = e::D.make(1);

/// Four levels, and one page: table indices 0x180, 0xc0, 0x101, 0x100.
class vtd_walk : public ::testing::Test {
  protected:
    static constexpr std::uint64_t iova =
        (0x180ULL << 39) | (0xc0ULL << 30) | (0x101ULL << 21) | (0x100ULL << 12) | 0x234;
    static constexpr std::uint64_t at4 = 0x1000 + 8 * 0x180, at3 = 0x2000 + 8 * 0xc0, at2 = 0x3000 + 8 * 0x101,
                                   at1 = 0x4000 + 8 * 0x100;
    static constexpr std::uint64_t page = 0x8765'4000;

    vtd_walk() {
        r.root = 0x1000;
        r.physical_bits = 46;
        context.memory = {{at4, 0x2000 | both}, {at3, 0x3000 | both}, {at2, 0x4000 | both}, {at1, page | both}};
    }
    walk_result translate(std::uint8_t needed = rights::read, std::uint64_t address = iova, walk_caches caches = {}) {
        walk_result result;
        ok = context.run(
            walk_tables(context, r, {.address = address, .needed = needed}, result.page, result.fault, caches));
        EXPECT_EQ(ok, result.fault.kind == fault_kind::none);
        return result;
    }
    void expect_fault(fault_kind kind, unsigned level, std::uint8_t needed = rights::read) {
        const walk_result w = translate(needed);
        EXPECT_STREQ(name_of(w.fault.kind), name_of(kind));
        EXPECT_EQ(w.fault.level, level);
    }
    immediate_context context;
    regime r;
    bool ok = false;
};

TEST_F(vtd_walk, four_levels_each_read_once_and_charged_to_its_level) {
    const walk_result w = translate();
    ASSERT_TRUE(ok);
    EXPECT_EQ(w.page.output(iova), page | 0x234);
    EXPECT_EQ(w.page.allowed, rights::all);
    using transfer = immediate_context::transfer;
    EXPECT_EQ(context.reads, (std::vector<transfer>{{at4, time_part::walk_level_0},
                                                    {at3, time_part::walk_level_1},
                                                    {at2, time_part::walk_level_2},
                                                    {at1, time_part::walk_level_3}}));
}

TEST_F(vtd_walk, three_and_five_levels_take_39_and_57_bits) {
    r.levels = 3;
    r.root = 0x2000;
    constexpr std::uint64_t low = iova & ((1ULL << 39) - 1);
    EXPECT_EQ(translate(rights::read, low).page.output(low), page | 0x234);
    EXPECT_EQ(translate(rights::read, low | 1ULL << 39).fault.kind, fault_kind::beyond_width);
    r.levels = 5;
    r.root = 0x9000;
    context.memory[0x9000 + 8 * 3] = 0x1000 | both;
    const std::uint64_t wide = iova | 3ULL << 48;
    EXPECT_EQ(translate(rights::read, wide).page.output(wide), page | 0x234);
    EXPECT_EQ(translate(rights::read, wide | 1ULL << 57).fault.kind, fault_kind::beyond_width);
    EXPECT_EQ(translate(rights::read, 1ULL << 63).fault.kind, fault_kind::beyond_width);
}

TEST_F(vtd_walk, large_pages_where_the_unit_has_them) {
    context.memory[at2] = 0x4000'0000 | page_size | both;
    EXPECT_EQ(translate().page.output(iova), 0x4000'0000 | (iova & 0x1f'ffff));
    context.memory[at3] = 0x8000'0000 | page_size | both;
    EXPECT_EQ(translate().page.output(iova), 0x8000'0000 | (iova & 0x3fff'ffff));
    r.pages_1g = false;
    expect_fault(fault_kind::reserved, 3);
    context.memory[at3] = 0x3000 | both;
    r.pages_2m = false;
    expect_fault(fault_kind::reserved, 2);
}

TEST_F(vtd_walk, reserved_bits_fault_at_their_level) {
    const auto with = [&](std::uint64_t at, std::uint64_t bits, unsigned level) {
        const std::uint64_t before = context.memory[at];
        context.memory[at] |= bits;
        expect_fault(fault_kind::reserved, level);
        context.memory[at] = before;
    };
    with(at4, page_size, 4);
    with(at4, 1ULL << 46, 4);
    with(at2, 1ULL << 51, 2);
    with(at1, 1ULL << 46, 1);
    with(at2, e::SNP.make(1), 2);
    with(at1, e::SNP.make(1), 1);
    with(at1, e::TM.make(1), 1);
    with(at2, page_size | 1ULL << 12, 2);
    with(at3, page_size | 1ULL << 29, 3);
    r.snoop_control = r.transient_mapping = true;
    with(at2, e::SNP.make(1), 2); // of leaves alone
    context.memory[at1] |= e::SNP.make(1) | e::TM.make(1) | 0xbff0'0000'0000'0778;
    EXPECT_TRUE((translate(), ok)); // with ignored bits
}

TEST_F(vtd_walk, rights_need_every_entry_and_none_at_all_is_not_present) {
    for (const std::uint64_t at : {at4, at3, at2, at1}) {
        const std::uint64_t before = context.memory[at];
        context.memory[at] = before & ~writable;
        expect_fault(fault_kind::permission, 1, rights::write);
        EXPECT_EQ(translate().page.allowed & rights::writes, 0);
        context.memory[at] = before & ~readable;
        expect_fault(fault_kind::permission, 1, rights::read);
        EXPECT_TRUE((translate(rights::write), ok));
        context.memory[at] = before;
    }
    context.memory[at3] = ~both & ~e::X.make(1); // reserved bits of what is not there don't count
    expect_fault(fault_kind::permission, 3);
}

TEST_F(vtd_walk, execution_is_a_right_of_its_own_where_it_is_enabled) {
    EXPECT_TRUE((translate(rights::execute), ok));
    r.execute_enable = true;
    expect_fault(fault_kind::permission, 1, rights::execute);
    for (const std::uint64_t at : {at4, at3, at2, at1})
        context.memory[at] |= e::X.make(1);
    EXPECT_TRUE((translate(rights::execute), ok));
}

TEST_F(vtd_walk, accessed_and_dirty_are_kept_where_they_are_enabled) {
    translate(rights::write);
    EXPECT_TRUE(context.updates.empty());
    r.accessed_dirty = true;
    EXPECT_EQ(translate().page.allowed & rights::writes, 0);
    EXPECT_EQ(context.memory[at4], 0x2000 | both | accessed);
    EXPECT_EQ(context.memory[at1], page | both | accessed);
    EXPECT_NE(translate(rights::write).page.allowed & rights::writes, 0);
    EXPECT_EQ(context.memory[at1], page | both | accessed | dirty);
    context.memory[at1] = page | both;
    context.set_debug(true);
    translate(rights::write);
    EXPECT_EQ(context.memory[at1], page | both);
}

TEST_F(vtd_walk, an_entry_that_cannot_be_read_tells_whether_it_is_in_the_first_table) {
    context.memory.erase(at3);
    EXPECT_FALSE(translate().fault.first_table);
    EXPECT_EQ(translate().fault.kind, fault_kind::external_abort);
    context.memory.erase(at4);
    EXPECT_TRUE(translate().fault.first_table);
}

TEST_F(vtd_walk, caches_of_pointers_and_of_translations_are_asked_first) {
    const cache_parameters four{.entries = 4, .ways = 0};
    const std::vector<cache_parameters> shape(most_levels - 1, four);
    walk_cache_set tables(2, shape);
    second_stage_cache translations(four);
    translate(rights::read, iova, {&tables, nullptr});
    context.forget_history();
    translate(rights::read, iova, {&tables, nullptr});
    EXPECT_EQ(context.reads.size(), 1U);
    translate(rights::read, iova, {nullptr, &translations});
    context.forget_history();
    EXPECT_EQ(translate(rights::read, iova ^ 8, {nullptr, &translations}).page.output(iova), page | 0x234);
    EXPECT_TRUE(context.reads.empty());
    // pointers of tables with another number of levels are others' by their tag
    r.tag.regime = 1;
    context.forget_history();
    translate(rights::read, iova, {&tables, &translations});
    EXPECT_EQ(context.reads.size(), 4U);
}

} // namespace
} // namespace iommulab::vtd_second_stage
