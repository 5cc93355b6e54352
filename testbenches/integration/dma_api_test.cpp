// SPDX-License-Identifier: Apache-2.0
// The DMA API without hardware: which addresses are given away, and when they are invalidated.
#include "models/smmu_v3/spec/commands.h"
#include "sw/dma_api/dma_api.h"
#include "testbenches/smmu_v3/driver_bench.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

namespace iommulab::sw {
namespace {

using harness::fake_smmu;
using harness::smmu_bench;
using smmu_v3::opcode;

constexpr std::uint64_t frame_4g = 0x100000, last_32 = frame_4g - 1, last_48 = (std::uint64_t{1} << 36) - 1;
constexpr std::uint64_t buffer = 0x60000000, page = 0x1000;

struct allocator_bench {
    log_stream log;
    harness::fake_cpu machine{log};
    iova_allocator a{machine, 12, 1};
};

// --- addresses

TEST(iova_allocator, gives_the_highest_addresses_first) {
    allocator_bench b;
    EXPECT_EQ(b.a.allocate(1, last_32, false), last_32);
    EXPECT_EQ(b.a.allocate(1, last_32, false), last_32 - 1);
    EXPECT_EQ(b.a.allocate(1, last_48, false), last_48) << "its own place to search from";
}

TEST(iova_allocator, aligns_to_the_size_and_rounds_cached_sizes_up) {
    allocator_bench b;
    EXPECT_EQ(b.a.allocate(1, last_32, false), 0xfffffu);
    EXPECT_EQ(b.a.allocate(3, last_32, false), 0xffff8u) << "aligned to four";
    EXPECT_EQ(b.a.allocate(1, last_32, false), 0xffff7u) << "four were taken, the gap above stays";
    EXPECT_EQ(b.a.allocate(33, last_32, false), 0xfffc0u) << "aligned to 64, the size not rounded";
    EXPECT_EQ(b.a.allocate(31, last_32, false), 0xfffa0u) << "32 were taken";
}

TEST(iova_allocator, gives_what_was_freed_last_first) {
    allocator_bench b;
    const auto x = b.a.allocate(4, last_32, false), y = b.a.allocate(4, last_32, false);
    b.a.free(*x, 4);
    b.a.free(*y, 4);
    EXPECT_EQ(b.a.allocate(3, last_32, false), y) << "sizes that round to the same share a magazine";
    EXPECT_EQ(b.a.allocate(4, last_32, false), x);
    EXPECT_EQ(b.a.counted().cache_hits, 2u);
    EXPECT_EQ(b.a.taken(), 3u) << "two and the end of all addresses: a cached range stays taken";
}

TEST(iova_allocator, a_cached_address_above_the_limit_is_not_given) {
    allocator_bench b;
    const auto high = b.a.allocate(1, last_48, false);
    b.a.free(*high, 1);
    EXPECT_EQ(b.a.allocate(1, last_32, false), last_32);
    EXPECT_EQ(b.a.allocate(1, last_48, false), high);
}

TEST(iova_allocator, ranges_beyond_32_frames_are_not_cached) {
    allocator_bench b;
    const auto x = b.a.allocate(33, last_32, false);
    b.a.free(*x, 33);
    EXPECT_EQ(b.a.taken(), 1u);
    EXPECT_EQ(b.a.counted().cached_frees, 0u);
    const auto y = b.a.allocate(32, last_32, false);
    b.a.free(*y, 32);
    EXPECT_EQ(b.a.counted().cached_frees, 1u);
}

TEST(iova_allocator, finds_a_gap_above_where_it_searched_last) {
    allocator_bench b;
    const auto x = b.a.allocate(64, last_32, false);
    ASSERT_TRUE(b.a.allocate(64, last_32, false));
    ASSERT_TRUE(b.a.allocate(64, last_48, false));
    b.a.free(*x, 64);
    EXPECT_EQ(b.a.allocate(64, last_32, false), x);
}

TEST(iova_allocator, two_magazines_and_a_depot_then_the_tree) {
    allocator_bench b;
    constexpr std::uint64_t cached = 127 * (2 + 32);
    std::vector<std::uint64_t> all;
    for (std::uint64_t n = 0; n < cached + 1; ++n)
        all.push_back(*b.a.allocate(1, last_32, false));
    for (const std::uint64_t first : all)
        b.a.free(first, 1);
    EXPECT_EQ(b.a.taken(), cached + 1 - 127 + 1) << "the magazine that found no place went to the tree";
}

TEST(iova_allocator, exhausted_low_addresses_come_back_from_the_caches) {
    allocator_bench b;
    b.a.reserve(1, last_32 - 8);
    std::vector<std::uint64_t> all;
    while (const auto first = b.a.allocate(1, last_32, true))
        all.push_back(*first);
    EXPECT_EQ(all.size(), 8u);
    EXPECT_EQ(b.a.counted().refused, 1u);
    for (const std::uint64_t first : all)
        b.a.free(first, 1);
    EXPECT_FALSE(b.a.allocate(8, last_32, false)) << "single frames, cached";
    EXPECT_EQ(b.a.allocate(8, last_32, true), last_32 - 7);
}

TEST(iova_allocator, reserved_frames_and_frame_zero_are_never_given) {
    allocator_bench b;
    b.a.reserve(0x10, 0x1f);
    b.a.reserve(0x18, 0x2f); // overlapping
    b.a.reserve(0x30, last_32);
    std::vector<std::uint64_t> all;
    while (const auto first = b.a.allocate(1, last_32, false))
        all.push_back(*first);
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), 15u);
    EXPECT_EQ(all.front(), 1u);
    EXPECT_EQ(all.back(), 15u);
}

