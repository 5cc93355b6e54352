// SPDX-License-Identifier: Apache-2.0
// Random map and unmap through the driver, tried by DMA through the model after every step: what is mapped is reached
// where the mapping says, what is not faults, and nothing stale is left in a TLB or a walk cache.
#include "sw/drivers/arm_smmu_v3/smmu_domain.h"
#include "testbenches/software/software_machine.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace iommulab::software {
namespace {

constexpr std::uint64_t ram = 0x40000000, ram_bytes = 0x40000000, kernel_bytes = 0x10000000;
/// Every page of this memory holds its own address in its first eight bytes.
constexpr std::uint64_t marked = ram + kernel_bytes, marked_bytes = 0x4000000;

struct machine_kind {
    const char* preset;
    unsigned page_shift = 12;
    bool stage2 = false;
    bool contiguous = false;
};

void try_mappings(const machine_kind& kind, std::uint64_t seed, int steps) {
    software_machine_description description;
    memory_parameters dram;
    dram.ranges.push_back({ram, ram_bytes, "dram"});
    description.platform.name = "test";
    description.platform.memories.push_back({"dram", dram});
    description.platform.iommus.push_back({"smmu0", "smmu_v3", kind.preset, {}, {}, 0x9050000, 1});
    auto& parameters = description.platform.iommus[0].parameters;
    if (kind.stage2) {
        parameters.emplace_back("S1P", 0);
        parameters.emplace_back("S2P", 1);
        parameters.emplace_back("HYP", 0);
    }
    parameters.emplace_back("GRAN16K", 1);
    parameters.emplace_back("GRAN64K", 1);
    description.kernel_memory_base = ram;
    description.kernel_memory_bytes = kernel_bytes;
    description.kernel.page_shift = kind.page_shift;
    sw::instance_firmware firmware;
    firmware.name = "smmu0";
    firmware.properties["contiguous"] = kind.contiguous;
    description.firmware.push_back(firmware);
    sw::device_description nic;
    nic.name = "nic";
    nic.spec = sw::firmware_spec{"smmu0", {0x20}, false};
    description.devices.push_back({nic, 0});

    software_machine m("m", description);
    for (std::uint64_t at = marked; at < marked + marked_bytes; at += 0x1000)
        m.hardware().memory(0).store().write_u64(at, at);
    const std::uint64_t page = std::uint64_t{1} << kind.page_shift, window = 0x800000000;
    const std::uint64_t pages = marked_bytes / page;
    bool finished = false;
    m.run([&] {
        std::mt19937_64 random(seed);
        const auto below = [&](std::uint64_t n) { return random() % n; };
        sw::domain& d = *m.device("nic").in_group->default_domain();
        ASSERT_EQ(static_cast<sw::arm_smmu_v3::smmu_domain&>(d).in_stage(),
                  kind.stage2 ? sw::arm_smmu_v3::smmu_domain::stage::stage2
                              : sw::arm_smmu_v3::smmu_domain::stage::stage1);
        ASSERT_EQ(d.smallest_page_bytes(), page);
        std::map<std::uint64_t, std::uint64_t> reference; // IO virtual page -> physical page
        const auto try_page = [&](std::uint64_t iova) {
            const auto there = reference.find(iova);
            const access_result r = m.dma_read("nic", iova, 8);
            ASSERT_EQ(r.ok, there != reference.end()) << std::hex << iova;
            if (r.ok) {
                std::uint64_t found = 0;
                std::copy(r.data.begin(), r.data.end(), reinterpret_cast<std::uint8_t*>(&found));
                ASSERT_EQ(found, there->second) << std::hex << iova;
            }
            ASSERT_EQ(sw::iova_to_phys(d, iova), there == reference.end() ? 0 : there->second) << std::hex << iova;
        };
        const std::uint64_t sizes[] = {1, 2, 16, 17, 512, 513, 1024};
        for (int step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
            std::uint64_t count = std::min(sizes[below(std::size(sizes))], pages / 4);
            // Now and then aligned alike, so that blocks and contiguous runs come about.
            const std::uint64_t grain = below(2) ? 1 : std::min<std::uint64_t>(512, pages / 4);
            const std::uint64_t first = below(pages / grain) * grain;
            count = std::min(count, pages - first);
            const std::uint64_t iova = window + first * page;
            if (below(3) != 0) {
                const std::uint64_t target =
                    marked +
                    (below(2) ? first : below((pages - count) / grain + 1) * grain % (pages - count + 1)) * page;
                bool free = true;
                for (std::uint64_t i = 0; i < count; ++i)
                    free = free && !reference.contains(iova + i * page);
                if (!free) { // a block over pages would replace them, as in Linux; a page over a page may not
                    count = 1;
                    free = !reference.contains(iova);
                }
                const auto r = sw::map(m.kernel(), d, iova, target, count * page, {.read = true, .cache = true});
                ASSERT_EQ(bool(r), free) << step << " " << std::hex << iova << " " << target << " " << count;
                if (free)
                    for (std::uint64_t i = 0; i < count; ++i)
                        reference[iova + i * page] = target + i * page;
                else
                    ASSERT_EQ(sw::errno_of(r), sw::linux_errno::eexist);
            } else {
                std::uint64_t expected = 0;
                while (expected < count && reference.contains(iova + expected * page))
                    ++expected;
                // A table that the range covers whole goes with all its holes, as in Linux; else it ends at the first.
                const std::uint64_t unmapped = sw::unmap(m.kernel(), d, iova, count * page) / page;
                ASSERT_GE(unmapped, expected) << step;
                ASSERT_LE(unmapped, count) << step;
                if (unmapped != expected) {
                    ASSERT_GE(count, page / 8) << step << ": a hole was skipped without a table to go";
                }
                for (std::uint64_t i = 0; i < unmapped; ++i)
                    reference.erase(iova + i * page);
            }
            for (const std::uint64_t i : {std::uint64_t{0}, count / 2, count - 1, count})
                try_page(iova + i * page);
            try_page(window + below(pages) * page);
        }
        // And in the end, all of it.
        for (std::uint64_t i = 0; i < pages; i += 1 + below(7))
            try_page(window + i * page);
        finished = true;
    });
    EXPECT_TRUE(finished);
    EXPECT_EQ(m.log().count(sw::log_level::error), 0u);
}

TEST(random_mapping, stage_1_4k) {
    try_mappings({"mmu-600"}, 1, 400);
}
TEST(random_mapping, stage_1_4k_range_invalidation) {
    try_mappings({"mmu-700"}, 2, 400);
}
TEST(random_mapping, stage_1_4k_contiguous) {
    try_mappings({"mmu-700", 12, false, true}, 3, 400);
}
TEST(random_mapping, stage_1_16k) {
    try_mappings({"mmu-700", 14}, 4, 400);
}
TEST(random_mapping, stage_1_64k_contiguous) {
    try_mappings({"mmu-600", 16, false, true}, 5, 400);
}
TEST(random_mapping, stage_2_4k) {
    try_mappings({"mmu-600", 12, true}, 6, 400);
}
TEST(random_mapping, stage_2_4k_contiguous_range_invalidation) {
    try_mappings({"mmu-700", 12, true, true}, 7, 400);
}
TEST(random_mapping, stage_2_16k) {
    try_mappings({"mmu-600", 14, true}, 8, 400);
}
TEST(random_mapping, stage_2_64k) {
    try_mappings({"mmu-700", 16, true}, 9, 400);
}

} // namespace
} // namespace iommulab::software
