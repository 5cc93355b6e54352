// SPDX-License-Identifier: Apache-2.0
// Stage 1 of VMSAv8-64 on tables made by hand. Rule numbers: Arm ARM DDI 0487.
#include "models/pagetables/arm_vmsa_walk.h"
#include "testbenches/harness/immediate_context.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

namespace iommulab::arm_vmsa {
namespace {

namespace d = descriptor;

constexpr std::uint64_t valid_table = 3, valid_page = 3, valid_block = 1;
constexpr std::uint64_t accessed = d::AF.make(1), unprivileged = d::AP_1.make(1), read_only = d::AP_2.make(1);

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
access fetching(std::uint64_t address, bool privileged = false) {
    access a = reading(address);
    a.instruction = true;
    a.privileged = privileged;
    return a;
}
access privileged(access a) {
    a.privileged = true;
    return a;
}

/// 4K granule, 48 bits, and one page: table indices 0x80, 0xc0, 0x101, 0x100.
class stage_1 : public ::testing::Test {
  protected:
    static constexpr std::uint64_t va = (0x80ULL << 39) | (0xc0ULL << 30) | (0x101ULL << 21) | (0x100ULL << 12) | 0x234;
    static constexpr std::uint64_t at0 = 0x1000 + 8 * 0x80, at1 = 0x2000 + 8 * 0xc0, at2 = 0x3000 + 8 * 0x101,
                                   at3 = 0x4000 + 8 * 0x100;
    static constexpr std::uint64_t page = 0x8765'4000;