TEST(iova_allocator, what_the_tree_does_not_know_is_not_freed) {
    allocator_bench b;
    EXPECT_THROW(b.a.free(0x1000, 64), std::logic_error);
}

// Whatever the order of calls: within limits, aligned, and nothing belongs to two.
TEST(iova_allocator, no_two_owners_of_an_address) {
    std::mt19937_64 random(7);
    for (int round = 0; round < 20; ++round) {
        allocator_bench b;
        b.a.reserve(0x8000, 0x80ff);
        std::map<std::uint64_t, std::uint64_t> owned;
        for (int step = 0; step < 3000; ++step) {
            if (owned.empty() || random() % 5 < 3) {
                const std::uint64_t frames = random() % 4 == 0 ? 1 + random() % 600 : 1 + random() % 33;
                const std::uint64_t last = random() % 3 == 0 ? last_48 : random() % 2 == 0 ? last_32 : 0xffff;
                const auto first = b.a.allocate(frames, last, random() % 2 == 0);
                if (!first)
                    continue;
                ASSERT_GE(*first, 1u);
                ASSERT_LE(*first + frames - 1, last);
                ASSERT_EQ(*first % std::bit_ceil(frames), 0u);
                ASSERT_TRUE(*first + frames <= 0x8000 || *first > 0x80ff);
                const auto next = owned.lower_bound(*first);
                ASSERT_TRUE(next == owned.end() || *first + frames <= next->first);
                ASSERT_TRUE(next == owned.begin() || std::prev(next)->first + std::prev(next)->second <= *first);
                owned[*first] = frames;
            } else {
                const auto victim = std::next(owned.begin(), static_cast<long>(random() % owned.size()));
                b.a.free(victim->first, victim->second);
                owned.erase(victim);
            }
        }
    }
}

// --- mappings

struct dma_bench : smmu_bench {
    explicit dma_bench(domain_type type = domain_type::dma, dma_options options = {}, device_description d = {})
        : smmu_bench(rule_set::v6_2, {.default_domain = type}),
          smmu(add_smmu()),
          dma((start().value(), *core), options),
          nic(add_device("nic", 0x20, 0, std::move(d))) {
        smmu.commands.clear();
    }
    std::size_t count(opcode o) const {
        return static_cast<std::size_t>(std::count_if(smmu.commands.begin(), smmu.commands.end(), [&](const auto& c) {
            return smmu_v3::command::Opcode.of(c) == static_cast<std::uint64_t>(o);
        }));
    }
    std::uint64_t physical(std::uint64_t iova) { return iova_to_phys(*nic.in_group->default_domain(), iova); }
    std::uint64_t map_page(std::uint64_t address = buffer) {
        return dma.map_single(nic, address, page, dma_direction::from_device).value();
    }
    void unmap_page(std::uint64_t at) { dma.unmap_single(nic, at, page, dma_direction::from_device); }

    fake_smmu& smmu;
    dma_api dma;
    device& nic;
};

