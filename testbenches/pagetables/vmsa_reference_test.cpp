// SPDX-License-Identifier: Apache-2.0
// Cases worked out by hand from the Arm ARM D8 and IHI 0070, so that the reference itself has something to answer to.
#include "testbenches/pagetables/vmsa_reference.h"
#include "testbenches/smmu_v3/configuration_words.h"

#include <gtest/gtest.h>

#include <unordered_map>

namespace iommulab::reference {
namespace {

using words = std::unordered_map<std::uint64_t, std::uint64_t>;

memory_reader from(const words& memory) {
    return [&memory](std::uint64_t address) -> std::optional<std::uint64_t> {
        const auto found = memory.find(address);
        return found == memory.end() ? std::nullopt : std::optional<std::uint64_t>(found->second);
    };
}

constexpr std::uint64_t af = 0x400;
constexpr std::uint64_t user = 0x40;
constexpr std::uint64_t read_only = 0x80;
constexpr std::uint64_t pxn = 1ull << 53, uxn = 1ull << 54, dbm = 1ull << 51;
constexpr std::uint64_t s2_rw = 0xc0, s2_normal = 0x3c;

constexpr request read_of(std::uint64_t address) {
    return {address, false, false, false};
}
constexpr request write_of(std::uint64_t address) {
    return {address, true, false, false};
}

// VA 0x1234_5678_9abc has indexes 0x24, 0xd1, 0xb3, 0x189 with the 4K granule.
constexpr std::uint64_t va = 0x1234'5678'9abc;
words four_levels(std::uint64_t leaf) {
    return {{0x8000'0120, 0x8000'1003}, {0x8000'1688, 0x8000'2003}, {0x8000'2598, 0x8000'3003}, {0x8000'3c48, leaf}};
}
stage1_context at_8000_0000() {
    stage1_context context;
    context.ttb0 = 0x8000'0000;
    context.epd1 = true;
    return context;
}

TEST(vmsa_reference, four_level_walk_reads_the_indexed_descriptors) {
    const words memory = four_levels(0x4242'4000 | af | user | 3);
    const auto result = walk_stage1(at_8000_0000(), {}, from(memory), read_of(va));
    ASSERT_TRUE(result.ok()) << to_string(result);
    EXPECT_EQ(result.output_address, 0x4242'4abcu);
    EXPECT_EQ(result.mapped_size_bytes, 0x1000u);
    ASSERT_EQ(result.fetches.size(), 4u);
    EXPECT_EQ(result.fetches[2].address, 0x8000'2598u);
    EXPECT_EQ(result.fetches[2].level, 2u);
}

TEST(vmsa_reference, start_level_follows_input_size) {
    using enum granule_size;
    EXPECT_EQ(stage1_start_level(kib4, 16), 0u);
    EXPECT_EQ(stage1_start_level(kib4, 24), 0u);
    EXPECT_EQ(stage1_start_level(kib4, 25), 1u); // 39 bits
    EXPECT_EQ(stage1_start_level(kib4, 33), 1u);
    EXPECT_EQ(stage1_start_level(kib4, 34), 2u); // 30 bits
    EXPECT_EQ(stage1_start_level(kib16, 16), 0u);
    EXPECT_EQ(stage1_start_level(kib16, 17), 1u); // 47 bits
    EXPECT_EQ(stage1_start_level(kib16, 28), 2u); // 36 bits
    EXPECT_EQ(stage1_start_level(kib16, 39), 3u); // 25 bits
    EXPECT_EQ(stage1_start_level(kib64, 12), 1u);
    EXPECT_EQ(stage1_start_level(kib64, 21), 1u);
    EXPECT_EQ(stage1_start_level(kib64, 22), 2u); // 42 bits
    EXPECT_EQ(stage1_start_level(kib64, 35), 3u); // 29 bits
}

TEST(vmsa_reference, blocks_only_where_the_granule_has_them) {
    // A root of valid descriptors of type 0b01 at each start level; AF and AP set.
    struct {
        granule_size granule;
        unsigned tsz;
        unsigned oas;
        std::uint64_t size; // 0: Translation fault
    } const cases[] = {
        {granule_size::kib4, 16, 48, 0},           // level 0
        {granule_size::kib4, 25, 48, 1ull << 30},  // level 1
        {granule_size::kib4, 34, 48, 1ull << 21},  // level 2
        {granule_size::kib16, 16, 48, 0},          // level 0
        {granule_size::kib16, 17, 48, 0},          // level 1
        {granule_size::kib16, 28, 48, 1ull << 25}, // level 2
        {granule_size::kib16, 39, 48, 0},          // level 3, reserved
        {granule_size::kib64, 16, 48, 0},          // level 1 without 52-bit addresses
        {granule_size::kib64, 16, 52, 1ull << 42}, // level 1
        {granule_size::kib64, 22, 48, 1ull << 29}, // level 2
        {granule_size::kib64, 35, 48, 0},          // level 3, reserved
    };
    for (const auto& c : cases) {
        const words memory = {{0x8000'0000, af | user | 1}};
        auto context = at_8000_0000();
        context.tg0 = c.granule;
        context.t0sz = c.tsz;
        features implemented;
        implemented.oas_bits = c.oas;
        const auto result = walk_stage1(context, implemented, from(memory), read_of(0x1234));
        SCOPED_TRACE(std::to_string(static_cast<unsigned>(c.granule)) + " " + std::to_string(c.tsz));
        if (c.size == 0) {
            EXPECT_EQ(result.fault, fault_kind::translation);
            EXPECT_EQ(result.level, stage1_start_level(c.granule, c.tsz));
        } else {
            EXPECT_EQ(result.mapped_size_bytes, c.size);
            EXPECT_EQ(result.output_address, 0x1234u);
        }
    }
}

TEST(vmsa_reference, wide_addresses_take_bits_15_to_12_of_64k_descriptors) {
    auto context = at_8000_0000();
    context.tg0 = granule_size::kib64;
    context.t0sz = 35; // one level: index is VA[28:16]
    features wide{.oas_bits = 52};
    words memory = {{0x8000'0010, 0x0000'7654'3210'a000 | af | user | 3}};
    context.ips_bits = 52;
    EXPECT_EQ(walk_stage1(context, wide, from(memory), read_of(0x2'5678)).output_address, 0xa'7654'3210'5678u);
    context.ips_bits = 48;
    EXPECT_EQ(walk_stage1(context, wide, from(memory), read_of(0x2'5678)).fault, fault_kind::address_size);
    EXPECT_EQ(walk_stage1(context, features{}, from(memory), read_of(0x2'5678)).output_address, 0x7654'3210'5678u);
}

TEST(vmsa_reference, ranges_and_top_byte) {
    const words memory = {{0x8000'0000, af | user | 1}, {0x9000'0000, 0x4000'0000 | af | user | 1}};
    stage1_context context;
    context.ttb0 = 0x8000'0000;
    context.ttb1 = 0x9000'0000;
    context.t0sz = context.t1sz = 33; // 31 bits, level 1
    const auto fault_at = [&](std::uint64_t address) {
        return walk_stage1(context, {}, from(memory), read_of(address)).fault;
    };
    EXPECT_EQ(walk_stage1(context, {}, from(memory), read_of(0x1234)).output_address, 0x1234u);
    EXPECT_EQ(walk_stage1(context, {}, from(memory), read_of(0xffff'ffff'8000'1234)).output_address, 0x4000'1234u);
    EXPECT_EQ(fault_at(0x8000'0000), fault_kind::translation);
    EXPECT_EQ(fault_at(0xffff'ffff'7fff'ffff), fault_kind::translation);
    EXPECT_EQ(fault_at(0xab00'0000'0000'1234), fault_kind::translation);
    context.tbi0 = true;
    EXPECT_EQ(fault_at(0xab00'0000'0000'1234), fault_kind::none);
    EXPECT_EQ(fault_at(0xabff'ffff'8000'1234), fault_kind::translation) << "TBI0 is not TBI1";
    context.tbi1 = true;
    EXPECT_EQ(fault_at(0x00ff'ffff'8000'1234), fault_kind::none) << "bit 55 selects TTB1";
    context.epd1 = true;
    EXPECT_EQ(fault_at(0xffff'ffff'8000'1234), fault_kind::translation);
    context.epd0 = true;
    EXPECT_EQ(fault_at(0x1234), fault_kind::translation);
}

TEST(vmsa_reference, stage1_permissions_follow_the_table) {
    // Arm ARM D8.4, data and execute permissions of a regime with two privilege levels: pr pw px, ur uw ux.
    struct {
        std::uint64_t leaf;
        permissions expected;
    } const cases[] = {
        {0, {true, true, true, false, false, true}},
        {user, {true, true, false, true, true, true}}, // writable by EL0: not executable by EL1
        {read_only, {true, false, true, false, false, true}},
        {read_only | user, {true, false, true, true, false, true}},
        {uxn, {true, true, true, false, false, false}},
        {read_only | user | pxn, {true, false, false, true, false, true}},
        {read_only | user | uxn | pxn, {true, false, false, true, false, false}},
    };
    for (const auto& c : cases) {
        const words memory = four_levels(c.leaf | af | 3);
        const auto result = walk_stage1(at_8000_0000(), {}, from(memory), {va, false, false, true});
        EXPECT_EQ(result.allowed, c.expected) << std::hex << c.leaf;
        request access{va, true, true, false}; // a write is data although it says instruction
        EXPECT_EQ(walk_stage1(at_8000_0000(), {}, from(memory), access).ok(), c.expected.unprivileged_write);
        access = {va, false, true, true};
        EXPECT_EQ(walk_stage1(at_8000_0000(), {}, from(memory), access).ok(), c.expected.privileged_execute);
    }
}

TEST(vmsa_reference, table_descriptors_take_permissions_away_unless_HAD) {
    words memory = four_levels(user | af | 3);
    memory[0x8000'1688] |= 1ull << 62; // APTable[1]: no writes
    memory[0x8000'0120] |= 1ull << 60; // UXNTable
    auto context = at_8000_0000();
    auto result = walk_stage1(context, {}, from(memory), read_of(va));
    EXPECT_EQ(result.allowed, (permissions{true, false, true, true, false, false}));
    memory[0x8000'2598] |= 1ull << 61 | 1ull << 59; // APTable[0]: not for EL0; PXNTable
    result = walk_stage1(context, {}, from(memory), read_of(va));
    EXPECT_EQ(result.fault, fault_kind::permission);
    EXPECT_EQ(result.level, 3u);
    context.had0 = true;
    result = walk_stage1(context, {}, from(memory), read_of(va));
    EXPECT_EQ(result.allowed, (permissions{true, true, false, true, true, true}));
}

TEST(vmsa_reference, WXN_and_PAN) {
    auto context = at_8000_0000();
    context.wxn = true;
    words memory = four_levels(af | 3);
    request privileged{va, false, false, true};
    EXPECT_EQ(walk_stage1(context, {}, from(memory), privileged).allowed,
              (permissions{true, true, false, false, false, true}));
    context.pan = true;
    EXPECT_TRUE(walk_stage1(context, {}, from(memory), privileged).ok());
    memory = four_levels(user | af | 3);
    EXPECT_EQ(walk_stage1(context, {}, from(memory), privileged).fault, fault_kind::permission);
    EXPECT_EQ(walk_stage1(context, {}, from(memory), read_of(va)).allowed,
              (permissions{false, false, false, true, true, false}));
}

TEST(vmsa_reference, faults_have_their_priority) {
    // Output beyond IPS, AF = 0 and no permission at once; then one after the other is mended.
    auto context = at_8000_0000();
    context.ips_bits = 32;
    words memory = four_levels(0x1'0000'0000 | read_only | 3);
    EXPECT_EQ(walk_stage1(context, {}, from(memory), write_of(va)).fault, fault_kind::address_size);
    memory = four_levels(read_only | 3);
    EXPECT_EQ(walk_stage1(context, {}, from(memory), write_of(va)).fault, fault_kind::access_flag);
    context.affd = true;
    EXPECT_EQ(walk_stage1(context, {}, from(memory), write_of(va)).fault, fault_kind::permission);
    memory[0x8000'1688] = 0x1'0000'0003; // a table address is checked as well
    const auto result = walk_stage1(context, {}, from(memory), write_of(va));
    EXPECT_EQ(result.fault, fault_kind::address_size);
    EXPECT_EQ(result.level, 1u);
    EXPECT_TRUE(result.from_table_descriptor);
}

TEST(vmsa_reference, absent_memory_is_an_external_abort_at_the_descriptor) {
    words memory = four_levels(0);
    memory.erase(0x8000'2598);
    const auto result = walk_stage1(at_8000_0000(), {}, from(memory), read_of(va));
    EXPECT_EQ(result.fault, fault_kind::walk_external_abort);
    EXPECT_EQ(result.what, fault_class::TT);
    EXPECT_EQ(result.stage, 1u);
    EXPECT_EQ(result.fetch_address, 0x8000'2598u);
}

TEST(vmsa_reference, hardware_sets_AF_and_makes_writable_clean_dirty) {
    const std::uint64_t leaf = user | read_only | dbm | 3;
    const words memory = four_levels(leaf);
    auto context = at_8000_0000();
    context.ha = true;
    auto result = walk_stage1(context, {}, from(memory), read_of(va));
    EXPECT_EQ(result.updates, (std::vector<descriptor_update>{{0x8000'3c48, leaf, leaf | af, 1}}));
    EXPECT_EQ(walk_stage1(context, {}, from(memory), write_of(va)).fault, fault_kind::permission);
    context.hd = true;
    EXPECT_EQ(walk_stage1(context, {}, from(memory), read_of(va)).updates[0].after, leaf | af);
    result = walk_stage1(context, {}, from(memory), write_of(va));
    ASSERT_TRUE(result.ok()) << to_string(result);
    EXPECT_EQ(result.updates[0].after, (leaf | af) & ~read_only);
    words closed = memory;
    closed[0x8000'0120] |= 1ull << 62; // APTable forbids what DBM would allow
    result = walk_stage1(context, {}, from(closed), write_of(va));
    EXPECT_EQ(result.fault, fault_kind::permission);
    EXPECT_TRUE(result.updates.empty());
    EXPECT_EQ(result.permitted_updates, (std::vector<descriptor_update>{{0x8000'3c48, leaf, leaf | af, 1}}));
}

stage2_context forty_bits() {
    stage2_context context; // 40 bits from level 1: two tables side by side
    context.s2ttb = 0xa000'0000;
    context.s2t0sz = 24;
    context.s2sl0 = 1;
    context.s2ps_bits = 40;
    return context;
}

TEST(vmsa_reference, concatenated_tables_are_one_long_table) {
    const words memory = {{0xa000'1ff8, 0x4000'0000 | s2_rw | s2_normal | af | 1}};
    const auto result = walk_stage2(forty_bits(), {}, from(memory), write_of(0xff'c000'4567));
    ASSERT_TRUE(result.ok()) << to_string(result);
    EXPECT_EQ(result.output_address, 0x4000'4567u);
    EXPECT_EQ(result.mapped_size_bytes, 1ull << 30);
    auto beyond = walk_stage2(forty_bits(), {}, from(memory), read_of(0x100'0000'0000));
    EXPECT_EQ(beyond.fault, fault_kind::translation);
    EXPECT_EQ(beyond.stage, 2u);
    EXPECT_EQ(beyond.ipa, 0x100'0000'0000u);
    beyond = walk_stage2(forty_bits(), {}, from(memory), read_of(1ull << 48)); // beyond the IAS: stage 1's check
    EXPECT_EQ(beyond.fault, fault_kind::address_size);
    EXPECT_EQ(beyond.stage, 1u);
}

TEST(vmsa_reference, stage2_permissions) {
    const auto with = [](std::uint64_t leaf, const features& implemented) {
        const words memory = {{0xa000'0000, leaf | s2_normal | af | 1}};
        return walk_stage2(forty_bits(), implemented, from(memory), read_of(0));
    };
    EXPECT_EQ(with(s2_rw, {}).allowed, (permissions{true, true, true, true, true, true}));
    EXPECT_EQ(with(0x40, {}).allowed, (permissions{true, false, true, true, false, true}));
    EXPECT_EQ(with(0x80, {}).fault, fault_kind::permission);
    EXPECT_EQ(with(0x40 | 1ull << 53, {}).allowed, (permissions{true, false, false, true, false, true}));
    EXPECT_EQ(with(0x40 | 2ull << 53, {}).allowed, (permissions{true, false, false, true, false, false}));
    EXPECT_EQ(with(0x40 | 3ull << 53, {}).allowed, (permissions{true, false, true, true, false, false}));
    EXPECT_EQ(with(0x40 | 3ull << 53, {.xnx = false}).allowed, (permissions{true, false, false, true, false, false}));
}

TEST(vmsa_reference, illegal_configurations_are_told) {
    using enum granule_size;
    const auto s2 = [](granule_size granule, unsigned t0sz, unsigned sl0, unsigned size_bits) {
        stage2_context context;
        context.s2tg = granule;
        context.s2t0sz = t0sz;
        context.s2sl0 = sl0;
        return configuration_error(context, features{.oas_bits = size_bits, .ias_bits = size_bits}).empty();
    };
    EXPECT_TRUE(s2(kib4, 20, 2, 44));
    EXPECT_FALSE(s2(kib4, 19, 2, 44)) << "beyond the IAS";
    EXPECT_FALSE(s2(kib4, 20, 1, 44)) << "32 tables";
    EXPECT_TRUE(s2(kib4, 21, 1, 44)) << "16 tables";
    EXPECT_FALSE(s2(kib4, 25, 2, 44)) << "39 bits need no level 0";
    EXPECT_FALSE(s2(kib4, 25, 3, 44));
    EXPECT_FALSE(s2(kib4, 24, 2, 40)) << "level 0 needs 44 bits of OAS";
    EXPECT_TRUE(s2(kib16, 24, 1, 44));
    EXPECT_TRUE(s2(kib16, 24, 2, 44));
    EXPECT_FALSE(s2(kib16, 20, 3, 48));
    EXPECT_TRUE(s2(kib64, 22, 1, 44));
    EXPECT_TRUE(s2(kib64, 12, 2, 52));
    EXPECT_FALSE(s2(kib4, 12, 2, 52));

    auto s1 = at_8000_0000();
    EXPECT_EQ(configuration_error(s1, {}), "");
    s1.t0sz = 15;
    EXPECT_EQ(walk_stage1(s1, {}, from({}), read_of(0)).fault, fault_kind::configuration_invalid);
    s1.t0sz = 40;
    EXPECT_NE(configuration_error(s1, {}), "");
    EXPECT_EQ(configuration_error(s1, {.small_translation_tables = true}), "");
    s1.t0sz = 12;
    s1.tg0 = kib64;
    EXPECT_NE(configuration_error(s1, {.oas_bits = 52}), "");
    EXPECT_EQ(configuration_error(s1, {.oas_bits = 52, .va_52 = true}), "");
    s1 = at_8000_0000();
    s1.t1sz = 0;
    EXPECT_EQ(configuration_error(s1, {}), "") << "EPD1: T1SZ is ignored";
    s1.ttb0 = 1ull << 40;
    s1.ips_bits = 40;
    EXPECT_NE(configuration_error(s1, {}), "");
}

// Nested: stage 2 maps IPA 0x4000_0000 + x (1 GiB block 1) to PA 0x8000_0000 + x, where the stage 1 tables are, and
// IPA 0 .. 2 MiB to PA 0x1_0020_0000.
struct nested : testing::Test {
    stage1_context s1 = [] {
        auto context = at_8000_0000();
        context.ttb0 = 0x4000'0000;
        return context;
    }();
    stage2_context s2 = forty_bits();
    words memory = {
        {0xa000'0008, 0x8000'0000 | s2_rw | s2_normal | af | 1},
        {0xa000'0000, 0xa000'2003},
        {0xa000'2000, 0x1'0020'0000 | s2_rw | s2_normal | af | 1},
        {0x8000'0120, 0x4000'1003},
        {0x8000'1688, 0x4000'2003},
        {0x8000'2598, 0x4000'3003},
        {0x8000'3c48, 0x5000 | user | af | 3},
    };
    outcome walk(const request& access) const { return walk_nested(s1, s2, {}, from(memory), access); }
};

TEST_F(nested, every_table_and_the_output_go_through_stage2) {
    const auto result = walk(read_of(va));
    ASSERT_TRUE(result.ok()) << to_string(result);
    EXPECT_EQ(result.output_address, 0x1'0020'5abcu);
    EXPECT_EQ(result.mapped_size_bytes, 0x1000u);
    EXPECT_EQ(result.fetches.size(), 4u * 2 + 2); // four tables behind a block each, then two levels
}

TEST_F(nested, the_smaller_leaf_gives_the_size) {
    memory[0x8000'1688] = user | af | 1; // 1 GiB block, IPA 0: stage 2 has 2 MiB there
    auto result = walk(read_of(0x1234'4000'0678));
    ASSERT_TRUE(result.ok()) << to_string(result);
    EXPECT_EQ(result.output_address, 0x1'0020'0678u);
    EXPECT_EQ(result.mapped_size_bytes, 0x20'0000u);
    result = walk(read_of(0x1234'4020'0678)); // the next 2 MiB of the same block
    EXPECT_EQ(result.fault, fault_kind::walk_external_abort);
    EXPECT_EQ(result.fetch_address, 0xa000'2008u);
}

TEST_F(nested, class_tells_what_stage2_was_translating) {
    memory[0xa000'0008] &= ~1ull;
    auto result = walk(read_of(va));
    EXPECT_EQ(result.fault, fault_kind::translation);
    EXPECT_EQ(result.stage, 2u);
    EXPECT_EQ(result.what, fault_class::TT);
    EXPECT_EQ(result.ipa, 0x4000'0120u);
    memory[0xa000'0008] |= 1;
    memory[0xa000'2000] = 0;
    result = walk(read_of(va));
    EXPECT_EQ(result.what, fault_class::IN);
    EXPECT_EQ(result.ipa, 0x5abcu);
    result = walk_stage2(s2, {}, from(memory), read_of(0x40), fault_class::CD);
    EXPECT_EQ(result.what, fault_class::CD);
    memory.erase(0x8000'0120);
    result = walk(read_of(va));
    EXPECT_EQ(result.fault, fault_kind::walk_external_abort);
    EXPECT_EQ(result.stage, 1u);
    EXPECT_EQ(result.what, fault_class::TT);
    EXPECT_EQ(result.fetch_address, 0x8000'0120u);
}

TEST_F(nested, S2PTW_refuses_tables_in_Device_memory) {
    memory[0xa000'0008] &= ~0x3cull;
    EXPECT_TRUE(walk(read_of(va)).ok());
    s2.s2ptw = true;
    const auto result = walk(read_of(va));
    EXPECT_EQ(result.fault, fault_kind::permission);
    EXPECT_EQ(result.stage, 2u);
    EXPECT_EQ(result.what, fault_class::TT);
}

TEST_F(nested, permissions_are_what_both_stages_allow) {
    memory[0xa000'2000] &= ~0x80ull; // S2AP: read only
    auto result = walk(read_of(va));
    EXPECT_EQ(result.allowed, (permissions{true, false, false, true, false, true}));
    result = walk(write_of(va));
    EXPECT_EQ(result.fault, fault_kind::permission);
    EXPECT_EQ(result.stage, 2u);
    EXPECT_EQ(result.what, fault_class::IN);
    memory[0x8000'3c48] |= read_only; // both refuse: stage 1 comes first
    EXPECT_EQ(walk(write_of(va)).stage, 1u);
}

TEST_F(nested, updating_a_stage1_descriptor_is_a_write_for_stage2) {
    s1.ha = true;
    s2.s2ha = true;
    memory[0x8000'3c48] &= ~af;
    auto result = walk(read_of(va));
    ASSERT_TRUE(result.ok()) << to_string(result);
    EXPECT_EQ(result.updates.size(), 1u);
    memory[0xa000'0008] &= ~0x80ull;
    result = walk(read_of(va));
    EXPECT_EQ(result.fault, fault_kind::permission);
    EXPECT_EQ(result.stage, 2u);
    EXPECT_EQ(result.what, fault_class::TT);
    s2.s2hd = true;
    memory[0xa000'0008] = (memory[0xa000'0008] | dbm) & ~af;
    result = walk(read_of(va));
    ASSERT_TRUE(result.ok()) << to_string(result);
    ASSERT_EQ(result.updates.size(), 2u);
    EXPECT_EQ(result.updates[0].address, 0xa000'0008u);
    EXPECT_EQ(result.updates[0].after, memory[0xa000'0008] | af | 0x80);
    EXPECT_EQ(result.updates[1].address, 0x8000'3c48u);
}

TEST(configuration_words, fields_are_where_the_manual_has_them) {
    stage1_context s1;
    s1.t0sz = 25;
    s1.tg1 = granule_size::kib16;
    s1.epd1 = true;
    s1.ips_bits = 44;
    s1.ttb0 = 0x1234'5000;
    s1.had1 = true;
    s1.asid = 0xbeef;
    const auto cd = encode_context_descriptor(s1);
    EXPECT_EQ(cd[0] & 0xff, 25u);
    EXPECT_EQ(cd[0] >> 16 & 0xff, 0x50u);       // T1SZ 16, TG1 0b01
    EXPECT_EQ(cd[0] >> 30 & 3, 3u);             // V, EPD1
    EXPECT_EQ(cd[0] >> 32 & 7, 4u);             // IPS
    EXPECT_EQ(cd[0] >> 40 & 0xff, 0b11100010u); // ASET, A, R, AA64
    EXPECT_EQ(cd[0] >> 48, 0xbeefu);
    EXPECT_EQ(cd[1], 0x1234'5000u);
    EXPECT_EQ(cd[2], 2u);
    auto s2 = forty_bits();
    s2.vmid = 7;
    s2.s2ptw = true;
    const auto ste = encode_stream_table_entry(&s1, 0xcd40, &s2);
    EXPECT_EQ(ste[0], 0xcd4fu); // V, Config 0b111
    EXPECT_EQ(ste[2] & 0xffff, 7u);
    EXPECT_EQ(ste[2] >> 32 & 0xff, 24u | 1u << 6);
    EXPECT_EQ(ste[2] >> 48, 0x44au); // S2R, S2PTW, S2AA64, S2PS 40 bits
    EXPECT_EQ(ste[3], 0xa000'0000u);
    EXPECT_EQ(encode_stream_table_entry(nullptr, 0, nullptr)[0], 9u);
}

} // namespace
} // namespace iommulab::reference
