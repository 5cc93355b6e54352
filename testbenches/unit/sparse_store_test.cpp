// SPDX-License-Identifier: Apache-2.0
#include "models/memory/sparse_store.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace iommulab {
namespace {

TEST(sparse_store, untouched_memory_reads_as_zero_and_costs_nothing) {
    const sparse_store store;
    std::array<unsigned char, 100> out;
    out.fill(0xAA);
    store.read((std::uint64_t{1} << 52) - out.size(), out.data(), out.size());
    for (const unsigned char b : out)
        EXPECT_EQ(b, 0);
    EXPECT_EQ(store.allocated_bytes(), 0u);
}

TEST(sparse_store, cost_follows_what_is_written_over_the_whole_64_bit_space) {
    sparse_store store;
    for (unsigned bit = 0; bit < 64; ++bit)
        store.write_u64((std::uint64_t{1} << bit) & ~std::uint64_t{7}, bit + 1);
    store.write_u64(~std::uint64_t{7}, 99); // the last 8 bytes there are
    EXPECT_EQ(store.read_u64(~std::uint64_t{7}), 99u);
    for (unsigned bit = 3; bit < 64; ++bit)
        EXPECT_EQ(store.read_u64(std::uint64_t{1} << bit), bit + 1);
    EXPECT_EQ(store.allocated_bytes(), (1 + 48 + 1) * sparse_store::page_bytes); // bits 0-15 share page 0
}

TEST(sparse_store, access_across_pages_is_one_access) {
    sparse_store store;
    const std::uint64_t address = 5 * sparse_store::page_bytes - 3;
    std::vector<unsigned char> in(2 * sparse_store::page_bytes + 6), out(in.size());
    for (std::size_t i = 0; i < in.size(); ++i)
        in[i] = static_cast<unsigned char>(i * 7 + 1);
    store.write(address, in.data(), in.size());
    store.read(address, out.data(), out.size());
    EXPECT_EQ(in, out);
    EXPECT_EQ(store.allocated_bytes(), 4 * sparse_store::page_bytes);
}

TEST(sparse_store, pages_that_share_a_slot_of_the_recent_pages_stay_apart) {
    sparse_store store;
    for (std::uint64_t i = 0; i < 1000; ++i)
        store.write_u64(i * 64 * sparse_store::page_bytes, i + 1);
    for (std::uint64_t i = 0; i < 1000; ++i)
        EXPECT_EQ(store.read_u64(i * 64 * sparse_store::page_bytes), i + 1);
}

TEST(sparse_store, fill_with_zero_allocates_nothing_and_clears_what_is_there) {
    sparse_store store;
    store.write_u64(0x1000, ~std::uint64_t{0});
    store.fill(0, std::uint64_t{1} << 30, 0);
    EXPECT_EQ(store.read_u64(0x1000), 0u);
    EXPECT_EQ(store.allocated_bytes(), sparse_store::page_bytes);
    store.fill(sparse_store::page_bytes - 1, 2, 0x5A);
    EXPECT_EQ(store.read_u64(sparse_store::page_bytes - 8), std::uint64_t{0x5A} << 56);
    EXPECT_EQ(store.read_u64(sparse_store::page_bytes), 0x5Au);
}

TEST(sparse_store, compare_exchange_replaces_only_what_was_expected) {
    sparse_store store;
    store.write_u64(0x2000, 5);
    std::uint64_t expected = 4, desired = 9, found = 0;
    EXPECT_FALSE(store.compare_exchange(0x2000, &expected, &desired, &found, 8));
    EXPECT_EQ(found, 5u);
    EXPECT_EQ(store.read_u64(0x2000), 5u);
    expected = 5;
    EXPECT_TRUE(store.compare_exchange(0x2000, &expected, &desired, &found, 8));
    EXPECT_EQ(store.read_u64(0x2000), 9u);
}

TEST(sparse_store, page_pointers_stay_valid) {
    sparse_store store;
    unsigned char* page = store.page_of(0x12345);
    EXPECT_EQ(store.find_page_of(0xFFFF), nullptr);
    EXPECT_EQ(store.find_page_of(0x1FFFF), page);
    for (std::uint64_t i = 0; i < 5000; ++i)
        store.write_u64(i * sparse_store::page_bytes, i);
    page[0x2345] = 0x77;
    unsigned char byte = 0;
    store.read(0x12345, &byte, 1);
    EXPECT_EQ(byte, 0x77);
}

TEST(sparse_store, clear_makes_it_all_zero_again) {
    sparse_store store;
    store.write_u64(0x3000, 1);
    store.clear();
    EXPECT_EQ(store.allocated_bytes(), 0u);
    EXPECT_EQ(store.read_u64(0x3000), 0u);
}

} // namespace
} // namespace iommulab