TEST(dma_api, a_buffer_within_pages_keeps_its_offset) {
    dma_bench b;
    const auto at = b.dma.map_single(b.nic, buffer + 0xff0, 0x20, dma_direction::to_device);
    ASSERT_TRUE(at);
    EXPECT_EQ(*at, 0xffffeff0u) << "two pages, aligned to two, as high as 32 bits go";
    EXPECT_EQ(b.physical(*at), buffer + 0xff0);
    EXPECT_EQ(b.physical(*at + 0x1f), buffer + 0x100f);
    b.dma.unmap_single(b.nic, *at, 0x20, dma_direction::to_device);
    EXPECT_EQ(b.physical(*at), 0u);
    EXPECT_EQ(b.physical(*at + 0x1f), 0u);
}

TEST(dma_api, pci_devices_get_32_bit_addresses_first_then_above) {
    device_description d;
    d.regions.push_back({0x2000, 0xffffe000 - 0x2000, region_type::reserved});
    dma_bench b(domain_type::dma, {}, d);
    EXPECT_EQ(b.map_page(), 0xfffff000u);
    EXPECT_EQ(b.map_page(), 0xffffe000u);
    EXPECT_EQ(b.map_page(), 0x1000u);
    EXPECT_EQ(b.map_page(), 0xfffffffff000u) << "the highest of 48 bits";
    EXPECT_EQ(b.dma.addresses(b.nic)->counted().above_4g, 1u);
}

TEST(dma_api, others_and_forced_ones_get_high_addresses_at_once) {
    device_description d;
    d.pci = false;
    dma_bench b(domain_type::dma, {}, d);
    EXPECT_EQ(b.map_page(), 0xfffffffff000u);
    dma_bench forced(domain_type::dma, {.force_above_32_bits = true});
    EXPECT_EQ(forced.map_page(), 0xfffffffff000u);
}

TEST(dma_api, addresses_stay_within_what_a_device_can_send) {
    device_description d;
    d.dma_bits = 24;
    dma_bench b(domain_type::dma, {}, d);
    EXPECT_EQ(b.map_page(), 0xfff000u);
    EXPECT_FALSE(b.dma.map_single(b.nic, buffer, 0x2000000, dma_direction::to_device)) << "32 MiB in 16 MiB";
}

TEST(dma_api, strict_unmaps_are_invalidated_before_they_return) {
    dma_bench b;
    const std::uint64_t at = b.map_page();
    EXPECT_EQ(b.smmu.commands.size(), 0u) << "nothing was cached";
    b.unmap_page(at);
    EXPECT_EQ(b.count(opcode::CMD_TLBI_NH_VA), 1u);
    ASSERT_FALSE(b.smmu.commands.empty());
    EXPECT_EQ(smmu_v3::command::Opcode.of(b.smmu.commands.back()), static_cast<std::uint64_t>(opcode::CMD_SYNC));
    EXPECT_EQ(b.map_page(), at) << "and the address is free at once";
}

TEST(dma_api, the_256th_lazy_unmap_flushes_and_no_earlier_one) {
    dma_bench b(domain_type::dma_fq);
    std::vector<std::uint64_t> all;
    for (int n = 0; n < 256; ++n)
        all.push_back(b.map_page(buffer + static_cast<std::uint64_t>(n) * page));
    for (int n = 0; n < 255; ++n)
        b.unmap_page(all[static_cast<std::size_t>(n)]);
    EXPECT_TRUE(b.smmu.commands.empty());
    EXPECT_EQ(b.dma.lazy(b.nic)->waiting(), 255u);
    EXPECT_EQ(b.physical(all[0]), 0u) << "out of the tables all the same";
    EXPECT_FALSE(std::count(all.begin(), all.end(), b.map_page())) << "no address is used again before a flush";
    b.unmap_page(all[255]);
    EXPECT_EQ(b.count(opcode::CMD_TLBI_NH_ASID), 1u);
    EXPECT_EQ(b.count(opcode::CMD_TLBI_NH_VA), 0u);
    EXPECT_EQ(b.dma.lazy(b.nic)->waiting(), 1u) << "the last one waits for the next flush";
    EXPECT_EQ(b.dma.lazy(b.nic)->counted().flushes_full, 1u);
    EXPECT_EQ(b.dma.lazy(b.nic)->counted().most_stale_on_a_cpu, 256u);
    EXPECT_EQ(b.map_page(), all[254]) << "freed last";
}

