// SPDX-License-Identifier: Apache-2.0
// The walk of AMD's host tables. Section numbers are those of publication 48882.
#include "models/pagetables/amd_v1_walk.h"
#include "testbenches/amd_vi/host_tables.h"
#include "testbenches/harness/immediate_context.h"

#include <gtest/gtest.h>

#include <array>

namespace iommulab::amd_v1 {
namespace {

using harness::amd_v1_builder;
constexpr std::uint64_t IR = amd_v1_builder::IR, IW = amd_v1_builder::IW;

struct bench {
    immediate_context context;
    std::uint64_t next = 0x10'0000;
    amd_v1_builder tables;
    host_tables host;
    walk_result result;

    explicit bench(unsigned levels)
        : tables(
              levels, next, [this](std::uint64_t at) { return context.memory[at]; },
              [this](std::uint64_t at, std::uint64_t word) { context.memory[at] = word; }) {
        context.exists = [](std::uint64_t at) { return at >= 0x10'0000 && at < 0x100'0000; };
        host.root = tables.root();
        host.levels = static_cast<std::uint8_t>(levels);
    }
    bool walk_to(std::uint64_t address, std::uint8_t needed = rights::read, walk_cache_set* caches = nullptr) {
        result = {};
        return context.run(
            walk_host(context, host, {.address = address, .needed = needed}, result.page, result.fault, caches));
    }
};

TEST(amd_v1_walk, every_number_of_levels_reads_one_entry_a_level_2_2_3) {
    for (unsigned levels = 1; levels <= 6; ++levels)
        for (const bool suspends : {false, true}) {
            bench b(levels);
            b.context.suspends = suspends;
            const std::uint64_t top = levels == 6 ? ~std::uint64_t{0} : (std::uint64_t{1} << (12 + 9 * levels)) - 1;
            const std::uint64_t address = 0x8765'4321'0fed'c000 & top;
            b.tables.map(address, 0x7'6543'2000);
            ASSERT_TRUE(b.walk_to(address | 0x123)) << levels;
            EXPECT_EQ(b.result.page.output(address | 0x123), 0x7'6543'2123U);
            EXPECT_EQ(b.result.page.log2_size, 12);
            EXPECT_EQ(b.context.reads.size(), levels);
            EXPECT_EQ(b.context.reads.front().part, time_part::walk_level_0);
        }
}

TEST(amd_v1_walk, address_bits_above_the_mode_are_a_fault_without_a_read) {
    bench b(3);
    b.tables.map(0, 0x1000);
    EXPECT_FALSE(b.walk_to(std::uint64_t{1} << 39));
    EXPECT_EQ(b.result.fault.kind, fault_kind::not_present);
    EXPECT_TRUE(b.context.reads.empty());
}

TEST(amd_v1_walk, NextLevel_0_and_7_give_pages_of_every_power_of_two_table_14) {
    for (unsigned log2_size = 12; log2_size <= 50; ++log2_size) {
        bench b(6);
        const std::uint64_t size = std::uint64_t{1} << log2_size;
        const std::uint64_t iova = 5 * size, page = log2_size < 50 ? size : 0;
        b.tables.map(iova, page, log2_size);
        for (const std::uint64_t offset : {std::uint64_t{0}, size / 2 + 8, size - 1}) {
            ASSERT_TRUE(b.walk_to(iova + offset)) << log2_size;
            EXPECT_EQ(b.result.page.log2_size, log2_size);
            EXPECT_EQ(b.result.page.input_base, iova);
            EXPECT_EQ(b.result.page.output(iova + offset), page + offset);
        }
        EXPECT_FALSE(b.walk_to(iova + size)) << log2_size;
    }
}

TEST(amd_v1_walk, a_size_that_does_not_belong_to_the_level_is_an_illegal_encoding) {
    bench b(3);
    const std::uint64_t last = b.tables.entry(0, 1), middle = b.tables.entry(std::uint64_t{1} << 30, 2);
    for (const auto& [at, log2_size, address] :
         {std::tuple{last, 21U, std::uint64_t{0}}, std::tuple{last, 30U, std::uint64_t{0}},
          std::tuple{middle, 13U, std::uint64_t{1} << 30}, std::tuple{middle, 30U, std::uint64_t{1} << 30}}) {
        b.context.memory[at] = amd_v1_builder::sized_pte(0, log2_size);
        EXPECT_FALSE(b.walk_to(address)) << log2_size;
        EXPECT_EQ(b.result.fault.kind, fault_kind::level_encoding);
    }
}

TEST(amd_v1_walk, a_level_is_skipped_when_the_address_has_zeros_there) {
    bench b(4);
    const std::uint64_t level2 = b.tables.take(), level1 = b.tables.take();
    b.context.memory[b.tables.root() + 8] = amd_v1_builder::pde(level2, 2);
    b.context.memory[level2 + 8] = amd_v1_builder::pde(level1, 1);
    b.context.memory[level1 + 8] = amd_v1_builder::pte(0x200'0000);
    const std::uint64_t address = 0x80'0020'1000;
    ASSERT_TRUE(b.walk_to(address));
    EXPECT_EQ(b.result.page.output_base, 0x200'0000U);
    EXPECT_EQ(b.context.reads.size(), 3U);
    EXPECT_FALSE(b.walk_to(address | std::uint64_t{1} << 30));
    EXPECT_EQ(b.result.fault.kind, fault_kind::not_present);
    // with what it remembers of the way, the walk takes no other
    const cache_parameters small{.entries = 16, .ways = 0};
    const std::array<cache_parameters, walk_cache_levels> shapes{small, small, small, small, small};
    walk_cache_set caches(0, shapes);
    ASSERT_TRUE(b.walk_to(address, rights::read, &caches));
    EXPECT_FALSE(b.walk_to(address | std::uint64_t{1} << 30, rights::read, &caches));
    b.context.forget_history();
    ASSERT_TRUE(b.walk_to(address, rights::read, &caches));
    EXPECT_EQ(b.context.reads.size(), 1U);
}

TEST(amd_v1_walk, NextLevel_that_does_not_lead_down_is_an_illegal_encoding) {
    for (unsigned next = 3; next <= 6; ++next) {
        bench b(3);
        b.context.memory[b.tables.root()] = amd_v1_builder::pde(b.tables.root(), next);
        EXPECT_FALSE(b.walk_to(0)) << next;
        EXPECT_EQ(b.result.fault.kind, fault_kind::level_encoding);
        EXPECT_EQ(b.result.fault.level, 3);
    }
}

TEST(amd_v1_walk, rights_are_those_of_all_entries_on_the_way_and_of_the_device_table) {
    for (unsigned denied = 0; denied <= 3; ++denied) // 0: the device table entry, else the level
        for (const std::uint64_t right : {IR, IW}) {
            bench b(3);
            b.tables.map(0x1000, 0x5000);
            if (denied == 0)
                b.host.allowed = rights_of(right != IR, right != IW);
            else
                b.context.memory[b.tables.entry(0x1000, denied)] &= ~right;
            EXPECT_EQ(b.walk_to(0x1000, rights::read), right != IR);
            EXPECT_EQ(b.walk_to(0x1000, rights::write), right != IW);
            EXPECT_FALSE(b.walk_to(0x1000, right == IR ? rights::read : rights::write));
            EXPECT_EQ(b.result.fault.kind, fault_kind::permission);
        }
}

TEST(amd_v1_walk, reserved_bits_are_checked_in_directories_and_pages) {
    for (unsigned level = 1; level <= 3; ++level)
        for (unsigned bit = 52; bit <= 60; ++bit) {
            bench b(3);
            b.tables.map(0x1000, 0x5000);
            b.context.memory[b.tables.entry(0x1000, level)] |= std::uint64_t{1} << bit;
            const bool legal = level == 1 && bit >= 59; // U and FC
            EXPECT_EQ(b.walk_to(0x1000), legal) << level << ' ' << bit;
            EXPECT_EQ(b.result.fault.kind, legal ? fault_kind::none : fault_kind::reserved_bit);
        }
}

TEST(amd_v1_walk, an_entry_that_cannot_be_read_is_told_by_its_address) {
    bench b(3);
    b.context.memory[b.tables.root()] = amd_v1_builder::pde(0x8000'0000, 2);
    EXPECT_FALSE(b.walk_to(0x20'0000));
    EXPECT_EQ(b.result.fault.kind, fault_kind::external_abort);
    EXPECT_EQ(b.result.fault.fetch_address, 0x8000'0008U);
}

TEST(amd_v1_walk, directories_carry_their_rights_into_the_cache_and_go_with_an_invalidation) {
    bench b(3);
    const cache_parameters small{.entries = 16, .ways = 0};
    const std::array<cache_parameters, walk_cache_levels> shapes{small, small, small, small, small};
    walk_cache_set caches(0, shapes);
    b.tables.map(0x1000, 0x5000);
    b.context.memory[b.tables.entry(0x1000, 2)] &= ~IW;
    ASSERT_TRUE(b.walk_to(0x1000, rights::read, &caches));
    b.context.forget_history();
    EXPECT_FALSE(b.walk_to(0x1000, rights::write, &caches));
    EXPECT_EQ(b.context.reads.size(), 1U);
    invalidation leaf;
    leaf.leaf_only = true;
    EXPECT_EQ(caches.invalidate(leaf), 0U);
    invalidation elsewhere;
    elsewhere.first = std::uint64_t{1} << 30;
    EXPECT_EQ(caches.invalidate(elsewhere), 0U);
    EXPECT_EQ(caches.invalidate({}), 2U);
}

TEST(amd_v1_format, the_lowest_zero_tells_the_size_table_14) {
    EXPECT_EQ(log2_encoded_size(0), 13U);
    EXPECT_EQ(log2_encoded_size(0x1000), 14U);
    EXPECT_EQ(log2_encoded_size(0xff000), 21U);
    EXPECT_EQ(log2_encoded_size(0x7fff'ffff'ffff'f000), 64U);
    EXPECT_EQ(log2_encoded_size(~std::uint64_t{0}), 64U);
}

} // namespace
} // namespace iommulab::amd_v1
