// SPDX-License-Identifier: Apache-2.0
// Stage 2 of VMSAv8-64, alone and under stage 1, and the caches of both, on tables made by hand. Rule numbers: Arm ARM
// DDI 0487.
#include "models/pagetables/arm_vmsa_walk.h"
#include "testbenches/harness/immediate_context.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace iommulab::arm_vmsa {
namespace {

namespace d = descriptor;

constexpr std::uint64_t valid_table = 3, valid_page = 3, valid_block = 1;
constexpr std::uint64_t accessed = d::AF.make(1), unprivileged = d::AP_1.make(1), normal = d::MemAttr.make(15);
constexpr std::uint64_t readable = d::S2AP_0.make(1), writable = d::S2AP_1.make(1), dbm = d::DBM.make(1);
constexpr std::uint64_t ipa_page = valid_page | accessed | normal | readable | writable;

access an_access(std::uint64_t address, bool write = false) {
    access a;
    a.address = address;
    a.write = write;
    return a;
}

/// Stage 2: 4K, 40 bits from level 1, hence two tables side by side at 0x1'0000; IPAs below 1 GiB are mapped by a table
/// of pages at 0x1'3000 (first 2 MiB), and 2 MiB blocks above.
class stage_2 : public ::testing::Test {
  protected:
    static constexpr std::uint64_t root = 0x1'0000, level2 = 0x1'2000, level3 = 0x1'3000;