TEST(dma_api, a_lazy_unmap_is_flushed_after_ten_milliseconds) {
    std::vector<std::uint64_t> asked;
    dma_bench b(domain_type::dma_fq, {.on_timer = [&](std::uint64_t at_ns) { asked.push_back(at_ns); }});
    const std::uint64_t at = b.map_page(), other = b.map_page();
    EXPECT_FALSE(b.dma.next_timer_ns());
    b.unmap_page(at);
    const std::uint64_t begin_ns = b.machine.now_ns();
    ASSERT_EQ(b.dma.next_timer_ns(), begin_ns + 10'000'000);
    b.machine.delay_ns(5'000'000);
    b.unmap_page(other);
    EXPECT_EQ(asked, std::vector{begin_ns + 10'000'000}) << "one timer, from the first";
    b.machine.delay_ns(begin_ns + 9'999'999 - b.machine.now_ns());
    b.dma.run_timers();
    EXPECT_TRUE(b.smmu.commands.empty());
    b.machine.delay_ns(1);
    b.dma.run_timers();
    EXPECT_EQ(b.count(opcode::CMD_TLBI_NH_ASID), 1u);
    EXPECT_EQ(b.dma.lazy(b.nic)->waiting(), 0u);
    EXPECT_FALSE(b.dma.next_timer_ns());
    EXPECT_EQ(b.map_page(), other);
}

TEST(dma_api, observers_see_each_range_go_once) {
    struct : unmap_observer {
        void unmapped(domain&, std::uint64_t, std::uint64_t bytes, bool queued) override {
            gone += bytes;
            lazily += queued ? bytes : 0;
        }
        void invalidated(domain&, std::uint64_t iova, std::uint64_t) override { seen.push_back(iova); }
        std::uint64_t gone = 0, lazily = 0;
        std::vector<std::uint64_t> seen;
    } observer;
    dma_bench b(domain_type::dma_fq, {.observer = &observer});
    std::vector<std::uint64_t> all;
    for (int n = 0; n < 300; ++n)
        all.push_back(b.map_page());
    for (const std::uint64_t at : all)
        b.unmap_page(at);
    EXPECT_EQ(observer.seen.size(), 256u) << "the one that flushed among them";
    b.machine.delay_ns(10'000'000);
    b.dma.run_timers();
    EXPECT_EQ(observer.gone, 300 * page);
    EXPECT_EQ(observer.lazily, 300 * page);
    EXPECT_THAT(observer.seen, testing::UnorderedElementsAreArray(all));
}

TEST(dma_api, passthrough_gives_the_address_itself) {
    device_description d;
    d.dma_bits = 32;
    dma_bench b(domain_type::identity, {}, d);
    EXPECT_EQ(b.map_page(), buffer);
    b.unmap_page(buffer);
    EXPECT_FALSE(b.dma.map_single(b.nic, 0xfffff000, 0x1001, dma_direction::to_device)) << "beyond 32 bits";
    EXPECT_TRUE(b.smmu.commands.empty());
    EXPECT_EQ(b.dma.addresses(b.nic), nullptr);
}

TEST(dma_api, no_memory_for_tables_leaves_nothing_behind) {
    dma_bench b;
    const std::uint64_t at = b.map_page();
    b.unmap_page(at);
    b.kernel.injection().nth("arm_lpae.table.alloc", 1);
    EXPECT_FALSE(b.dma.map_single(b.nic, buffer, 0x40000000, dma_direction::to_device)); // its own table of blocks
    EXPECT_EQ(b.dma.addresses(b.nic)->taken(), 2u) << "the cached page, and the end of all addresses";
    EXPECT_EQ(b.map_page(), at);
}

TEST(dma_api, coherent_memory_is_there_for_both_and_goes_for_both) {
    dma_bench b;
    const std::uint64_t before = b.machine.allocated_bytes();
    const auto ring = b.dma.allocate_coherent(b.nic, 100);
    ASSERT_TRUE(ring);
    EXPECT_EQ(ring->bytes, page);
    EXPECT_EQ(b.physical(ring->dma_address), ring->address);
    b.dma.free_coherent(b.nic, *ring);
    EXPECT_EQ(b.physical(ring->dma_address), 0u);
    // What is left are the tables, which the driver keeps.
    EXPECT_EQ(b.machine.allocated_bytes() - before, 3 * page);
}

TEST(dma_api, devices_that_do_not_snoop_have_their_buffers_cleaned) {
    device_description d;
    d.dma_coherent = false;
    dma_bench b(domain_type::identity, {}, d);
    const std::uint64_t before = b.machine.cleans;
    b.map_page();
    EXPECT_EQ(b.machine.cleans, before + 1);
    b.dma.unmap_single(b.nic, buffer, page, dma_direction::to_device);
    EXPECT_EQ(b.machine.cleans, before + 1) << "the device wrote nothing";
    b.unmap_page(buffer);
    EXPECT_EQ(b.machine.cleans, before + 2);
}

