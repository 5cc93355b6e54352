// SPDX-License-Identifier: Apache-2.0
// The builder of tables with 512 entries, in the formats of VT-d, AMD-Vi and x86-64: entries are those that a recorded
// Linux 6.1 wrote; whatever is mapped and unmapped, the tables agree with a list of pages.
#include "sw/pagetables/radix_formats.h"
#include "testbenches/pagetables/table_test_memory.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace iommulab::sw {
namespace {

using harness::table_test_listener;
using harness::table_test_memory;
using occupied = radix_tables::occupied;

constexpr std::uint64_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;
constexpr page_protection read_write{.read = true, .write = true}, read_only{.read = true};

const vtd_second_level_format second_level;
const amd_v1_format amd_v1;
const x86_64_format first_level({.execute_disable = true});
const x86_64_format amd_v2({.dirty = true});

/// The entry that translates an address at a level, by indices alone: the tables' levels must be whole.
std::uint64_t entry(table_test_memory& memory, const radix_tables& t, const radix_format& f, std::uint64_t iova,
                    unsigned level) {
    std::uint64_t table = t.root();
    for (unsigned at = t.levels();; --at) {
        const std::uint64_t found = memory.read64(table + 8 * (iova >> (12 + 9 * (at - 1)) & 0x1ff));
        if (at == level)
            return found;
        const radix_entry e = f.decode(found, at);
        EXPECT_EQ(e.is, radix_entry::kind::table);
        table = e.address;
    }
}

TEST(radix_formats, vtd_entries_are_those_that_linux_writes) {
    table_test_memory memory;
    radix_tables t(second_level, 4, memory);
    ASSERT_EQ(t.map_pages(0xffe7f000, 0x5693000, 4 * KiB, 1, read_write, occupied::refuse).status, table_status::ok);
    ASSERT_EQ(t.map_pages(0xffe80000, 0x5694000, 4 * KiB, 1, read_only, occupied::refuse).status, table_status::ok);
    ASSERT_EQ(t.map_pages(0xffc00000, 0x5800000, 2 * MiB, 1, read_write, occupied::refuse).status, table_status::ok);
    EXPECT_EQ(entry(memory, t, second_level, 0xffe7f000, 1), 0x5693003u);
    EXPECT_EQ(entry(memory, t, second_level, 0xffe80000, 1), 0x5694001u);
    EXPECT_EQ(entry(memory, t, second_level, 0xffc00000, 2), 0x5800083u);
    EXPECT_EQ(entry(memory, t, second_level, 0xffe7f000, 2) & 0xfff, 0x3u);
    // Write-only: Linux 6.1 sets R all the same. SNP is bit 11.
    EXPECT_EQ(second_level.leaf(0x1000, 1, 12, {.read = false, .write = true, .cacheable = true}), 0x1803u);
}

TEST(radix_formats, amd_version_1_entries_are_those_that_linux_writes) {
    table_test_memory memory;
    radix_tables t(amd_v1, 3, memory);
    const page_protection write_only{.read = false, .write = true};
    ASSERT_EQ(t.map_pages(0xfff46000, 0x5568000, 8 * KiB, 1, write_only, occupied::replace).status, table_status::ok);
    // 8 KiB in two entries alike: NextLevel 7, and the size in the address.
    EXPECT_EQ(entry(memory, t, amd_v1, 0xfff46000, 1), 0x5000000005568e01u);
    EXPECT_EQ(entry(memory, t, amd_v1, 0xfff47000, 1), 0x5000000005568e01u);
    ASSERT_EQ(t.map_pages(0xfffe0000, 0x5060000, 64 * KiB, 1, read_write, occupied::replace).status, table_status::ok);
    EXPECT_EQ(entry(memory, t, amd_v1, 0xfffe5000, 1), 0x7000000005067e01u);
    ASSERT_EQ(t.map_pages(0xffe7f000, 0x53a4000, 4 * KiB, 1, read_only, occupied::replace).status, table_status::ok);
    EXPECT_EQ(entry(memory, t, amd_v1, 0xffe7f000, 1), 0x30000000053a4001u);
    EXPECT_EQ(entry(memory, t, amd_v1, 0xffe7f000, 2) & 0xfff0000000000fff, 0x6000000000000201u);
    EXPECT_EQ(entry(memory, t, amd_v1, 0xffe7f000, 3) & 0xfff0000000000fff, 0x6000000000000401u);
    EXPECT_EQ(t.iova_to_phys(0xfffe5123), 0x5065123u);
}

TEST(radix_formats, x86_64_entries) {
    // P, US, A, D with RW, XD for VT-d; for AMD D always, no NX. Bits of the Intel SDM, volume 3, table 4-20.
    EXPECT_EQ(first_level.leaf(0x1000, 1, 12, read_write), 0x8000000000001067u);
    EXPECT_EQ(first_level.leaf(0x1000, 1, 12, read_only), 0x8000000000001025u);
    EXPECT_EQ(first_level.leaf(0x200000, 2, 21, read_write), 0x80000000002000e7u);
    EXPECT_EQ(first_level.table(0x3000, 3), 0x8000000000003027u);
    EXPECT_EQ(amd_v2.leaf(0x1000, 1, 12, read_only), 0x1065u);
    EXPECT_EQ(amd_v2.table(0x3000, 3), 0x3027u);
}

TEST(radix_tables, refuse_what_is_out_of_range_or_occupied) {
    table_test_memory memory;
    radix_tables t(second_level, 3, memory);
    EXPECT_EQ(t.input_bits(), 39u);
    const auto status = [&](std::uint64_t iova, std::uint64_t bytes, std::uint64_t count = 1) {
        return t.map_pages(iova, 0, bytes, count, read_write, occupied::refuse).status;
    };
    EXPECT_EQ(status(512 * GiB, 4 * KiB), table_status::out_of_range);
    EXPECT_EQ(status(512 * GiB - 4 * KiB, 4 * KiB, 2), table_status::out_of_range);
    EXPECT_EQ(status(0, 512 * GiB), table_status::out_of_range);
    EXPECT_EQ(status(4 * KiB, 2 * MiB), table_status::invalid_argument);
    EXPECT_EQ(status(0, 3 * KiB), table_status::invalid_argument);
    EXPECT_EQ(status(0, 4 * KiB), table_status::ok);
    EXPECT_EQ(status(0, 4 * KiB), table_status::exists);
    EXPECT_EQ(status(2 * MiB, 2 * MiB), table_status::ok);
    EXPECT_EQ(status(2 * MiB + 4 * KiB, 4 * KiB), table_status::exists) << "a superpage above";
    EXPECT_EQ(t.map_pages(0, 0, 4 * KiB, 1, read_write, occupied::replace).status, table_status::ok);
    memory.limit = memory.allocated.size();
    EXPECT_EQ(status(GiB, 4 * KiB), table_status::no_memory);
    EXPECT_EQ(radix_tables(second_level, 7, memory).status(), table_status::invalid_argument);
    EXPECT_EQ(radix_tables(second_level, 3, memory).status(), table_status::no_memory);
}

TEST(radix_tables, replace_tells_of_what_goes_before_anything_takes_its_place) {
    table_test_memory memory;
    table_test_listener listener;
    radix_tables t(amd_v1, 3, memory);
    ASSERT_EQ(t.map_pages(0, GiB, 2 * MiB, 1, read_write, occupied::replace).status, table_status::ok);
    ASSERT_EQ(t.map_pages(4 * KiB, 0, 4 * KiB, 1, read_write, occupied::replace, &listener).status, table_status::ok);
    EXPECT_EQ(listener.leaves, (table_test_listener::ranges{{0, 2 * MiB}})) << "the rest of the large page is gone";
    EXPECT_FALSE(t.translate(0));
    ASSERT_EQ(t.map_pages(0, GiB, 2 * MiB, 1, read_write, occupied::replace, &listener).status, table_status::ok);
    EXPECT_EQ(listener.tables, (table_test_listener::ranges{{0, 2 * MiB}}));
    EXPECT_EQ(t.iova_to_phys(4 * KiB), GiB + 4 * KiB);
}

TEST(radix_tables, unmap_takes_whole_leaves_and_whole_tables) {
    table_test_memory memory;
    table_test_listener listener;
    radix_tables t(second_level, 4, memory);
    const std::size_t root_only = memory.allocated.size();
    ASSERT_EQ(t.map_pages(2 * MiB, GiB, 2 * MiB, 1, read_write, occupied::refuse).status, table_status::ok);
    ASSERT_EQ(t.map_pages(4 * MiB, 2 * GiB, 4 * KiB, 512, read_write, occupied::refuse).status, table_status::ok);
    EXPECT_EQ(t.unmap(2 * MiB + 8 * KiB, 4 * KiB, &listener), 2 * MiB - 8 * KiB) << "to the end of the superpage";
    EXPECT_FALSE(t.translate(2 * MiB));
    EXPECT_EQ(t.unmap(4 * MiB, 2 * MiB, &listener), 2 * MiB);
    EXPECT_EQ(listener.tables, (table_test_listener::ranges{{4 * MiB, 2 * MiB}}));
    EXPECT_EQ(t.unmap(0, GiB), GiB) << "holes count";
    EXPECT_EQ(memory.allocated.size(), root_only + 1) << "only the table of the upper level is left";
    t.release_all();
    EXPECT_TRUE(memory.allocated.empty());
}

TEST(radix_tables, unmap_leaves_ends_where_no_table_is) {
    table_test_memory memory;
    radix_tables t(amd_v1, 3, memory);
    ASSERT_EQ(t.map_pages(0, 0, 64 * KiB, 1, read_write, occupied::replace).status, table_status::ok);
    EXPECT_EQ(t.unmap_leaves(4 * KiB, 4 * KiB), 64 * KiB) << "the page, all entries of it";
    EXPECT_FALSE(t.translate(60 * KiB));
    EXPECT_EQ(t.unmap_leaves(0, 8 * KiB), 8 * KiB) << "holes in a table of level 1 count";
    EXPECT_EQ(t.unmap_leaves(2 * MiB - 4 * KiB, 8 * KiB), 4 * KiB) << "others do not";
}

TEST(radix_tables, grow_and_shrink_keep_what_is_mapped) {
    table_test_memory memory;
    radix_tables t(amd_v1, 1, memory);
    ASSERT_EQ(t.map_pages(0x5000, 0x7000, 4 * KiB, 1, read_write, occupied::replace).status, table_status::ok);
    for (unsigned levels = 2; levels <= 6; ++levels) {
        ASSERT_TRUE(t.grow());
        EXPECT_EQ(t.levels(), levels);
        EXPECT_EQ(t.iova_to_phys(0x5000), 0x7000u);
    }
    EXPECT_FALSE(t.grow());
    EXPECT_EQ(t.input_bits(), 64u);
    ASSERT_EQ(t.map_pages(~std::uint64_t{0xfff}, 0x9000, 4 * KiB, 1, read_write, occupied::replace).status,
              table_status::ok);
    EXPECT_EQ(t.iova_to_phys(~std::uint64_t{0}), 0x9fffu);

    radix_tables narrowed(second_level, 5, memory);
    const std::uint64_t wide_root = narrowed.root();
    narrowed.shrink();
    EXPECT_EQ(narrowed.root(), wide_root) << "an empty root is of the lower level now";
    ASSERT_EQ(narrowed.map_pages(0x5000, 0x7000, 4 * KiB, 1, read_write, occupied::refuse).status, table_status::ok);
    narrowed.shrink();
    EXPECT_EQ(narrowed.levels(), 3u);
    EXPECT_EQ(narrowed.iova_to_phys(0x5000), 0x7000u);
}

struct kind {
    const char* name;
    const radix_format& format;
    std::vector<unsigned> page_log2;
};
const kind kinds[] = {{"second_level", second_level, {12, 21, 30}},
                      {"first_level", first_level, {12, 21, 30}},
                      {"amd_v1", amd_v1, {12, 13, 16, 20, 21, 22, 30}}};

struct any_sequence : testing::TestWithParam<kind> {};

TEST_P(any_sequence, agrees_with_a_list_of_pages) {
    table_test_memory memory;
    radix_tables t(GetParam().format, 4, memory);
    std::mt19937_64 random(7);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    struct page {
        std::uint64_t address;
        std::uint64_t leaf, leaf_bytes; ///< which it is a part of
    };
    std::map<std::uint64_t, page> reference;
    const auto forget = [&](std::uint64_t at) { // the whole leaf that covers it
        if (const auto place = reference.find(at); place != reference.end()) {
            const page p = place->second;
            reference.erase(reference.lower_bound(p.leaf), reference.lower_bound(p.leaf + p.leaf_bytes));
        }
    };
    constexpr std::uint64_t window = 64 * MiB;
    for (int step = 0; step < 2000; ++step) {
        const unsigned log2 = GetParam().page_log2[below(GetParam().page_log2.size() - 1)]; // not the largest: time
        const std::uint64_t bytes = std::uint64_t{1} << log2;
        const std::uint64_t iova = below(window / bytes) * bytes;
        if (below(3) != 0) {
            const std::uint64_t address = below(1 << 20) << 22;
            ASSERT_EQ(t.map_pages(iova, address, bytes, 1, read_write, occupied::replace).status, table_status::ok);
            for (std::uint64_t at = iova; at < iova + bytes; at += 4 * KiB)
                forget(at);
            for (std::uint64_t at = iova; at < iova + bytes; at += 4 * KiB)
                reference[at] = {address + (at - iova), iova, bytes};
        } else {
            const std::uint64_t size = (1 + below(600)) * 4 * KiB;
            const std::uint64_t done = t.unmap(iova, size);
            ASSERT_GE(done, size);
            for (std::uint64_t at = iova; at < iova + size; at += 4 * KiB)
                forget(at);
        }
        for (int look = 0; look < 20; ++look) {
            const std::uint64_t at = below(window / (4 * KiB)) * 4 * KiB;
            const auto place = reference.find(at);
            const auto found = t.translate(at + 5);
            ASSERT_EQ(found.has_value(), place != reference.end()) << step << " " << std::hex << at;
            if (found) {
                ASSERT_EQ(found->address, place->second.address + 5);
                ASSERT_EQ(std::uint64_t{1} << found->page_log2, place->second.leaf_bytes);
            }
        }
    }
    t.release_all();
    EXPECT_TRUE(memory.allocated.empty());
}

INSTANTIATE_TEST_SUITE_P(radix, any_sequence, testing::ValuesIn(kinds),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

} // namespace
} // namespace iommulab::sw
