// SPDX-License-Identifier: Apache-2.0
// Random map and unmap through the driver, tried by DMA through the model after every step: what is mapped is reached
// where the mapping says, what is not faults, and nothing stale is left in a TLB or a walk cache.
#include "sw/drivers/arm_smmu_v3/smmu_domain.h"
#include "sw/iommu/mapping.h"
#include "testbenches/integration/machine_kinds.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>
#include <set>

namespace iommulab::software {
namespace {

using harness::machine_kind;
using harness::occupied;

/// Every page of this memory holds its own address in its first eight bytes.
constexpr std::uint64_t marked = harness::machine_layout::buffers, marked_bytes = 0x4000000;
constexpr std::uint64_t window = 0x800000000;

/// The domain of the machine's device, and beside it a list of what should be mapped there.
class trial {
  public:
    trial(software_machine& m, const machine_kind& k, std::uint64_t seed)
        : m_(m),
          k_(k),
          page_(std::uint64_t{1} << k.page_shift),
          pages_(marked_bytes / page_),
          domain_(*m.device("dev0").in_group->default_domain()),
          random_(seed) {
        EXPECT_EQ(domain_.smallest_page_bytes(), page_);
    }

    void step(int number) {
        SCOPED_TRACE(number);
        const std::uint64_t sizes[] = {1, 2, 16, 17, 512, 513, 1024};
        std::uint64_t count = std::min(sizes[below(std::size(sizes))], pages_ / 4);
        // Now and then aligned alike, so that blocks and contiguous runs come about.
        const std::uint64_t grain = below(2) ? 1 : std::min<std::uint64_t>(512, pages_ / 4);
        std::uint64_t first = below(pages_ / grain) * grain;
        count = std::min(count, pages_ - first);
        const bool maps = below(3) != 0;
        if (!maps && k_.flushes_aligned_alone) {
            count = std::bit_floor(count);
            first -= first % count;
        }
        const std::uint64_t iova = window + first * page_;
        if (maps) {
            const std::uint64_t start =
                below(2) ? first : below((pages_ - count) / grain + 1) * grain % (pages_ - count + 1);
            map(iova, marked + start * page_, count);
        } else {
            unmap(iova, count);
        }
        for (const std::uint64_t i : {std::uint64_t{0}, count / 2, count - 1, count})
            try_page(iova + i * page_);
        try_page(window + below(pages_) * page_);
        for (std::size_t n = 0; n < 3 && n < vanished_.size(); ++n)
            try_page(vanished_[below(vanished_.size())]);
        vanished_.clear();
    }

    /// And in the end, all of it.
    void try_all() {
        for (std::uint64_t i = 0; i < pages_ && !testing::Test::HasFatalFailure(); i += 1 + below(7))
            try_page(window + i * page_);
    }

  private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    bool free(std::uint64_t iova, std::uint64_t count) const {
        const auto next = reference_.lower_bound(iova);
        return next == reference_.end() || next->first >= iova + count * page_;
    }

    void map(std::uint64_t iova, std::uint64_t target, std::uint64_t count) {
        const bool nothing_there = free(iova, count);
        if (!nothing_there) // a block over pages would replace them, as in Linux
            count = 1;
        const bool was_free = free(iova, count);
        const std::set<std::uint64_t> offsets = offsets_of(iova, count);
        const auto r = sw::map(m_.kernel(), domain_, iova, target, count * page_, {.read = true, .cache = true});
        if (!was_free && k_.over == occupied::refused) {
            ASSERT_EQ(sw::errno_of(r), sw::linux_errno::eexist);
            return;
        }
        ASSERT_TRUE(r) << std::hex << iova << " " << target << " " << count;
        if (was_free || k_.over == occupied::replaced)
            for (std::uint64_t i = 0; i < count; ++i)
                reference_[iova + i * page_] = target + i * page_;
        if (!was_free && k_.over == occupied::replaced)
            drop_the_rest(iova, count, offsets);
    }

    void unmap(std::uint64_t iova, std::uint64_t count) {
        std::uint64_t expected = 0;
        while (expected < count && reference_.contains(iova + expected * page_))
            ++expected;
        const std::set<std::uint64_t> offsets = offsets_of(iova, count);
        const std::uint64_t unmapped = sw::unmap(m_.kernel(), domain_, iova, count * page_) / page_;
        ASSERT_GE(unmapped, expected);
        if (k_.whole_leaves) {
            for (std::uint64_t i = 0; i < expected; ++i) {
                const std::uint64_t at = iova + i * page_;
                if (sw::iova_to_phys(domain_, at) == 0 && reference_.erase(at) != 0)
                    vanished_.push_back(at);
            }
            ASSERT_TRUE(expected == 0 || !reference_.contains(iova));
            drop_the_rest(iova, 0, offsets);
            return;
        }
        // A table that the range covers whole goes with all its holes, as in Linux; else it ends at the first.
        ASSERT_LE(unmapped, count);
        if (unmapped != expected) {
            ASSERT_GE(count, page_ / 8) << "a hole was skipped without a table to go";
        }
        for (std::uint64_t i = 0; i < unmapped; ++i)
            reference_.erase(iova + i * page_);
    }

    /// By how much addresses differ from what they are mapped to: a larger page has one such number.
    std::set<std::uint64_t> offsets_of(std::uint64_t iova, std::uint64_t count) const {
        std::set<std::uint64_t> offsets;
        for (auto at = reference_.lower_bound(iova); at != reference_.end() && at->first < iova + count * page_; ++at)
            offsets.insert(at->second - at->first);
        return offsets;
    }