// --- scatter lists

TEST(dma_api, pieces_of_whole_pages_become_one_segment) {
    dma_bench b;
    const std::vector<dma_segment> memory{{buffer, page}, {buffer + 0x10000, 2 * page}, {buffer + 0x4000, 0x200}};
    const auto seen = b.dma.map_sg(b.nic, memory, dma_direction::from_device);
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0], (dma_segment{0xffffc000, 3 * page + 0x200}));
    EXPECT_EQ(b.physical(0xffffc000), buffer);
    EXPECT_EQ(b.physical(0xffffd000), buffer + 0x10000);
    EXPECT_EQ(b.physical(0xffffe000), buffer + 0x11000);
    EXPECT_EQ(b.physical(0xfffff000), buffer + 0x4000);
    b.dma.unmap_sg(b.nic, seen, dma_direction::from_device);
    for (std::uint64_t at = 0xffffc000; at < 0x100000000; at += page)
        EXPECT_EQ(b.physical(at), 0u);
}

TEST(dma_api, pieces_that_begin_or_end_within_a_page_do_not_merge) {
    dma_bench b;
    const std::vector<dma_segment> memory{
        {buffer, page}, {buffer + 0x10800, 0x800}, {buffer + 0x20000, 0x100}, {buffer + 0x30000, page}};
    const auto seen = b.dma.map_sg(b.nic, memory, dma_direction::from_device);
    EXPECT_THAT(seen, testing::ElementsAre(dma_segment{0xffffc000, page}, dma_segment{0xffffd800, 0x900},
                                           dma_segment{0xfffff000, page}));
    for (std::size_t n = 0; n < seen.size(); ++n)
        EXPECT_NE(b.physical(seen[n].address), 0u);
    EXPECT_EQ(b.physical(0xffffe000), buffer + 0x20000);
}

TEST(dma_api, segments_keep_their_largest_size) {
    dma_bench b;
    std::vector<dma_segment> memory;
    for (std::uint64_t n = 0; n < 4; ++n)
        memory.push_back({buffer + n * 0x10000, page});
    const auto seen = b.dma.map_sg(b.nic, memory, dma_direction::to_device, {.largest_bytes = 2 * page});
    EXPECT_THAT(seen, testing::ElementsAre(dma_segment{0xffffc000, 2 * page}, dma_segment{0xffffe000, 2 * page}));
}

TEST(dma_api, segments_keep_their_boundary) {
    dma_bench b;
    const std::vector<dma_segment> memory{{buffer, 3 * page}, {buffer + 0x10000, 2 * page}};
    const auto seen = b.dma.map_sg(b.nic, memory, dma_direction::to_device, {.boundary_mask = 4 * page - 1});
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].bytes, 3 * page);
    EXPECT_EQ(seen[1].address % (4 * page), 0u) << "a page was left out";
    EXPECT_EQ(b.physical(seen[1].address), buffer + 0x10000);
    b.dma.unmap_sg(b.nic, seen, dma_direction::to_device);
    EXPECT_EQ(b.physical(seen[1].address + page), 0u) << "no hole stopped it";
}

TEST(dma_api, a_scatter_list_that_does_not_fit_maps_nothing) {
    dma_bench b;
    b.map_page();
    b.kernel.injection().nth("arm_lpae.table.alloc", 1);
    const std::vector<dma_segment> memory{{buffer, 0x200000}, {buffer + 0x401000, 0x200000}};
    EXPECT_TRUE(b.dma.map_sg(b.nic, memory, dma_direction::to_device).empty()) << "the second needs a table";
    EXPECT_EQ(b.dma.addresses(b.nic)->taken(), 2u);
    EXPECT_EQ(b.map_page(), 0xffffe000u);
}

TEST(dma_api, large_buffers_are_mapped_by_blocks) {
    dma_bench b;
    const auto at = b.dma.map_single(b.nic, buffer, 0x200000, dma_direction::to_device);
    ASSERT_TRUE(at);
    EXPECT_EQ(*at % 0x200000, 0u);
    b.dma.unmap_single(b.nic, *at, 0x200000, dma_direction::to_device);
    EXPECT_EQ(b.count(opcode::CMD_TLBI_NH_VA), 1u) << "one block, one invalidation";
}

} // namespace
} // namespace iommulab::sw
