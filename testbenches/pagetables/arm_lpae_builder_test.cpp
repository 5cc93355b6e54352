// SPDX-License-Identifier: Apache-2.0
// The builder of Arm VMSA tables, against a walk written here from DDI 0487, D8.3.
#include "sw/pagetables/arm_lpae.h"
#include "testbenches/pagetables/table_test_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace iommulab::sw {
namespace {

using test_memory = harness::table_test_memory;
using test_listener = harness::table_test_listener;

constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t MiB = 1024 * KiB;
constexpr std::uint64_t GiB = 1024 * MiB;

struct walked {
    std::uint64_t address;
    std::uint64_t page_bytes;
    std::uint64_t descriptor;
};

/// The walk: from the start level, index bits of each level, block above level 3, page at level 3.
std::optional<walked> walk(test_memory& memory, const arm_lpae_tables& tables, std::uint64_t iova) {
    const unsigned granule = tables.configuration().granule_log2;
    std::uint64_t table = tables.root();
    for (unsigned level = tables.start_level();; ++level) {
        const unsigned shift = granule + (3 - level) * (granule - 3);
        std::uint64_t index = iova >> shift;
        if (level != tables.start_level()) {
            index %= std::uint64_t{1} << (granule - 3);
        }
        const std::uint64_t descriptor = memory.read64(table + 8 * index);
        if ((descriptor & 1) == 0) {
            return std::nullopt;
        }
        std::uint64_t out = descriptor & 0x0000fffffffff000;
        if (granule == 16) {
            out = (out & ~std::uint64_t{0xf000}) | (out & 0xf000) << 36;
        }
        const bool table_or_page = (descriptor & 2) != 0;
        if (level == 3 || !table_or_page) {
            EXPECT_EQ(level == 3, table_or_page);
            const std::uint64_t size = std::uint64_t{1} << shift;
            EXPECT_EQ(out & (size - 1), 0u);
            return walked{out + (iova & (size - 1)), size, descriptor};
        }
        table = out;
    }
}

const page_protection read_write{.read = true, .write = true, .cacheable = true};
const page_protection read_only{.read = true, .cacheable = true};

TEST(arm_lpae, stage_1_descriptors_are_those_that_linux_writes) {
    test_memory memory;
    arm_lpae_tables tables({}, memory);
    ASSERT_EQ(tables.status(), table_status::ok);
    EXPECT_EQ(tables.start_level(), 0u);
    EXPECT_EQ(tables.map(0xffffd000, 0x46135000, 4 * KiB, read_write).status, table_status::ok);
    EXPECT_EQ(tables.map(0xffffe000, 0x46136000, 4 * KiB, read_only).status, table_status::ok);
    // As in a recorded kernel's tables: AttrIndx 1, AP[1], inner shareable, AF, nG; AP[2] for read-only.
    EXPECT_EQ(walk(memory, tables, 0xffffd123)->descriptor, 0x46135f47u);
    EXPECT_EQ(walk(memory, tables, 0xffffd123)->address, 0x46135123u);
    EXPECT_EQ(walk(memory, tables, 0xffffe000)->descriptor, 0x46136fc7u);
    EXPECT_FALSE(walk(memory, tables, 0xfffff000));
}

TEST(arm_lpae, sizes_follow_granule_and_alignment) {
    struct sample {
        unsigned granule_log2;
        unsigned input_bits;
        unsigned start_level;
        std::vector<std::uint64_t> sizes;
    };
    const sample samples[] = {{12, 48, 0, {GiB, 2 * MiB, 4 * KiB}}, {12, 39, 1, {GiB, 2 * MiB, 4 * KiB}},
                              {12, 30, 2, {2 * MiB, 4 * KiB}},      {14, 48, 0, {32 * MiB, 16 * KiB}},
                              {14, 47, 1, {32 * MiB, 16 * KiB}},    {16, 48, 1, {512 * MiB, 64 * KiB}},
                              {16, 42, 2, {512 * MiB, 64 * KiB}}};
    for (const sample& s : samples) {
        test_memory memory;
        arm_lpae_tables tables({.granule_log2 = s.granule_log2, .input_bits = s.input_bits}, memory);
        ASSERT_EQ(tables.status(), table_status::ok);
        EXPECT_EQ(tables.start_level(), s.start_level);
        EXPECT_EQ(tables.page_sizes(), s.sizes);
        // One page, then all that is left up to a block, then a block.
        const std::uint64_t block = s.sizes[s.sizes.size() - 2];
        const std::uint64_t page = s.sizes.back();
        const std::uint64_t from = 2 * block - page;
        const auto result = tables.map(from, from + 8 * block, page + block, read_write);
        EXPECT_EQ(result.status, table_status::ok);
        EXPECT_EQ(result.done_bytes, page + block);
        EXPECT_EQ(walk(memory, tables, from)->page_bytes, page);
        EXPECT_EQ(walk(memory, tables, from + page)->page_bytes, block);
        EXPECT_EQ(walk(memory, tables, from + page + 12345)->address, 10 * block + 12345);
        EXPECT_EQ(tables.iova_to_phys(from + page + 12345), 10 * block + 12345);
        EXPECT_FALSE(tables.iova_to_phys(from + page + block));
    }
}

TEST(arm_lpae, stage_2_descriptors_and_concatenated_start_tables) {
    test_memory memory;
    // 40 bits of input with 4 KiB pages: two level 1 tables side by side instead of a level 0 with two entries.
    arm_lpae_tables tables({.stage = 2, .input_bits = 40, .output_bits = 40}, memory);
    EXPECT_EQ(tables.start_level(), 1u);
    EXPECT_EQ(tables.root_bytes(), 8 * KiB);
    EXPECT_EQ(tables.map(513 * GiB + 4 * KiB, 0x5000, 4 * KiB, {.read = true, .write = false, .execute = false}).status,
              table_status::ok);
    // S2AP read, MemAttr non-cacheable, outer shareable, AF, XN.
    EXPECT_EQ(walk(memory, tables, 513 * GiB + 4 * KiB)->descriptor, 0x0040'0000'0000'5657u);
    EXPECT_EQ(tables.map(0, 0x6000, 4 * KiB, {.read = false, .write = true, .cacheable = true}).status,
              table_status::ok);
    EXPECT_EQ(walk(memory, tables, 0)->descriptor, 0x67bfu);
    const auto translation = tables.translate(513 * GiB + 4 * KiB);
    ASSERT_TRUE(translation);
    EXPECT_TRUE(translation->protection.read && !translation->protection.write && !translation->protection.execute);
}

TEST(arm_lpae, addresses_of_52_bits_with_64_kib_pages) {
    test_memory memory;
    arm_lpae_tables tables({.granule_log2 = 16, .input_bits = 52, .output_bits = 52}, memory);
    const std::uint64_t out = 0x000a'bcde'f012'0000;
    EXPECT_EQ(tables.map(0x000f'0000'0001'0000, out, 64 * KiB, read_write).status, table_status::ok);
    EXPECT_EQ(walk(memory, tables, 0x000f'0000'0001'0005)->address, out + 5);
    EXPECT_EQ(walk(memory, tables, 0x000f'0000'0001'0000)->descriptor & 0xf000, 0xa000u);
}

TEST(arm_lpae, errors) {
    test_memory memory;
    arm_lpae_tables tables({.input_bits = 39, .output_bits = 40}, memory);
    EXPECT_EQ(tables.map(0x1000, 0x800, 4 * KiB, read_write).status, table_status::invalid_argument);
    EXPECT_EQ(tables.map(0x1000, 0x1000, 0, read_write).status, table_status::invalid_argument);
    EXPECT_EQ(tables.map(0x1000, 0x1000, 4 * KiB, {.read = false, .write = true}).status,
              table_status::invalid_argument);
    EXPECT_EQ(tables.map(512 * GiB, 0, 4 * KiB, read_write).status, table_status::out_of_range);
    EXPECT_EQ(tables.map(512 * GiB - 4 * KiB, 0, 8 * KiB, read_write).status, table_status::out_of_range);
    EXPECT_EQ(tables.map(0, 1024 * GiB, 4 * KiB, read_write).status, table_status::out_of_range);
    EXPECT_EQ(tables.map(~std::uint64_t{0xfff}, 0, 4 * KiB, read_write).status, table_status::out_of_range);
    EXPECT_EQ(tables.map_pages(0, 0, 8 * KiB, 1, read_write).status, table_status::invalid_argument);
    EXPECT_EQ(tables.map_pages(0x1000, 0, 2 * MiB, 1, read_write).status, table_status::invalid_argument);
    EXPECT_EQ(tables.unmap(0x1000, 4 * KiB).status, table_status::not_mapped);
    EXPECT_EQ(tables.unmap(0x1001, 4 * KiB).status, table_status::invalid_argument);
    EXPECT_EQ(tables.unmap(512 * GiB, 4 * KiB).status, table_status::out_of_range);

    EXPECT_EQ(tables.map(0x3000, 0x3000, 4 * KiB, read_write).status, table_status::ok);
    const auto over = tables.map(0x1000, 0x1000, 16 * KiB, read_write);
    EXPECT_EQ(over.status, table_status::exists);
    EXPECT_EQ(over.done_bytes, 8 * KiB); // what came before the page in the way stays mapped
    EXPECT_EQ(tables.map(0, 0, 2 * MiB, read_write).status, table_status::exists);
    EXPECT_EQ(tables.map(GiB, 0, 2 * MiB, read_write).status, table_status::ok);
    EXPECT_EQ(tables.map(GiB + 4 * KiB, 0, 4 * KiB, read_write).status, table_status::exists);

    memory.limit = memory.allocated.size();
    EXPECT_EQ(tables.map(100 * GiB + 4 * KiB, 0, 4 * KiB, read_write).status, table_status::no_memory);
    EXPECT_EQ(tables.unmap(GiB, 4 * KiB).status, table_status::no_memory); // no table to split the block into
    EXPECT_TRUE(tables.iova_to_phys(GiB));
    test_memory none;
    none.limit = 0;
    EXPECT_EQ(arm_lpae_tables({}, none).status(), table_status::no_memory);
    EXPECT_EQ(arm_lpae_tables({.granule_log2 = 13}, none).status(), table_status::invalid_argument);
    EXPECT_EQ(arm_lpae_tables({.input_bits = 49}, none).status(), table_status::invalid_argument);
}

TEST(arm_lpae, unmapping_a_part_of_a_block_splits_it) {
    test_memory memory;
    test_listener listener;
    arm_lpae_tables tables({}, memory);
    ASSERT_EQ(tables.map(GiB, 4 * GiB, GiB, read_only).status, table_status::ok);
    EXPECT_EQ(walk(memory, tables, GiB)->page_bytes, GiB);
    const std::uint64_t hole = GiB + 6 * MiB + 20 * KiB;
    EXPECT_EQ(tables.unmap(hole, 4 * KiB, &listener).done_bytes, 4 * KiB);
    EXPECT_FALSE(walk(memory, tables, hole));
    EXPECT_EQ(walk(memory, tables, hole - 1)->address, 3 * GiB + hole - 1);
    EXPECT_EQ(walk(memory, tables, hole + 4 * KiB)->page_bytes, 4 * KiB);
    EXPECT_EQ(walk(memory, tables, hole + 4 * KiB)->descriptor & 0xfff, 0xfc7u);
    EXPECT_EQ(walk(memory, tables, GiB)->page_bytes, 2 * MiB);
    EXPECT_EQ(walk(memory, tables, GiB)->descriptor & 0xfff, 0xfc5u);
    // The old block is reported before each split, and the page itself.
    EXPECT_EQ(listener.leaves, (test_listener::ranges{{GiB, GiB}, {GiB + 6 * MiB, 2 * MiB}, {hole, 4 * KiB}}));
}

TEST(arm_lpae, contiguous_runs) {
    for (const auto& [granule_log2, run, block_run] :
         {std::tuple{12u, 64 * KiB, 32 * MiB}, std::tuple{14u, 2 * MiB, GiB}, std::tuple{16u, 2 * MiB, 16 * GiB}}) {
        test_memory memory;
        test_listener listener;
        arm_lpae_tables tables({.granule_log2 = granule_log2, .contiguous_hint = true}, memory);
        const std::uint64_t page = std::uint64_t{1} << granule_log2;
        // Runs start where both addresses are aligned to a run.
        ASSERT_EQ(tables.map(run - page, 3 * run - page, 2 * page + run, read_write).status, table_status::ok);
        EXPECT_FALSE(tables.translate(0));
        EXPECT_FALSE(tables.translate(run - page)->contiguous);
        EXPECT_TRUE(tables.translate(run)->contiguous);
        EXPECT_TRUE(tables.translate(2 * run - 1)->contiguous);
        EXPECT_FALSE(tables.translate(2 * run)->contiguous);
        EXPECT_EQ(tables.iova_to_phys(run + page + 5), 3 * run + page + 5);
        // One page out of the run: the hint goes from all of it, and all of it is reported, since one TLB entry may
        // hold it.
        EXPECT_EQ(tables.unmap(run + page, page, &listener).status, table_status::ok);
        EXPECT_FALSE(tables.translate(run + page));
        EXPECT_FALSE(tables.translate(run)->contiguous);
        EXPECT_EQ(tables.iova_to_phys(run), 3 * run);
        EXPECT_EQ(listener.leaves, (test_listener::ranges{{run, run}, {run + page, page}}));
        // Runs of blocks; a whole run goes at once.
        const std::uint64_t from = 4 * block_run;
        ASSERT_EQ(tables.map(from, from, block_run, read_write).status, table_status::ok);
        EXPECT_TRUE(tables.translate(from)->contiguous);
        EXPECT_EQ(tables.translate(from)->page_bytes, page * page / 8);
        listener.leaves.clear();
        EXPECT_EQ(tables.unmap(from, block_run, &listener).done_bytes, block_run);
        EXPECT_TRUE(listener.tables.empty());
        EXPECT_EQ(listener.leaves, (test_listener::ranges{{from, block_run}}));
        EXPECT_FALSE(tables.translate(from + block_run - 1));
    }
}

TEST(arm_lpae, tables_are_removed_with_their_last_use_and_released) {
    test_memory memory;
    test_listener listener;
    arm_lpae_tables tables({}, memory);
    const std::size_t root_only = memory.allocated.size();
    ASSERT_EQ(tables.map(2 * MiB, GiB, 2 * MiB - 4 * KiB, read_write).status, table_status::ok);
    EXPECT_EQ(memory.allocated.size(), root_only + 3);
    // The whole of what a table covers: the table goes.
    ASSERT_EQ(tables.map(4 * MiB - 4 * KiB, GiB, 4 * KiB, read_write).status, table_status::ok);
    EXPECT_EQ(tables.unmap(2 * MiB, 2 * MiB, &listener).done_bytes, 2 * MiB);
    EXPECT_EQ(listener.tables, (test_listener::ranges{{2 * MiB, 2 * MiB}}));
    EXPECT_EQ(memory.allocated.size(), root_only + 2);
    // Page by page the empty table stays; a block takes its place, after the listener was told.
    ASSERT_EQ(tables.map(2 * MiB, GiB, 4 * KiB, read_write).status, table_status::ok);
    ASSERT_EQ(tables.unmap(2 * MiB, 4 * KiB, &listener).status, table_status::ok);
    EXPECT_EQ(memory.allocated.size(), root_only + 3);
    listener.tables.clear();
    EXPECT_EQ(tables.map(2 * MiB, GiB, 2 * MiB, read_write, &listener).status, table_status::ok);
    EXPECT_EQ(listener.tables, (test_listener::ranges{{2 * MiB, 2 * MiB}}));
    EXPECT_EQ(walk(memory, tables, 2 * MiB)->page_bytes, 2 * MiB);
    tables.release_all();
    EXPECT_TRUE(memory.allocated.empty());
    EXPECT_NE(tables.map(0, 0, 4 * KiB, read_write).status, table_status::ok);
}

TEST(arm_lpae, any_sequence_agrees_with_a_list_of_pages) {
    std::uint64_t seed = 20260101;
    const auto random = [&](std::uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };
    for (const unsigned granule_log2 : {12u, 14u, 16u}) {
        for (const unsigned stage : {1u, 2u}) {
            test_memory memory;
            arm_lpae_tables tables({.stage = stage, .granule_log2 = granule_log2, .contiguous_hint = true}, memory);
            const std::uint64_t page = std::uint64_t{1} << granule_log2;
            const std::uint64_t window = 2 * (page / 8); // pages: two blocks of level 2
            std::map<std::uint64_t, std::uint64_t> pages;
            for (int step = 0; step < 300; ++step) {
                const std::uint64_t first = random(4) == 0 ? random(2) * (page / 8) : random(window);
                const std::uint64_t count = std::min(window - first, random(3) == 0 ? page / 8 : 1 + random(200));
                if (random(2) == 0) {
                    const std::uint64_t out = first + random(3) * (page / 8);
                    const auto result = tables.map(first * page, out * page, count * page, read_write);
                    std::uint64_t expected = 0;
                    while (expected < count && pages.count(first + expected) == 0) {
                        ++expected;
                    }
                    // A run or block in the way of a mapped page is not started: less may be mapped, never more.
                    EXPECT_LE(result.done_bytes, expected * page);
                    EXPECT_EQ(result.status, expected == count ? table_status::ok : table_status::exists);
                    for (std::uint64_t i = 0; i < result.done_bytes / page; ++i) {
                        pages[first + i] = out + i;
                    }
                } else {
                    const auto result = tables.unmap(first * page, count * page);
                    for (std::uint64_t i = 0; i < result.done_bytes / page; ++i) {
                        pages.erase(first + i);
                    }
                    if (result.status != table_status::ok) {
                        EXPECT_EQ(result.status, table_status::not_mapped);
                        EXPECT_EQ(pages.count(first + result.done_bytes / page), 0u);
                    }
                }
                for (int probe = 0; probe < 40; ++probe) {
                    const std::uint64_t at = random(window);
                    const auto seen = walk(memory, tables, at * page);
                    const auto known = pages.find(at);
                    ASSERT_EQ(seen.has_value(), known != pages.end()) << at;
                    if (seen) {
                        ASSERT_EQ(seen->address, known->second * page);
                    }
                }
            }
        }
    }
}

} // namespace
} // namespace iommulab::sw