    /// Takes out of the list what went with larger pages: it must have been of the same pages.
    void drop_the_rest(std::uint64_t iova, std::uint64_t keep, const std::set<std::uint64_t>& offsets) {
        for (auto at = reference_.begin(); at != reference_.end();) {
            const std::uint64_t now = sw::iova_to_phys(domain_, at->first);
            const bool just_mapped = at->first >= iova && at->first < iova + keep * page_;
            if (now == 0 && !just_mapped) {
                ASSERT_TRUE(offsets.contains(at->second - at->first)) << std::hex << at->first << " went for no reason";
                vanished_.push_back(at->first);
                at = reference_.erase(at);
                continue;
            }
            ASSERT_EQ(now, at->second) << std::hex << at->first;
            ++at;
        }
    }

    void try_page(std::uint64_t iova) {
        const auto there = reference_.find(iova);
        const access_result r = m_.dma_read("dev0", iova, 8);
        ASSERT_EQ(r.ok, there != reference_.end()) << std::hex << iova;
        if (r.ok) {
            std::uint64_t found = 0;
            std::copy(r.data.begin(), r.data.end(), reinterpret_cast<std::uint8_t*>(&found));
            ASSERT_EQ(found, there->second) << std::hex << iova;
        }
        ASSERT_EQ(sw::iova_to_phys(domain_, iova), there == reference_.end() ? 0 : there->second) << std::hex << iova;
    }

    software_machine& m_;
    const machine_kind& k_;
    std::uint64_t page_, pages_;
    sw::domain& domain_;
    std::mt19937_64 random_;
    std::map<std::uint64_t, std::uint64_t> reference_; ///< IO virtual page -> physical page
    std::vector<std::uint64_t> vanished_;              ///< in this step
};

void try_mappings(const machine_kind& kind, std::uint64_t seed, int steps,
                  const std::function<void(sw::domain&)>& check = {}) {
    software_machine m("m", harness::machine_of(kind));
    for (std::uint64_t at = marked; at < marked + marked_bytes; at += 0x1000)
        m.hardware().memory(0).store().write_u64(at, at);
    bool finished = false;
    m.run([&] {
        if (check)
            check(*m.device("dev0").in_group->default_domain());
        trial t(m, kind, seed);
        for (int step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step)
            t.step(step);
        t.try_all();
        finished = true;
    });
    EXPECT_TRUE(finished);
    for (const sw::raised_failure& f : m.kernel().raised())
        EXPECT_EQ(f.row->scope, sw::failure_scope::map) << f.row->id;
}

struct smmu_kind {
    const char* preset;
    unsigned page_shift = 12;
    bool stage2 = false, contiguous = false;
};
void try_mappings(const smmu_kind& kind, std::uint64_t seed, int steps) {
    machine_kind k{.name = kind.preset, .model = "smmu_v3", .preset = kind.preset, .page_shift = kind.page_shift};
    if (kind.stage2)
        k.parameters = {{"S1P", 0}, {"S2P", 1}, {"HYP", 0}};
    k.parameters.insert(k.parameters.end(), {{"GRAN16K", 1}, {"GRAN64K", 1}});
    k.properties["contiguous"] = kind.contiguous;
    try_mappings(k, seed, steps, [&](sw::domain& d) {
        using stage = sw::arm_smmu_v3::smmu_domain::stage;
        ASSERT_EQ(static_cast<sw::arm_smmu_v3::smmu_domain&>(d).in_stage(),
                  kind.stage2 ? stage::stage2 : stage::stage1);
    });
}

TEST(random_mapping, stage_1_4k) {
    try_mappings(smmu_kind{"mmu-600"}, 1, 400);
}
TEST(random_mapping, stage_1_4k_range_invalidation) {
    try_mappings(smmu_kind{"mmu-700"}, 2, 400);
}
TEST(random_mapping, stage_1_4k_contiguous) {
    try_mappings(smmu_kind{"mmu-700", 12, false, true}, 3, 400);
}
TEST(random_mapping, stage_1_16k) {
    try_mappings(smmu_kind{"mmu-700", 14}, 4, 400);
}
TEST(random_mapping, stage_1_64k_contiguous) {
    try_mappings(smmu_kind{"mmu-600", 16, false, true}, 5, 400);
}
TEST(random_mapping, stage_2_4k) {
    try_mappings(smmu_kind{"mmu-600", 12, true}, 6, 400);
}
TEST(random_mapping, stage_2_4k_contiguous_range_invalidation) {
    try_mappings(smmu_kind{"mmu-700", 12, true, true}, 7, 400);
}
TEST(random_mapping, stage_2_16k) {
    try_mappings(smmu_kind{"mmu-600", 14, true}, 8, 400);
}
TEST(random_mapping, stage_2_64k) {
    try_mappings(smmu_kind{"mmu-700", 16, true}, 9, 400);
}

struct random_mapping_on : testing::TestWithParam<machine_kind> {};

TEST_P(random_mapping_on, leaves_nothing_stale) {
    try_mappings(GetParam(), 10, 300);
}

INSTANTIATE_TEST_SUITE_P(of, random_mapping_on, testing::ValuesIn(harness::machine_kinds()),
                         [](const auto& param_info) { return param_info.param.name; });

} // namespace
} // namespace iommulab::software