    stage_1() {
        regime.range[0].ttb = 0x1000;
        regime.range[1].epd = true;
        context.memory = {{at0, 0x2000 | valid_table},
                          {at1, 0x3000 | valid_table},
                          {at2, 0x4000 | valid_table},
                          {at3, page | valid_page | accessed | unprivileged | d::nG.make(1)}};
    }
    walk_result translate(const access& a, walk_caches caches = {}) {
        walk_result r;
        const stage1_tables tables(regime);
        const bool ok = context.run(walk_stage1(context, tables, a, r.page, r.fault, caches));
        EXPECT_EQ(ok, r.ok());
        return r;
    }
    void expect_fault(const access& a, fault_kind kind, unsigned level) {
        const walk_result r = translate(a);
        EXPECT_STREQ(name_of(r.fault.kind), name_of(kind));
        EXPECT_EQ(r.fault.level, level);
        EXPECT_EQ(r.fault.stage, 1);
    }
    immediate_context context;
    stage1_regime regime;
};

TEST_F(stage_1, four_levels_each_read_once_and_charged_to_its_level) {
    const walk_result r = translate(reading(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.output(va), page | 0x234);
    EXPECT_EQ(r.page.input_base, va & ~0xfffULL);
    EXPECT_EQ(r.page.log2_size, 12);
    EXPECT_FALSE(r.page.global);
    using transfer = immediate_context::transfer;
    EXPECT_EQ(context.reads, (std::vector<transfer>{{at0, time_part::walk_level_0},
                                                    {at1, time_part::walk_level_1},
                                                    {at2, time_part::walk_level_2},
                                                    {at3, time_part::walk_level_3}}));
}

TEST_F(stage_1, blocks_keep_the_offset_and_ignore_low_bits_of_the_output) {
    context.memory[at2] = 0x4'0000'0000 | d::nT.make(1) | valid_block | accessed | unprivileged;
    walk_result r = translate(reading(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.log2_size, 21);
    EXPECT_EQ(r.page.output(va), 0x4'0000'0000 | (va & 0x1f'ffff));
    EXPECT_TRUE(r.page.global); // nG = 0
    context.memory[at1] = 0x8'0000'0000 | valid_block | accessed | unprivileged;
    r = translate(reading(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.log2_size, 30);
    EXPECT_EQ(r.page.output(va), 0x8'0000'0000 | (va & 0x3fff'ffff));
}

TEST_F(stage_1, invalid_and_reserved_descriptors_are_translation_faults_of_their_level) {
    context.memory[at3] = page | 1 | accessed; // block encoding at level 3 is reserved
    expect_fault(reading(va), fault_kind::translation, 3);
    context.memory[at2] = 2;
    expect_fault(reading(va), fault_kind::translation, 2);
    context.memory[at0] = valid_block | accessed; // no block at level 0
    expect_fault(reading(va), fault_kind::translation, 0);
}

TEST_F(stage_1, a_table_that_is_not_there_is_an_external_abort_with_its_address) {
    context.memory.erase(at2);
    const walk_result r = translate(reading(va));
    EXPECT_EQ(r.fault.kind, fault_kind::external_abort);
    EXPECT_EQ(r.fault.what, fault_class::TT);
    EXPECT_EQ(r.fault.level, 2);
    EXPECT_EQ(r.fault.fetch_address, at2);
    EXPECT_FALSE(r.fault.on_update);
}

// D8.2: all bits above the input size are copies of bit 55, but for the top byte under TBI.
TEST_F(stage_1, ranges_and_top_byte) {
    expect_fault(reading(va | 1ULL << 48), fault_kind::translation, 0);
    expect_fault(reading(va | 1ULL << 60), fault_kind::translation, 0);
    expect_fault(reading(va | 0xffffULL << 48), fault_kind::translation, 0); // EPD1
    regime.range[0].tbi = true;
    EXPECT_EQ(translate(reading(va | 0xa5ULL << 56)).page.output(va), page | 0x234);
    EXPECT_EQ(translate(reading(va | 0xa5ULL << 56)).page.input_base, (va & ~0xfffULL) | 0xa5ULL << 56);
    expect_fault(reading(va | 1ULL << 48), fault_kind::translation, 0);

    regime.range[1] = {0x1000, 16, granule::kib_4, false, false, false};
    const std::uint64_t high = va | 0xffffULL << 48;
    EXPECT_TRUE(translate(reading(high)).ok());
    expect_fault(reading(high & ~(1ULL << 60)), fault_kind::translation, 0); // TBI0 is not TBI1
    regime.range[1].tbi = true;
    EXPECT_TRUE(translate(reading(high & ~(1ULL << 60))).ok());
    EXPECT_EQ(stage1_tables(regime).without_top_byte(high & ~(1ULL << 60)), high);
    EXPECT_EQ(stage1_tables(regime).without_top_byte(va | 1ULL << 60), va);

    regime.two_ranges = false; // bit 55 is then an address bit out of range
    expect_fault(reading(high), fault_kind::translation, 0);
    EXPECT_TRUE(translate(reading(va | 0xa5ULL << 56)).ok());
}

TEST_F(stage_1, a_short_range_starts_low_and_at_its_aligned_base) {
    regime.range[0].tsz = 39;          // 25 bits: level 2, 16 descriptors, 128 bytes
    regime.range[0].ttb = 0x7080 | 16; // low bits don't count
    context.memory[0x7080 + 8 * 5] = 0x4000 | valid_table;
    const std::uint64_t input = (5ULL << 21) | (0x100ULL << 12);
    EXPECT_EQ(translate(reading(input)).page.output(input), page);
    EXPECT_EQ(context.reads.size(), 2U);
    expect_fault(reading(1ULL << 25), fault_kind::translation, 0);
}

// D8.2: a table's address, the first table's included, and a leaf's output are checked against IPS.
TEST_F(stage_1, outputs_beyond_the_configured_size_are_address_size_faults) {
    regime.output_bits = 32;
    EXPECT_TRUE(translate(reading(va)).ok());
    context.memory[at3] = 1ULL << 32 | valid_page; // AF = 0 comes after
    expect_fault(reading(va), fault_kind::address_size, 3);
    EXPECT_FALSE(translate(reading(va)).fault.from_table);
    context.memory[at1] = 1ULL << 32 | valid_table;
    expect_fault(reading(va), fault_kind::address_size, 1);
    EXPECT_TRUE(translate(reading(va)).fault.from_table);
    regime.range[0].ttb = 1ULL << 32;
    expect_fault(reading(va), fault_kind::address_size, 0);
}

TEST_F(stage_1, granule_64k_with_52_bits) {
    regime.range[0] = {0x10'0000, 12, granule::kib_64, false, false, false};
    regime.output_bits = regime.implemented_bits = 52;
    const std::uint64_t input = (0x3ffULL << 42) | (0x1000ULL << 29) | 0x123;
    const std::uint64_t table = 0xf'0000'0002'0000; // [51:48] sit in [15:12] of the descriptor
    context.memory = {{0x10'0000 + 8 * 0x3ff, 0x2'f000 | valid_table},
                      {table + 8 * 0x1000, 0xe000'0000 | 0x7000 | valid_block | accessed | unprivileged}};
    const walk_result r = translate(reading(input));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.log2_size, 29);
    EXPECT_EQ(r.page.output_base, 0x7'0000'e000'0000U);
    regime.output_bits = 48;
    expect_fault(reading(input), fault_kind::address_size, 1);
    regime.implemented_bits = 48; // now [15:12] mean nothing, and there is no memory at 0x2'0000
    expect_fault(reading(input), fault_kind::external_abort, 2);
    EXPECT_EQ(translate(reading(input)).fault.fetch_address, 0x2'8000U);
}

// TTBRx_EL1.BADDR: a first table of 16 bytes is aligned to 64 where addresses have 52 bits.
TEST_F(stage_1, first_tables_are_aligned_to_64_bytes_with_52_bits) {
    regime.range[0] = {0x10'0030, 34, granule::kib_64, false, false, false}; // 30 bits: two descriptors of level 2
    regime.output_bits = regime.implemented_bits = 52;
    context.memory = {{0x10'0000, 0 | valid_block | accessed | unprivileged},
                      {0x10'0030, 0x2000'0000 | valid_block | accessed | unprivileged}};
    EXPECT_EQ(translate(reading(0x123)).page.output_base, 0U);
    regime.output_bits = 48;
    EXPECT_EQ(translate(reading(0x123)).page.output_base, 0x2000'0000U);
}

TEST_F(stage_1, permissions_of_a_page) {
    const auto allowed = [&](std::uint64_t bits) {
        context.memory[at3] = page | valid_page | accessed | bits;
        const walk_result by_privileged = translate(privileged(reading(va)));
        return by_privileged.ok() ? by_privileged.page.allowed : 0;
    };
    const auto x = rights::execute, px = rights::privileged_execute;
    EXPECT_EQ(allowed(0), rights::privileged_read | rights::privileged_write | x | px);
    EXPECT_EQ(allowed(read_only), rights::privileged_read | x | px);
    EXPECT_EQ(allowed(unprivileged | read_only), rights::reads | x | px);
    EXPECT_EQ(allowed(unprivileged),
              rights::reads | rights::writes | x); // what all may write, privilege never executes
    EXPECT_EQ(allowed(unprivileged | read_only | d::UXN.make(1)), rights::reads | px);
    EXPECT_EQ(allowed(unprivileged | read_only | d::PXN.make(1)), rights::reads | x);
    regime.wxn = true;
    EXPECT_EQ(allowed(0), rights::privileged_read | rights::privileged_write | x);
    EXPECT_EQ(allowed(unprivileged), rights::reads | rights::writes);
    EXPECT_EQ(allowed(unprivileged | read_only), rights::reads | x | px);
}

TEST_F(stage_1, privileged_access_never_reaches_unprivileged_pages) {
    regime.pan = true;
    expect_fault(privileged(reading(va)), fault_kind::permission, 3);
    EXPECT_TRUE(translate(reading(va)).ok());
    context.memory[at3] = page | valid_page | accessed;
    EXPECT_TRUE(translate(privileged(writing(va))).ok());
}

TEST_F(stage_1, one_privilege_level_has_no_ap_1) {
    regime.two_ranges = false;
    context.memory[at3] = page | valid_page | accessed | d::PXN.make(1);
    EXPECT_EQ(translate(reading(va)).page.allowed, rights::all);
    context.memory[at3] = page | valid_page | accessed | read_only | d::UXN.make(1);
    EXPECT_EQ(translate(reading(va)).page.allowed, rights::reads);
}

TEST_F(stage_1, tables_restrict_what_is_below_unless_disabled) {
    context.memory[at0] |= d::APTable.make(2);
    expect_fault(writing(va), fault_kind::permission, 3);
    EXPECT_TRUE(translate(reading(va)).ok());
    context.memory[at1] |= d::APTable.make(1);
    expect_fault(reading(va), fault_kind::permission, 3);
    EXPECT_TRUE(translate(privileged(reading(va))).ok());
    context.memory[at2] |= d::UXNTable.make(1);
    expect_fault(fetching(va), fault_kind::permission, 3);
    EXPECT_TRUE(translate(fetching(va, true)).ok());
    context.memory[at2] |= d::PXNTable.make(1);
    expect_fault(fetching(va, true), fault_kind::permission, 3);
    regime.range[0].had = true;
    EXPECT_EQ(translate(writing(va)).page.allowed, rights::reads | rights::writes | rights::execute);
}

TEST_F(stage_1, access_flag_faults_come_before_permission_faults) {
    context.memory[at3] = page | valid_page | read_only;
    expect_fault(writing(va), fault_kind::access_flag, 3);
    regime.affd = true;
    expect_fault(writing(va), fault_kind::permission, 3);
    EXPECT_TRUE(translate(privileged(reading(va))).ok());
    EXPECT_TRUE(context.updates.empty());
}

// D8.5: AF by hardware, dirty state of pages with DBM.
TEST_F(stage_1, hardware_sets_af_and_dirty_state) {
    const std::uint64_t clean = page | valid_page | unprivileged | read_only | d::DBM.make(1);
    context.memory[at3] = clean;
    regime.ha = true;
    expect_fault(writing(va), fault_kind::permission, 3); // HD = 0
    EXPECT_TRUE(context.updates.empty());
    regime.hd = true;

    context.set_debug(true);
    EXPECT_EQ(translate(writing(va)).page.allowed & rights::writes, rights::writes);
    EXPECT_EQ(translate(reading(va)).page.allowed & rights::writes, 0);
    EXPECT_EQ(context.memory[at3], clean);
    context.set_debug(false);

    EXPECT_EQ(translate(reading(va)).page.allowed & rights::writes, 0); // clean: the first write must come back
    EXPECT_EQ(context.memory[at3], clean | accessed);
    EXPECT_EQ(translate(writing(va)).page.allowed & rights::writes, rights::writes);
    EXPECT_EQ(context.memory[at3], (clean | accessed) & ~read_only);
    using update = immediate_context::update;
    EXPECT_EQ(context.updates, (std::vector<update>{{at3, clean, clean | accessed},
                                                    {at3, clean | accessed, (clean | accessed) & ~read_only}}));
    EXPECT_EQ(translate(reading(va)).page.allowed & rights::writes, rights::writes);
    EXPECT_EQ(context.updates.size(), 2U);
}

TEST_F(stage_1, a_table_without_write_forbids_dirty_state) {
    regime.ha = regime.hd = true;
    context.memory[at3] |= read_only | d::DBM.make(1);
    context.memory[at1] |= d::APTable.make(2);
    expect_fault(writing(va), fault_kind::permission, 3);
    EXPECT_TRUE(context.updates.empty());
}

TEST_F(stage_1, an_update_that_loses_judges_what_software_wrote) {
    regime.ha = true;
    context.memory[at3] &= ~accessed;
    bool interfered = false;
    std::uint64_t replacement = page + 0x1000 + (valid_page | unprivileged);
    context.before_transfer = [&](const memory_request& r) {
        if (r.what == memory_request::kind::compare_swap && !std::exchange(interfered, true))
            context.memory[at3] = replacement;
    };
    walk_result r = translate(reading(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.output_base, page + 0x1000);
    EXPECT_EQ(context.memory[at3], replacement | accessed);

    interfered = false;
    replacement = 0;
    context.memory[at3] = page | valid_page | unprivileged;
    expect_fault(reading(va), fault_kind::translation, 3);

    interfered = false;
    replacement = 0x4000 | valid_table; // a block becomes a table: the walk goes on below it
    context.memory[at3] = page | valid_page | accessed | unprivileged;
    context.memory[at2] = 0x4000'0000 | valid_block | unprivileged;
    context.before_transfer = [&](const memory_request& q) {
        if (q.what == memory_request::kind::compare_swap && !std::exchange(interfered, true))
            context.memory[at2] = replacement;
    };
    r = translate(reading(va));
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r.page.output_base, page);
}

TEST_F(stage_1, an_update_that_never_wins_ends) {
    regime.ha = true;
    context.memory[at3] &= ~accessed;
    context.before_transfer = [&](const memory_request& r) {
        if (r.what == memory_request::kind::compare_swap)
            context.memory[at3] ^= d::PXN.make(1);
    };
    const walk_result r = translate(reading(va));
    EXPECT_EQ(r.fault.kind, fault_kind::external_abort);
    EXPECT_TRUE(r.fault.on_update);
    EXPECT_EQ(r.fault.fetch_address, at3);
}

TEST_F(stage_1, attributes_are_the_raw_fields) {
    context.memory[at3] |= d::AttrIndx.make(5) | d::SH.make(3) | d::Contiguous.make(1);
    const walk_result r = translate(reading(va));
    EXPECT_EQ(attributes::AttrIndx.of(r.page.attributes), 5U);
    EXPECT_EQ(attributes::SH.of(r.page.attributes), 3U);
    EXPECT_EQ(attributes::Contiguous.of(r.page.attributes), 1U);
    EXPECT_EQ(attributes::has_stage2.of(r.page.attributes), 0U);
    EXPECT_EQ(r.page.log2_size, 12); // the hint does not enlarge the result
}

// Garbage in every register field ends in a fault or a translation, never in a wild shift.
TEST_F(stage_1, any_configuration_ends) {
    for (unsigned tsz = 0; tsz < 256; ++tsz)
        for (const granule g : {granule::kib_4, granule::kib_16, granule::kib_64}) {
            regime.range[0].tsz = static_cast<std::uint8_t>(tsz);
            regime.range[0].tg = g;
            context.memory[0x1000] = 0x1000 | valid_table; // a table that points at itself
            const walk_result r = translate(reading(0));
            EXPECT_LE(r.fault.level, 3);
        }
}

/// Reads the four tables in place, as loosely timed accesses do.
class in_place_context : public immediate_context {
  public:
    in_place_context() {
        in_place_ = &reads_in_place_;
        annotated_ = &sheet_;
    }
    void load() {
        for (std::uint64_t n = 0; n < pages_.size(); ++n) {
            pages_[n].fill(0);
            const std::uint64_t base = 0x1000 * (n + 1);
            for (const auto& [address, word] : memory)
                if (address - base < 0x1000)
                    std::memcpy(pages_[n].data() + (address - base), &word, 8);
            reads_in_place_.place_of(base) = {base, 0x1000 - 7, pages_[n].data(), 0};
        }
    }

  private:
    direct_reads reads_in_place_;
    time_sheet sheet_;
    std::array<std::array<unsigned char, 0x1000>, 4> pages_{};
};

TEST_F(stage_1, words_read_in_place_come_to_the_same_page_or_fault_as_words_waited_for) {
    std::mt19937_64 random(1);
    unsigned mapped = 0, refused = 0, in_place = 0;
    for (int n = 0; n < 20'000; ++n) {
        // one level is disturbed, in few bits of those that decide
        const std::uint64_t at = std::array{at0, at1, at2, at3}[random() % 4];
        const std::uint64_t before = context.memory[at];
        constexpr std::uint64_t deciding = d::Valid.make(1) | d::Type.make(1) | d::AP.make(3) | d::AF.make(1) |
                                           d::UXN_PXN.make(3) | d::UXNTable_PXNTable.make(3) | d::APTable.make(3) |
                                           std::uint64_t{1} << 47;
        context.memory[at] ^= random() & random() & deciding;
        access a = reading(va);
        a.write = random() % 2;
        a.privileged = random() % 2;
        regime.wxn = random() % 2;
        regime.output_bits = random() % 2 ? 40 : 48;
        const walk_result expected = translate(a);
        in_place_context at_once;
        at_once.memory = context.memory;
        at_once.load();
        const stage1_tables tables(regime);
        walk_result r;
        walk<bool> w = walk_stage1(at_once, tables, a, r.page, r.fault);
        in_place += w.done(); // else a table was not there
        w.start();
        ASSERT_EQ(w.result(), expected.ok());
        ASSERT_EQ(r.fault.kind, expected.fault.kind);
        ASSERT_EQ(r.fault.level, expected.fault.level);
        if (expected.ok()) {
            ASSERT_EQ(r.page.output_base, expected.page.output_base);
            ASSERT_EQ(r.page.allowed, expected.page.allowed);
            ASSERT_EQ(r.page.log2_size, expected.page.log2_size);
        }
        ++(expected.ok() ? mapped : refused);
        context.memory[at] = before;
    }
    EXPECT_GT(mapped, 500U);
    EXPECT_GT(refused, 500U);
    EXPECT_GT(in_place, 10'000U);
}

} // namespace
} // namespace iommulab::arm_vmsa