    stage_2() {
        second.ttb = root;
        second.output_bits = 40;
        context.memory[root] = level2 | valid_table;
        context.memory[level2] = level3 | valid_table;
        for (std::uint64_t n = 1; n < 512; ++n)
            context.memory[level2 + 8 * n] = (0x40'0000'0000 + (n << 21)) | valid_block | (ipa_page & ~3ULL);
        for (std::uint64_t n = 0; n < 512; ++n)
            context.memory[level3 + 8 * n] = 0; // absent until a test maps it
    }
    void map(std::uint64_t ipa, std::uint64_t pa, std::uint64_t bits = ipa_page) {
        context.memory[level3 + 8 * (ipa >> 12)] = pa | bits;
    }
    walk_result translate_ipa(std::uint64_t ipa, std::uint8_t needed, fault_class what = fault_class::IN) {
        walk_result r;
        const bool ok =
            context.run(walk_stage2(context, second, {ipa, needed, what, true, false}, r.page, r.fault, caches));
        EXPECT_EQ(ok, r.ok());
        return r;
    }
    immediate_context context;
    stage2_regime second;
    walk_caches caches;
};

TEST_F(stage_2, pages_blocks_and_the_level_of_time) {
    map(0x5000, 0x9000);
    walk_result r = translate_ipa(0x5678, rights::read);
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.output(0x5678), 0x9678U);
    EXPECT_EQ(r.page.allowed, rights::all);
    ASSERT_EQ(context.reads.size(), 3U);
    EXPECT_EQ(context.reads[0], (immediate_context::transfer{root, time_part::walk_level_1}));
    r = translate_ipa(0x20'1234, rights::read);
    EXPECT_EQ(r.page.output(0x20'1234), 0x40'0020'1234U);
    EXPECT_EQ(r.page.log2_size, 21);
}

// D8.2.2: 40 bits from level 1 need two tables; the index of the first level runs through both.
TEST_F(stage_2, concatenated_tables) {
    const std::uint64_t ipa = 0x80'c000'0000; // index 515 = 512 + 3
    context.memory[root + 8 * 515] = 0x7'8000'0000 | valid_block | (ipa_page & ~3ULL);
    EXPECT_EQ(translate_ipa(ipa, rights::read).page.output(ipa), 0x7'8000'0000U);
    second.ttb = root | 0x1000; // not aligned to both: the low bits don't count
    EXPECT_TRUE(translate_ipa(ipa, rights::read).ok());
    const walk_result beyond = translate_ipa(1ULL << 40, rights::read);
    EXPECT_EQ(beyond.fault.kind, fault_kind::translation);
    EXPECT_EQ(beyond.fault.level, 0);
    EXPECT_EQ(beyond.fault.ipa, 1ULL << 40);
}

TEST_F(stage_2, faults_name_stage_level_and_ipa) {
    walk_result r = translate_ipa(0x6010, rights::read, fault_class::CD);
    EXPECT_EQ(r.fault.kind, fault_kind::translation);
    EXPECT_EQ(r.fault.stage, 2);
    EXPECT_EQ(r.fault.level, 3);
    EXPECT_EQ(r.fault.ipa, 0x6010U);
    EXPECT_EQ(r.fault.what, fault_class::CD);
    map(0x6000, 0x100'0000'0000); // 41 bits
    EXPECT_EQ(translate_ipa(0x6010, rights::read).fault.kind, fault_kind::address_size);
    map(0x6000, 0x9000, ipa_page & ~accessed);
    EXPECT_EQ(translate_ipa(0x6010, rights::read).fault.kind, fault_kind::access_flag);
    second.affd = true;
    EXPECT_TRUE(translate_ipa(0x6010, rights::read).ok());
}

TEST_F(stage_2, permissions) {
    const auto allowed = [&](std::uint64_t bits) {
        map(0x5000, 0x9000, valid_page | accessed | normal | bits);
        return translate_ipa(0x5000, 0).page.allowed;
    };
    EXPECT_EQ(allowed(d::XN.make(2)), 0);
    EXPECT_EQ(allowed(readable | d::XN.make(2)), rights::reads);
    EXPECT_EQ(allowed(writable | d::XN.make(2)), rights::writes);
    EXPECT_EQ(allowed(d::XN.make(0)), rights::executes);
    EXPECT_EQ(allowed(d::XN.make(1)), rights::execute);
    EXPECT_EQ(allowed(d::XN.make(3)), rights::privileged_execute);
    second.xnx = false; // XN[0] is then ignored
    EXPECT_EQ(allowed(d::XN.make(1)), rights::executes);
    EXPECT_EQ(allowed(d::XN.make(3)), 0);
    EXPECT_EQ(translate_ipa(0x5000, rights::write).fault.kind, fault_kind::permission);
}

TEST_F(stage_2, hardware_sets_af_and_dirty_state) {
    const std::uint64_t clean = 0x9000 | valid_page | normal | readable | dbm, at = level3 + 8 * 5;
    second.ha = second.hd = true;
    context.memory[at] = clean;
    EXPECT_EQ(translate_ipa(0x5000, rights::read).page.allowed & rights::writes, 0);
    EXPECT_EQ(context.memory[at], clean | accessed);
    EXPECT_EQ(translate_ipa(0x5000, rights::write).page.allowed & rights::writes, rights::writes);
    EXPECT_EQ(context.memory[at], clean | accessed | writable);
}

TEST_F(stage_2, protected_table_walks_refuse_device_memory) {
    map(0x5000, 0x9000, ipa_page & ~normal);
    second.ptw = true;
    EXPECT_TRUE(translate_ipa(0x5000, rights::read).ok());
    EXPECT_EQ(translate_ipa(0x5000, rights::privileged_read, fault_class::TT).fault.kind, fault_kind::permission);
    second.ptw = false;
    EXPECT_TRUE(translate_ipa(0x5000, rights::privileged_read, fault_class::TT).ok());
}

/// Stage 1 on top: 4K, 39 bits (from level 1), tables at IPA 0x1000, 0x2000, 0x3000, which are PA 0x2'1000, 0x2'2000,
/// 0x2'3000.
class nested : public stage_2 {
  protected:
    static constexpr std::uint64_t va = (3ULL << 30) | (4ULL << 21) | (5ULL << 12) | 0x18;
    static constexpr std::uint64_t at1 = 0x2'1000 + 8 * 3, at2 = 0x2'2000 + 8 * 4, at3 = 0x2'3000 + 8 * 5;

    nested() {
        first.range[0] = {0x1000, 25, granule::kib_4, false, false, false};
        first.range[1].epd = true;
        first.tag = {1, 2, 0};
        second.tag = {1, 0, 0};
        for (const std::uint64_t table : {0x1000, 0x2000, 0x3000})
            map(table, table + 0x2'0000);
        context.memory[at1] = 0x2000 | valid_table;
        context.memory[at2] = 0x3000 | valid_table;
        context.memory[at3] = 0x5000 | valid_page | accessed | unprivileged;
        map(0x5000, 0x9000);
    }
    walk_result translate(const access& a) {
        walk_result r;
        const stage1_tables tables(first);
        const bool ok = context.run(walk_stage1(context, tables, a, r.page, r.fault, caches, &second));
        EXPECT_EQ(ok, r.ok());
        return r;
    }
    stage1_regime first;
};

TEST_F(nested, every_stage_1_address_is_translated) {
    const walk_result r = translate(an_access(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.output(va), 0x9018U);
    EXPECT_EQ(r.page.tag, first.tag);
    EXPECT_EQ(r.page.allowed, rights::reads | rights::writes | rights::execute); // what both stages leave
    EXPECT_EQ(context.reads.size(), 3 * (3 + 1) + 3U);
    EXPECT_EQ(context.reads[2], (immediate_context::transfer{level3 + 8 * 1, time_part::stage2_level_3}));
    EXPECT_EQ(context.reads[3], (immediate_context::transfer{at1, time_part::walk_level_1}));
}

TEST_F(nested, the_result_is_linear_in_both_stages) {
    context.memory[at2] = 0x20'0000 | valid_block | accessed | unprivileged; // 2 MiB over a 2 MiB block
    EXPECT_EQ(translate(an_access(va)).page.log2_size, 21);
    EXPECT_EQ(translate(an_access(va)).page.output(va), 0x40'0020'0000 + (va & 0x1f'ffff));
    context.memory[at2] = 0 | valid_block | accessed | unprivileged; // 2 MiB over pages
    const walk_result r = translate(an_access(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.log2_size, 12);
    EXPECT_EQ(r.page.input_base, va & ~0xfffULL);
    EXPECT_EQ(r.page.output(va), 0x9018U);
    context.memory[at3] = 0x20'3000 | valid_page | accessed | unprivileged; // a page inside a block
    context.memory[at2] = 0x3000 | valid_table;
    EXPECT_EQ(translate(an_access(va)).page.log2_size, 12);
    EXPECT_EQ(translate(an_access(va)).page.output(va), 0x40'0020'3018U);
}

TEST_F(nested, stage_2_faults_say_what_was_being_translated) {
    map(0x3000, 0, 0);
    walk_fault f = translate(an_access(va)).fault;
    EXPECT_EQ(f.kind, fault_kind::translation);
    EXPECT_EQ(f.stage, 2);
    EXPECT_EQ(f.what, fault_class::TT);
    EXPECT_EQ(f.ipa, 0x3000U + 8 * 5);
    map(0x3000, 0x2'3000);
    map(0x5000, 0x9000, ipa_page & ~writable);
    EXPECT_TRUE(translate(an_access(va)).ok());
    f = translate(an_access(va, true)).fault;
    EXPECT_EQ(f.kind, fault_kind::permission);
    EXPECT_EQ(f.what, fault_class::IN);
    EXPECT_EQ(f.ipa, 0x5018U);
    map(0x3000, 0x2'5000); // no memory there
    f = translate(an_access(va)).fault;
    EXPECT_EQ(f.kind, fault_kind::external_abort);
    EXPECT_EQ(f.stage, 1);
    EXPECT_EQ(f.what, fault_class::TT);
    EXPECT_EQ(f.fetch_address, 0x2'5000U + 8 * 5);
}

// D8.5: an update of a stage 1 descriptor is a write to the table, which stage 2 may refuse, or must mark dirty.
TEST_F(nested, an_update_of_stage_1_is_a_write_through_stage_2) {
    first.ha = true;
    context.memory[at3] &= ~accessed;
    map(0x3000, 0x2'3000, ipa_page & ~writable);
    walk_fault f = translate(an_access(va)).fault;
    EXPECT_EQ(f.kind, fault_kind::permission);
    EXPECT_EQ(f.stage, 2);
    EXPECT_EQ(f.what, fault_class::TT);
    EXPECT_TRUE(f.on_update);
    EXPECT_EQ(context.memory[at3] & accessed, 0U);

    second.ha = second.hd = true;
    map(0x3000, 0x2'3000, (ipa_page & ~writable) | dbm);
    EXPECT_TRUE(translate(an_access(va)).ok());
    EXPECT_EQ(context.memory[at3] & accessed, accessed);
    EXPECT_EQ(context.memory[level3 + 8 * 3] & writable, writable);
}

TEST_F(nested, a_page_clean_in_either_stage_is_not_writable_yet) {
    second.ha = second.hd = true;
    map(0x5000, 0x9000, (ipa_page & ~writable) | dbm);
    EXPECT_EQ(translate(an_access(va)).page.allowed & rights::writes, 0);
    EXPECT_EQ(translate(an_access(va, true)).page.allowed & rights::writes, rights::writes);
    EXPECT_EQ(translate(an_access(va)).page.allowed & rights::writes, rights::writes);
}

class cached : public nested {
  protected:
    static constexpr cache_parameters four{.entries = 4};
    std::array<cache_parameters, 3> all{four, four, four};
    walk_cache_set stage1_tables{0, all}, stage2_tables{2, all};
    second_stage_cache whole{four};
    std::size_t reads_of(const access& a) {
        context.forget_history();
        EXPECT_TRUE(translate(a).ok());
        return context.reads.size();
    }
    static invalidation of_stage(std::uint8_t stage, std::uint64_t from, std::uint64_t to) {
        invalidation i;
        i.stage = stage;
        i.first = from;
        i.last = to;
        return i;
    }
};

TEST_F(cached, the_walk_begins_at_the_deepest_table_known) {
    caches.stage1 = &stage1_tables;
    EXPECT_EQ(reads_of(an_access(va)), 15U);
    EXPECT_EQ(reads_of(an_access(va)), 3 + 1 + 3U);
    EXPECT_EQ(context.look_ups, 1U);
    EXPECT_EQ(stage1_tables.at(2).hits, 1U);
    EXPECT_EQ(stage1_tables.at(0).lookups, 0U); // the walk starts at level 1
    caches.stage2 = &stage2_tables;
    EXPECT_EQ(reads_of(an_access(va)), 3 + 1 + 1U); // the table's stage 2 from cold, the page's from its level 3 table
    EXPECT_EQ(reads_of(an_access(va)), 1 + 1 + 1U);
    caches.intermediate = &whole;
    EXPECT_EQ(reads_of(an_access(va)), 3U);
    EXPECT_EQ(reads_of(an_access(va)), 1U);
}

TEST_F(cached, attributes_of_tables_are_kept_with_the_pointer) {
    caches.stage1 = &stage1_tables;
    context.memory[at1] |= d::APTable.make(2);
    EXPECT_EQ(translate(an_access(va, true)).fault.kind, fault_kind::permission);
    EXPECT_EQ(translate(an_access(va, true)).fault.kind, fault_kind::permission);
    EXPECT_EQ(stage1_tables.at(2).hits, 1U);
}

TEST_F(cached, invalidation_by_stage_address_and_tag) {
    caches = {&stage1_tables, &stage2_tables, &whole};
    reads_of(an_access(va));
    EXPECT_EQ(stage1_tables.invalidate(of_stage(2, 0, ~0ULL)), 0U);
    EXPECT_EQ(stage1_tables.invalidate(of_stage(0, 0, (3ULL << 30) - 1)), 0U);
    invalidation other_space = of_stage(0, 0, ~0ULL);
    other_space.by_space = true;
    other_space.tag.space = 7;
    EXPECT_EQ(stage1_tables.invalidate(other_space), 0U);
    invalidation leaf = of_stage(0, va, va);
    leaf.leaf_only = true;
    EXPECT_EQ(stage1_tables.invalidate(leaf), 0U);
    EXPECT_EQ(stage1_tables.invalidate(of_stage(0, va, va)), 2U);
    EXPECT_EQ(whole.invalidate(of_stage(0, 0, ~0ULL)), 0U);
    EXPECT_EQ(whole.invalidate(of_stage(2, 0x5000, 0x5fff)), 1U);
    EXPECT_EQ(stage2_tables.invalidate(of_stage(2, 0x5000, 0x5fff)), 2U);
    EXPECT_EQ(whole.invalidate(of_stage(2, 0, ~0ULL)), 3U);
    EXPECT_EQ(reads_of(an_access(va)), 15U - 2 - 2 - 2); // three IPAs share the level 3 table that the first one found
}

TEST_F(cached, what_an_invalidation_overtook_is_not_kept) {
    caches = {&stage1_tables, &stage2_tables, &whole};
    context.invalidations.push_back(of_stage(0, 0, ~0ULL));
    EXPECT_EQ(reads_of(an_access(va)), 15U);
    EXPECT_EQ(reads_of(an_access(va)), 15U);
    EXPECT_EQ(stage1_tables.at(2).live() + stage2_tables.at(2).live() + whole.cache().live(), 0U);
}

TEST_F(cached, a_debug_access_neither_sees_nor_fills) {
    caches = {&stage1_tables, &stage2_tables, &whole};
    context.set_debug(true);
    EXPECT_EQ(reads_of(an_access(va)), 15U);
    EXPECT_EQ(stage1_tables.at(2).live() + stage2_tables.at(2).live() + whole.cache().live(), 0U);
    context.set_debug(false);
    reads_of(an_access(va));
    context.set_debug(true);
    EXPECT_EQ(reads_of(an_access(va)), 15U);
    EXPECT_EQ(context.look_ups, 0U);
}

TEST_F(cached, a_right_that_the_cached_second_stage_lacks_is_asked_of_the_tables) {
    caches.intermediate = &whole;
    second.ha = second.hd = true;
    map(0x5000, 0x9000, (ipa_page & ~writable) | dbm);
    reads_of(an_access(va));
    EXPECT_TRUE(translate(an_access(va, true)).ok());
    EXPECT_EQ(context.memory[level3 + 8 * 5] & writable, writable);
    EXPECT_EQ(reads_of(an_access(va, true)), 3U); // the new rights replaced the old
}

TEST_F(cached, device_memory_in_the_second_stage_cache_stays_refused_to_table_walks) {
    caches.intermediate = &whole;
    map(0x5000, 0x9000, ipa_page & ~normal);
    second.ptw = true;
    EXPECT_TRUE(translate_ipa(0x5000, rights::read).ok());
    EXPECT_EQ(whole.cache().live(), 1U);
    EXPECT_EQ(translate_ipa(0x5000, rights::privileged_read, fault_class::TT).fault.kind, fault_kind::permission);
}

TEST_F(cached, one_block_serves_all_its_pages) {
    caches.intermediate = &whole;
    translate_ipa(0x20'0000, rights::read);
    context.forget_history();
    EXPECT_EQ(translate_ipa(0x3f'fff8, rights::read).page.output(0x3f'fff8), 0x40'003f'fff8U);
    EXPECT_TRUE(context.reads.empty());
}

} // namespace
} // namespace iommulab::arm_vmsa
