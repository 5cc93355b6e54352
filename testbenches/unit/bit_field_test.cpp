// SPDX-License-Identifier: Apache-2.0
#include "models/core/bit_field.h"

#include <gtest/gtest.h>

#include <array>

namespace iommulab {
namespace {

TEST(bit_field, reads_its_bits_and_no_others) {
    constexpr bit_field f{"F", 4, 8};
    static_assert(f.mask() == 0xff);
    EXPECT_EQ(f.of(0xabcd'ef12), 0xf1u);
    EXPECT_EQ(f.of(~std::uint64_t{0xff0}), 0u);
}

TEST(bit_field, put_leaves_the_other_bits_and_drops_what_is_too_wide) {
    constexpr bit_field f{"F", 4, 8};
    EXPECT_EQ(f.put(0, 0x123), 0x230u);
    EXPECT_EQ(f.put(~std::uint64_t{0}, 0), ~std::uint64_t{0xff0});
    EXPECT_EQ(f.make(0x5a), 0x5a0u);
}

TEST(bit_field, may_be_the_whole_word) {
    constexpr bit_field f{"F", 0, 64};
    EXPECT_EQ(f.of(0x8123'4567'89ab'cdef), 0x8123'4567'89ab'cdefu);
    EXPECT_EQ(f.put(~std::uint64_t{0}, 0x42), 0x42u);
}

TEST(bit_field, reaches_bit_63) {
    constexpr bit_field f{"F", 60, 4};
    EXPECT_EQ(f.of(0xd000'0000'0000'0000), 0xdu);
    EXPECT_EQ(f.make(0xd), 0xd000'0000'0000'0000u);
}

TEST(bit_field, counts_bits_over_the_words_of_a_structure) {
    constexpr bit_field f{"F", 64 * 3 + 8, 16};
    std::array<std::uint64_t, 4> words{1, 2, 3, 0xffff'ffff'ffff'ffff};
    f.put(std::span<std::uint64_t>(words), 0x1234);
    EXPECT_EQ(words, (std::array<std::uint64_t, 4>{1, 2, 3, 0xffff'ffff'ff12'34ff}));
    EXPECT_EQ(f.of(std::span<const std::uint64_t>(words)), 0x1234u);
}

TEST(bit_field, may_cross_from_one_word_to_the_next) {
    constexpr bit_field f{"F", 56, 16};
    std::array<std::uint64_t, 2> words{0x00ff'ffff'ffff'ffff, 0xffff'ffff'ffff'ff00};
    EXPECT_EQ(f.of(std::span<const std::uint64_t>(words)), 0u);
    f.put(std::span<std::uint64_t>(words), 0xbeef);
    EXPECT_EQ(words, (std::array<std::uint64_t, 2>{0xefff'ffff'ffff'ffff, 0xffff'ffff'ffff'ffbe}));
    EXPECT_EQ(f.of(std::span<const std::uint64_t>(words)), 0xbeefu);
}

TEST(address_field, keeps_the_bits_of_an_address_where_they_are) {
    constexpr address_field f{"ADDR", 12, 36};
    EXPECT_EQ(f.of(0xffff'1234'5678'9abc), 0x1234'5678'9000u);
    EXPECT_EQ(f.put(0xfff0'0000'0000'0abc, 0x1234'5678'9fff), 0xfff0'1234'5678'9abcu);
}

} // namespace
} // namespace iommulab
