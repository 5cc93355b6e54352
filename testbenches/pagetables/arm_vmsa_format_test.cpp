// SPDX-License-Identifier: Apache-2.0
#include "models/pagetables/arm_vmsa_format.h"

#include <gtest/gtest.h>

namespace iommulab::arm_vmsa {
namespace {

// Arm ARM D8.2.6 to D8.2.8: sizes of leaves for each granule and level.
TEST(arm_vmsa_format, reach_of_a_descriptor_by_granule_and_level) {
    EXPECT_EQ(log2_reach(granule::kib_4, 3), 12U);
    EXPECT_EQ(log2_reach(granule::kib_4, 2), 21U);
    EXPECT_EQ(log2_reach(granule::kib_4, 1), 30U);
    EXPECT_EQ(log2_reach(granule::kib_4, 0), 39U);
    EXPECT_EQ(log2_reach(granule::kib_16, 2), 25U);
    EXPECT_EQ(log2_reach(granule::kib_16, 1), 36U);
    EXPECT_EQ(log2_reach(granule::kib_16, 0), 47U);
    EXPECT_EQ(log2_reach(granule::kib_64, 2), 29U);
    EXPECT_EQ(log2_reach(granule::kib_64, 1), 42U);
}

// Arm ARM D8.2: the boundary TnSZ of each starting level of stage 1.
TEST(arm_vmsa_format, stage_1_starts_at_as_many_levels_as_the_input_needs) {
    struct row {
        granule g;
        unsigned tsz, level;
    };
    constexpr row rows[] = {
        {granule::kib_4, 16, 0},  {granule::kib_4, 24, 0},  {granule::kib_4, 25, 1},  {granule::kib_4, 33, 1},
        {granule::kib_4, 34, 2},  {granule::kib_4, 42, 2},  {granule::kib_4, 43, 3},  {granule::kib_16, 16, 0},
        {granule::kib_16, 17, 1}, {granule::kib_16, 27, 1}, {granule::kib_16, 28, 2}, {granule::kib_16, 38, 2},
        {granule::kib_16, 39, 3}, {granule::kib_64, 12, 1}, {granule::kib_64, 21, 1}, {granule::kib_64, 22, 2},
        {granule::kib_64, 34, 2}, {granule::kib_64, 35, 3},
    };
    for (const row& r : rows)
        EXPECT_EQ(stage1_start_level(r.g, input_bits_of(r.g, r.tsz)), r.level) << int(r.g) << " TnSZ " << r.tsz;
}

TEST(arm_vmsa_format, input_sizes_beyond_what_a_granule_resolves_are_cut) {
    EXPECT_EQ(input_bits_of(granule::kib_4, 12), 48U);
    EXPECT_EQ(input_bits_of(granule::kib_64, 12), 52U);
    EXPECT_EQ(input_bits_of(granule::kib_64, 0), 52U);
    EXPECT_EQ(input_bits_of(granule::kib_4, 255), 1U);
    EXPECT_EQ(stage1_start_level(granule::kib_4, 1), 3U);
}

// VTCR_EL2.SL0, and AArch64.S2InvalidSL for few physical address bits.
TEST(arm_vmsa_format, stage_2_start_levels) {
    EXPECT_EQ(stage2_start_level(granule::kib_4, 0, 48, false), 2U);
    EXPECT_EQ(stage2_start_level(granule::kib_4, 1, 48, false), 1U);
    EXPECT_EQ(stage2_start_level(granule::kib_4, 2, 44, false), 0U);
    EXPECT_EQ(stage2_start_level(granule::kib_4, 2, 42, false), std::nullopt);
    EXPECT_EQ(stage2_start_level(granule::kib_4, 3, 48, false), std::nullopt);
    EXPECT_EQ(stage2_start_level(granule::kib_4, 3, 48, true), 3U);
    EXPECT_EQ(stage2_start_level(granule::kib_16, 0, 48, false), 3U);
    EXPECT_EQ(stage2_start_level(granule::kib_16, 2, 42, false), 1U);
    EXPECT_EQ(stage2_start_level(granule::kib_16, 2, 40, false), std::nullopt);
    EXPECT_EQ(stage2_start_level(granule::kib_16, 3, 48, false), std::nullopt);
    EXPECT_EQ(stage2_start_level(granule::kib_64, 1, 40, false), 2U);
    EXPECT_EQ(stage2_start_level(granule::kib_64, 2, 42, false), std::nullopt);
    EXPECT_EQ(stage2_start_level(granule::kib_64, 2, 44, false), 1U);
}

// AArch64.S2InconsistentSL: one bit to a full table with 16 side by side.
TEST(arm_vmsa_format, stage_2_first_level_resolves_one_bit_to_sixteen_tables) {
    EXPECT_FALSE(stage2_geometry_is_legal(granule::kib_4, 1, 30));
    EXPECT_TRUE(stage2_geometry_is_legal(granule::kib_4, 1, 31));
    EXPECT_TRUE(stage2_geometry_is_legal(granule::kib_4, 1, 43));
    EXPECT_FALSE(stage2_geometry_is_legal(granule::kib_4, 1, 44));
    EXPECT_TRUE(stage2_geometry_is_legal(granule::kib_64, 2, 46));
    EXPECT_FALSE(stage2_geometry_is_legal(granule::kib_64, 2, 47));
}

// AArch64.BlockDescSupported
TEST(arm_vmsa_format, levels_of_blocks) {
    for (const unsigned oas : {48U, 52U}) {
        EXPECT_FALSE(block_is_legal(granule::kib_4, 0, oas));
        EXPECT_TRUE(block_is_legal(granule::kib_4, 1, oas));
        EXPECT_TRUE(block_is_legal(granule::kib_4, 2, oas));
        EXPECT_FALSE(block_is_legal(granule::kib_16, 1, oas));
        EXPECT_TRUE(block_is_legal(granule::kib_16, 2, oas));
        EXPECT_FALSE(block_is_legal(granule::kib_4, 3, oas));
    }
    EXPECT_FALSE(block_is_legal(granule::kib_64, 1, 48));
    EXPECT_TRUE(block_is_legal(granule::kib_64, 1, 52));
}

TEST(arm_vmsa_format, addresses_of_52_bits_come_with_the_64k_granule_alone) {
    constexpr std::uint64_t word = 0xffff'ffff'ffff'ffff;
    EXPECT_EQ(address_in(word, granule::kib_4, 52), 0x0000'ffff'ffff'f000U);
    EXPECT_EQ(address_in(word, granule::kib_16, 52), 0x0000'ffff'ffff'c000U);
    EXPECT_EQ(address_in(word, granule::kib_64, 48), 0x0000'ffff'ffff'0000U);
    EXPECT_EQ(address_in(word, granule::kib_64, 52), 0x000f'ffff'ffff'0000U);
    EXPECT_EQ(output_bits_of(granule::kib_4, 52, 52), 48U);
    EXPECT_EQ(output_bits_of(granule::kib_64, 52, 52), 52U);
    EXPECT_EQ(output_bits_of(granule::kib_64, 52, 44), 44U);
    EXPECT_EQ(output_bits_of(granule::kib_64, 40, 52), 40U);
}

// Arm ARM D8.7.1: 16 leaves of 4K, 128 pages or 32 blocks of 16K, 32 leaves of 64K.
TEST(arm_vmsa_format, runs_that_the_contiguous_bit_joins) {
    EXPECT_EQ(log2_contiguous_leaves(granule::kib_4, 3), 4U);
    EXPECT_EQ(log2_contiguous_leaves(granule::kib_4, 1), 4U);
    EXPECT_EQ(log2_contiguous_leaves(granule::kib_16, 3), 7U);
    EXPECT_EQ(log2_contiguous_leaves(granule::kib_16, 2), 5U);
    EXPECT_EQ(log2_contiguous_leaves(granule::kib_64, 2), 5U);
    EXPECT_EQ(log2_contiguous_leaves(granule::kib_64, 1), 0U);
}

} // namespace
} // namespace iommulab::arm_vmsa
