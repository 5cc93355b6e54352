// SPDX-License-Identifier: Apache-2.0
// VFIO type 1: what it makes of errnos, and its address space.
#include "models/smmu_v3/spec/registers.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/iommu/core_failures.h"
#include "sw/vfio/failures.h"
#include "sw/vfio/type1.h"
#include "testbenches/integration/caller_bench.h"

#include <gmock/gmock.h>

#include <set>

namespace iommulab::sw {
namespace {

using harness::caller_bench;
using harness::fake_smmu;
using testing::ElementsAre;
using enum linux_errno;
namespace smmu_row = arm_smmu_v3::row;
namespace idr0 = smmu_v3::idr0;
namespace idr1 = smmu_v3::idr1;

constexpr protection rw{.read = true, .write = true};
constexpr std::uint64_t memory = 0x90000000;
constexpr user_mapping ordinary{0x100000, memory, 0x4000, rw};

/// Neither the series nor the proposal before it.
bool before_the_series(rule_set rules) {
    return rules == rule_set::v6_0 || rules == rule_set::v6_1;
}

const char* const t1 = "vfio-type1";
const char* const t1_2022 = "vfio-type1-2022";

struct vfio_rules : testing::TestWithParam<rule_set> {};
INSTANTIATE_TEST_SUITE_P(all, vfio_rules, testing::ValuesIn(all_rule_sets), [](const auto& param_info) {
    std::string name = name_of(param_info.param);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
    return name;
});

// Section 16, story 1, and the formulas 1 + 4k and 2k + 1 of section 15.1 with k = 1.
TEST_P(vfio_rules, mainline_is_deaf_to_the_errno_of_a_foreign_smmu) {
    caller_bench b(2, GetParam());
    device &first = b.add_device("a", 1, 0), &second = b.add_device("b", 1, 1);
    auto c = b.make(t1);
    ASSERT_EQ(c->run(first).number, none);
    ASSERT_TRUE(c->map(ordinary));
    const caller_report r = c->run(second);
    EXPECT_EQ(r.number, none);
    EXPECT_EQ(r.domains, 2u);
    EXPECT_EQ(r.domains_made, 1u);
    EXPECT_FALSE(r.shared);
    EXPECT_EQ(r.claim.attach_calls, 1u);
    EXPECT_EQ(r.attach.attach_calls, 5u);
    EXPECT_EQ(r.attach.error_lines, before_the_series(GetParam()) ? 1u : 0u);
    EXPECT_GT(r.attach.attach_ns, 0u);
    EXPECT_GT(r.attach.elapsed_ns, r.attach.attach_ns);
    EXPECT_EQ(r.dma, dma_outcome::untried) << "nothing to try it with";
    // What was mapped before is mapped for the second device as well.
    EXPECT_EQ(iova_to_phys(*second.in_group->current(), ordinary.iova + 0x3000), memory + 0x3000);
}

// The rules and the form go together; before the series the errno of a foreign SMMU is the end.
TEST_P(vfio_rules, simplified_lives_by_the_errno) {
    caller_bench b(2, GetParam());
    device &first = b.add_device("a", 1, 0), &second = b.add_device("b", 1, 1);
    auto c = b.make(t1_2022);
    ASSERT_EQ(c->run(first).attach.attach_calls, 1u);
    ASSERT_TRUE(c->map(ordinary));
    const caller_report r = c->run(second);
    if (before_the_series(GetParam())) {
        EXPECT_EQ(r.number, enxio);
        EXPECT_EQ(r.row, &smmu_row::foreign_smmu);
        EXPECT_EQ(r.domains, 1u);
        EXPECT_EQ(r.attach.attach_calls, 2u);
        EXPECT_EQ(r.attach.error_lines, 1u);
        EXPECT_EQ(second.in_group->owner(), nullptr) << "and the claim is given up";
        return;
    }
    EXPECT_EQ(r.number, none);
    EXPECT_EQ(r.domains, 2u);
    EXPECT_EQ(r.attach.attach_calls, 3u);
    EXPECT_EQ(r.attach.error_lines, 0u);
    EXPECT_EQ(iova_to_phys(*second.in_group->current(), ordinary.iova), memory);
}

TEST(vfio, simplified_takes_the_soft_errno_that_it_is_told) {
    caller_bench b(2, rule_set::emediumtype);
    device &first = b.add_device("a", 1, 0), &second = b.add_device("b", 1, 1);
    auto c = b.make(t1_2022, {.soft = einval});
    ASSERT_EQ(c->run(first).number, none);
    EXPECT_EQ(c->run(second).number, emediumtype);
}

// Section 15.1: 1 + 4k, with a match at the end 1 + 4k + 2; simplified 2k + 1 in both cases.
TEST(vfio, counts_of_attach_calls_follow_the_formulas) {
    for (const char* name : {t1, t1_2022})
        for (unsigned k = 0; k <= 4; ++k)
            for (const bool match : {false, true}) {
                caller_bench b(k + 1);
                device& last = b.add_device("last", 2, k);
                device& same = b.add_device("same", 1, k);
                std::vector<device*> others;
                for (unsigned n = 0; n < k; ++n)
                    others.push_back(&b.add_device("other" + std::to_string(n), 1, n));
                auto c = b.make(name);
                if (match) { // the oldest is tried last
                    ASSERT_EQ(c->run(same).number, none);
                }
                for (device* other : others)
                    ASSERT_EQ(c->run(*other).number, none);
                const caller_report r = c->run(last);
                EXPECT_EQ(r.number, none);
                const bool mainline = name == t1;
                EXPECT_EQ(r.attach.attach_calls, mainline ? 1 + 4 * k + (match ? 2 : 0) : 2 * k + 1)
                    << name << ' ' << k << ' ' << match;
                EXPECT_EQ(r.domains, k + 1);
                EXPECT_EQ(r.shared, match);
                EXPECT_EQ(r.domains_made, mainline || !match ? 1u : 0u);
            }
}

// Stories 10 and 11: the same SMMU, but devices that need other tables, or stall.
TEST_P(vfio_rules, devices_of_one_smmu_may_need_two_domains) {
    const bool before = before_the_series(GetParam());
    for (const bool stalls : {false, true})
        for (const char* name : {t1, t1_2022}) {
            caller_bench b(1, GetParam(), [](fake_smmu& s) {
                s.IDR0 |= 1u << idr0::CD2L.lsb;
                s.IDR0 = static_cast<std::uint32_t>(idr0::STALL_MODEL.put(s.IDR0, 0));
                s.IDR1 = static_cast<std::uint32_t>(idr1::SSIDSIZE.put(s.IDR1, 16));
            });
            device& first = b.add_device("a", 1, 0, {.can_stall = stalls});
            device& second = b.add_device("b", 2, 0, {.pasid_bits = stalls ? 0u : 10u});
            auto c = b.make(name);
            ASSERT_EQ(c->run(first).number, none);
            const caller_report r = c->run(second);
            EXPECT_EQ(r.number, none);
            EXPECT_EQ(r.domains, 2u);
            EXPECT_EQ(r.attach.attach_calls, name == t1 ? 5u : 3u);
            EXPECT_EQ(r.attach.error_lines, before ? 1u : 0u);
        }
}

TEST(vfio, shares_a_domain_that_fits_and_frees_its_own) {
    caller_bench b;
    device &first = b.add_device("a", 1), &second = b.add_device("b", 2);
    auto c = b.make(t1);
    ASSERT_EQ(c->run(first).number, none);
    ASSERT_TRUE(c->map(ordinary));
    const std::uint64_t bytes = b.machine.allocated_bytes();
    const caller_report r = c->run(second);
    EXPECT_TRUE(r.shared);
    EXPECT_EQ(r.attach.attach_calls, 3u) << "own, blocking, the existing one";
    EXPECT_EQ(c->domain_of(first), c->domain_of(second));
    domain* const blocking = second.in_group->blocking_domain();
    ASSERT_TRUE(blocking);
    EXPECT_GT(b.machine.allocated_bytes(), bytes) << "the blocking domain";
    c->detach(second);
    EXPECT_EQ(c->domains().size(), 1u);
    EXPECT_EQ(c->mappings().size(), 1u);
    c->detach(first);
    EXPECT_TRUE(c->domains().empty());
    EXPECT_TRUE(c->mappings().empty()) << "mappings go with the last domain";
    EXPECT_EQ(c->locked_bytes(), 0u);
}

// Story 25: ASIDs are of all SMMUs together, and the claim's blocking domain takes one.
TEST(vfio, without_asids_even_the_claim_fails) {
    caller_bench b(1, rule_set::v6_2,
                   [](fake_smmu& s) { s.IDR0 = static_cast<std::uint32_t>(idr0::ASID16.put(s.IDR0, 0)); });
    device& dev = b.add_device("dev", 1);
    std::vector<std::unique_ptr<domain>> hoard;
    for (int i = 0; i < 253; ++i) {
        hoard.push_back(b.core->allocate_domain(dev));
        ASSERT_TRUE(b.core->attach_device(*hoard.back(), dev)) << i;
        b.core->detach_device(*hoard.back(), dev);
    }
    auto c = b.make(t1);
    const caller_report r = c->run(dev);
    EXPECT_EQ(r.number, ebusy);
    EXPECT_FALSE(r.at_claim) << "the claim has the last one";
    EXPECT_EQ(r.row, &smmu_row::no_asid);
    EXPECT_EQ(r.attach.attach_calls, 2u);
    // A group that was never claimed does not come that far.
    device& other = b.add_device("other", 2);
    EXPECT_EQ(other.behind, nullptr) << "its default domain has no ASID";
    hoard.pop_back();
    ASSERT_TRUE(b.core->probe(other));
    const caller_report late = c->run(other);
    EXPECT_TRUE(late.at_claim);
    EXPECT_EQ(late.row, &smmu_row::no_asid);
}

TEST(vfio, a_claim_that_fails_is_the_end_and_its_effort_is_told) {
    caller_bench b;
    device& dev = b.add_device("dev", 1);
    auto c = b.make(t1);
    b.kernel.injection().nth("arm_lpae.root.alloc", 1);
    const caller_report r = c->run(dev);
    EXPECT_TRUE(r.at_claim);
    EXPECT_EQ(r.number, enomem);
    EXPECT_EQ(r.row, &smmu_row::no_page_table);
    EXPECT_EQ(r.effort().attach_calls, 1u);
    EXPECT_EQ(r.attach, attach_effort{});
    EXPECT_EQ(r.release, attach_effort{});
    // After the claim: only the attach meets it.
    b.kernel.injection().cancel_all();
    const caller_report later = c->run(dev, [&] { b.kernel.injection().nth("arm_lpae.root.alloc", 1); });
    EXPECT_EQ(later.number, enomem);
    EXPECT_FALSE(later.at_claim);
    EXPECT_EQ(later.effort().attach_calls, 2u) << "the attempt, and the blocking domain again";
    EXPECT_EQ(later.release.attach_calls, 1u) << "the claim is given up: the default domain";
}

// Story 51.
TEST(vfio, refuses_devices_whose_iommu_is_not_coherent) {
    for (const char* name : {t1, t1_2022}) {
        caller_bench b(1, rule_set::v6_2, {}, false);
        device& dev = b.add_device("dev", 1);
        auto c = b.make(name);
        const std::size_t calls = b.core->attach_calls().size();
        const caller_report r = c->run(dev);
        EXPECT_EQ(r.row, &vfio::row::not_coherent);
        EXPECT_EQ(r.number, einval);
        EXPECT_EQ(b.core->attach_calls().size(), calls) << "the driver is not called";
        EXPECT_EQ(b.make(name, {.capability_test = false})->run(dev).number, none);
    }
}

TEST(vfio, its_own_failures_leave_the_group_free) {
    struct own_failure {
        const failure_row& row;
        caller_options options;
        const char* inject;
    };
    const own_failure cases[] = {
        {vfio::row::group_memory, {}, "vfio.group.alloc"},
        {vfio::row::no_domain, {}, "smmu_v3.domain.alloc"},
        {vfio::row::unsafe_interrupts, {.interrupts_isolated = false}, ""},
        {vfio::row::msi_memory, {}, "vfio.msi_cookie.alloc"},
    };
    for (const char* name : {t1, t1_2022})
        for (const own_failure& f : cases) {
            caller_bench b;
            device& dev = b.add_device("dev", 1);
            auto c = b.make(name, f.options);
            const caller_report r = c->run(dev, [&] {
                if (*f.inject)
                    b.kernel.injection().nth(f.inject, 1);
            });
            EXPECT_EQ(r.row, &f.row) << f.row.id;
            EXPECT_EQ(r.domains, 0u);
            EXPECT_EQ(dev.in_group->owner(), nullptr);
            EXPECT_EQ(dev.in_group->current(), dev.in_group->default_domain());
        }
    caller_bench b;
    device& dev = b.add_device("dev", 1);
    EXPECT_EQ(b.make(t1, {.interrupts_isolated = false, .allow_unsafe_interrupts = true})->run(dev).number, none);
    device stranger({.name = "stranger"});
    EXPECT_EQ(b.make(t1)->run(stranger).row, &vfio::row::no_group);
}

TEST(vfio, reserved_regions_are_neither_mapped_nor_joined) {
    for (const char* name : {t1, t1_2022}) {
        caller_bench b;
        device& plain = b.add_device("plain", 1);
        device& choosy = b.add_device("choosy", 2, 0,
                                      {.regions = {{0x101000, 0x1000, region_type::reserved},
                                                   {0x500000, 0x1000, region_type::direct_relaxable}}});
        auto c = b.make(name);
        ASSERT_EQ(c->run(plain).number, none);
        ASSERT_TRUE(c->map(ordinary));
        const caller_report r = c->run(choosy);
        EXPECT_EQ(r.row, &vfio::row::reserved_conflict);
        EXPECT_EQ(r.domains, 1u);
        EXPECT_EQ(*c->unmap(ordinary.iova, ordinary.bytes), ordinary.bytes);
        EXPECT_EQ(c->run(choosy).number, none);
        EXPECT_EQ(c->map(ordinary).error().row, &vfio::row::map_invalid_range);
        EXPECT_TRUE(c->map({0x500000, memory, 0x1000, rw})) << "relaxable: not the user's business";
        EXPECT_EQ(c->map({0x8000000, memory, 0x1000, rw}).error().row, &vfio::row::map_invalid_range) << "MSI window";
        c->detach(choosy);
        EXPECT_TRUE(c->map(ordinary)) << "allowed again";
    }
}

TEST(vfio, valid_addresses_shrink_and_split) {
    vfio::iova_ranges r;
    EXPECT_TRUE(r.valid(0, ~std::uint64_t{0}));
    r.restrict_to(0x1000, 0xffff);
    const reserved_region regions[] = {{0x4000, 0x1000, region_type::reserved},
                                       {0x1000, 0x1000, region_type::msi},
                                       {0xf000, 0x8000, region_type::direct},
                                       {0x8000, 0x1000, region_type::direct_relaxable}};
    EXPECT_TRUE(r.exclude(regions));
    EXPECT_THAT(r.ranges(), ElementsAre(vfio::iova_range{0x2000, 0x3fff}, vfio::iova_range{0x5000, 0xefff}));
    EXPECT_TRUE(r.valid(0x2000, 0x3fff));
    EXPECT_FALSE(r.valid(0x3000, 0x5000));
    r.restrict_to(0x3000, 0x4fff);
    EXPECT_THAT(r.ranges(), ElementsAre(vfio::iova_range{0x3000, 0x3fff}));
    const reserved_region all[] = {{0, 0x10000, region_type::reserved}};
    EXPECT_FALSE(r.exclude(all));
}

// --- mappings

struct vfio_mapping : testing::Test {
    caller_bench b;
    device& dev = b.add_device("dev", 1);
    std::unique_ptr<caller> c = b.make(t1, {.locked_limit_bytes = 0x8000, .mapping_limit = 3});
    const failure_row* map_row(const user_mapping& m) {
        const auto r = c->map(m);
        return r ? nullptr : r.error().row;
    }
    const failure_row* unmap_row(std::uint64_t iova, std::uint64_t bytes) {
        const auto r = c->unmap(iova, bytes);
        return r ? nullptr : r.error().row;
    }
};

TEST_F(vfio_mapping, refuses_what_makes_no_sense) {
    namespace row = vfio::row;
    ASSERT_EQ(c->run(dev).number, none);
    EXPECT_EQ(map_row({0x1000, memory, 0x1000, {}}), &row::map_without_rights);
    EXPECT_EQ(map_row({0x1000, memory, 0, rw}), &row::map_unaligned);
    EXPECT_EQ(map_row({0x1800, memory, 0x1000, rw}), &row::map_unaligned);
    EXPECT_EQ(map_row({0x1000, memory, 0x800, rw}), &row::map_unaligned);
    EXPECT_EQ(map_row({~std::uint64_t{0xfff}, memory, 0x2000, rw}), &row::map_unaligned);
    ASSERT_EQ(map_row(ordinary), nullptr);
    EXPECT_EQ(map_row({0x103000, memory, 0x2000, rw}), &row::map_overlaps);
    EXPECT_EQ(map_row({0xff000, memory, 0x2000, rw}), &row::map_overlaps);
    EXPECT_EQ(map_row({std::uint64_t{1} << 50, memory, 0x1000, rw}), &row::map_invalid_range);
    b.kernel.injection().nth("vfio.mapping.alloc", 1);
    EXPECT_EQ(map_row({0x1000, memory, 0x1000, rw}), &row::map_memory);
    EXPECT_EQ(unmap_row(0x100800, 0x1000), &row::unmap_unaligned);
    EXPECT_EQ(unmap_row(0x100000, 0), &row::unmap_unaligned);
    EXPECT_EQ(unmap_row(0x2000, ~std::uint64_t{0xfff}), &row::unmap_unaligned);
    EXPECT_EQ(unmap_row(0x101000, 0x3000), &row::unmap_splits);
    EXPECT_EQ(unmap_row(0xff000, 0x3000), &row::unmap_splits);
    EXPECT_EQ(*c->unmap(0x200000, 0x1000), 0u) << "nothing there is no error";
    EXPECT_EQ(*c->unmap(0xff000, 0x6000), 0x4000u);
    EXPECT_EQ(iova_to_phys(*dev.in_group->current(), ordinary.iova), 0u);
}

TEST_F(vfio_mapping, counts_mappings_and_locked_bytes) {
    namespace row = vfio::row;
    ASSERT_EQ(c->run(dev).number, none);
    ASSERT_TRUE(c->map(ordinary));
    EXPECT_EQ(c->locked_bytes(), 0x4000u);
    EXPECT_EQ(map_row({0x200000, memory, 0x5000, rw}), &row::map_locked);
    EXPECT_EQ(b.log.count(log_level::warning), 1u);
    EXPECT_EQ(c->locked_bytes(), 0x4000u);
    ASSERT_TRUE(c->map({0x200000, memory, 0x4000, rw}));
    EXPECT_EQ(map_row({0x300000, memory, 0x1000, rw}), &row::map_locked);
    EXPECT_EQ(*c->unmap(0x200000, 0x4000), 0x4000u);
    ASSERT_TRUE(c->map({0x200000, memory, 0x1000, rw}));
    ASSERT_TRUE(c->map({0x300000, memory, 0x1000, rw}));
    EXPECT_EQ(map_row({0x400000, memory, 0x1000, rw}), &row::map_too_many);
    EXPECT_EQ(*c->unmap_all(), 0x6000u);
    EXPECT_EQ(c->locked_bytes(), 0u);
    EXPECT_TRUE(c->mappings().empty());
}

// A container has an IOMMU from its first group to its last.
TEST_F(vfio_mapping, needs_a_group) {
    namespace row = vfio::row;
    auto& container = static_cast<vfio::type1&>(*c);
    const auto refuses_all = [&] {
        EXPECT_EQ(map_row(ordinary), &row::no_iommu);
        EXPECT_EQ(unmap_row(ordinary.iova, ordinary.bytes), &row::no_iommu);
        EXPECT_EQ(c->unmap_all().error().row, &row::no_iommu);
        EXPECT_EQ(container.suspend_addresses().error().row, &row::no_iommu);
    };
    refuses_all();
    ASSERT_EQ(c->run(dev).number, none);
    EXPECT_EQ(map_row(ordinary), nullptr);
    c->detach(dev);
    refuses_all();
    EXPECT_EQ(c->locked_bytes(), 0u);
}

// A group that is refused after its domain was filled leaves the container as it was.
TEST(vfio, a_refused_group_can_be_followed_by_another) {
    for (const char* name : {t1, t1_2022}) {
        caller_bench b;
        device &first = b.add_device("a", 1), &second = b.add_device("b", 2);
        auto c = b.make(name, {.interrupts_isolated = false});
        static_cast<void>(c->map(ordinary));
        for (device* dev : {&first, &second})
            EXPECT_EQ(c->run(*dev).row, &vfio::row::unsafe_interrupts) << name;
        EXPECT_EQ(c->locked_bytes(), 0u);
    }
}

TEST_F(vfio_mapping, a_replay_that_fails_leaves_neither_pages_nor_domain) {
    caller_bench two(2);
    device &first = two.add_device("a", 1, 0), &second = two.add_device("b", 1, 1);
    auto both = two.make(t1);
    ASSERT_EQ(both->run(first).number, none);
    ASSERT_TRUE(both->map({0x1000, memory, 0x4000, rw}));
    ASSERT_TRUE(both->map({0x40000000, memory, 0x5000, rw}));
    // The superpage test and the first mapping have their tables; the second mapping's is not to be had.
    two.kernel.injection().order("arm_lpae.table.alloc", {4, injection_order::for_ever});
    const caller_report r = both->run(second);
    EXPECT_EQ(r.number, enomem);
    EXPECT_EQ(r.domains, 1u);
    EXPECT_EQ(both->locked_bytes(), 0x9000u);
    EXPECT_EQ(iova_to_phys(*first.in_group->current(), 0x40000000), memory);
    EXPECT_EQ(second.in_group->owner(), nullptr);
    two.kernel.injection().cancel_all();
}

TEST_F(vfio_mapping, goes_into_all_domains_or_none) {
    caller_bench two(2);
    device &first = two.add_device("a", 1, 0), &second = two.add_device("b", 1, 1);
    auto both = two.make(t1);
    ASSERT_EQ(both->run(first).number, none);
    ASSERT_EQ(both->run(second).number, none);
    ASSERT_TRUE(both->map(ordinary));
    for (device* d : {&first, &second})
        EXPECT_EQ(iova_to_phys(*d->in_group->current(), ordinary.iova + 0x1000), memory + 0x1000);
    // Tables for the first domain are there; those for the second are not to be had.
    two.kernel.injection().order("arm_lpae.table.alloc", {2, 1});
    EXPECT_FALSE(both->map({0x40000000, memory, 0x1000, rw}));
    for (device* d : {&first, &second})
        EXPECT_EQ(iova_to_phys(*d->in_group->current(), 0x40000000), 0u);
    EXPECT_EQ(*both->unmap_all(), 0x4000u);
    for (device* d : {&first, &second})
        EXPECT_EQ(iova_to_phys(*d->in_group->current(), ordinary.iova), 0u);
}

TEST_F(vfio_mapping, no_group_joins_while_user_addresses_are_suspended) {
    auto& container = static_cast<vfio::type1&>(*c);
    device& other = b.add_device("other", 2);
    ASSERT_EQ(c->run(dev).number, none);
    EXPECT_EQ(container.suspend_addresses().error().row, &vfio::row::addresses_unknown);
    ASSERT_TRUE(c->map(ordinary));
    ASSERT_TRUE(container.suspend_addresses());
    EXPECT_EQ(c->run(other).row, &vfio::row::addresses_invalid);
    container.resume_addresses();
    EXPECT_EQ(c->run(other).number, none);
}

TEST_F(vfio_mapping, the_superpage_test_leaves_nothing_behind) {
    ASSERT_EQ(c->run(dev).number, none);
    auto& container = static_cast<vfio::type1&>(*c);
    EXPECT_FALSE(container.fine_superpages(dev)) << "no 8K pages on this SMMU";
    EXPECT_EQ(iova_to_phys(*dev.in_group->current(), 0), 0u);
    EXPECT_EQ(iova_to_phys(*dev.in_group->current(), 0x1000), 0u);
}

// --- the core's part

TEST(vfio, a_group_joins_once_and_whole) {
    caller_bench b;
    device& first = b.add_device("a", 1, 0, {.isolation = "slot"});
    device& second = b.add_device("b", 2, 0, {.isolation = "slot"});
    ASSERT_EQ(first.in_group, second.in_group);
    auto c = b.make(t1);
    EXPECT_EQ(c->run(first).attach.attach_calls, 2u);
    EXPECT_EQ(c->run(second).effort().attach_calls, 0u) << "it is there already";
    EXPECT_EQ(c->domain_of(second), c->domain_of(first));
    auto other = b.make(t1);
    const caller_report r = other->run(second);
    EXPECT_EQ(r.row, &core_row::claim_owned);
    EXPECT_EQ(r.number, eperm);
    EXPECT_TRUE(r.at_claim);
}

// Story 39.
TEST(vfio, a_group_on_an_unmanaged_domain_of_somebody_else_is_busy) {
    caller_bench b;
    device& dev = b.add_device("dev", 1);
    auto c = b.make("direct");
    ASSERT_EQ(c->run(dev).number, none);
    const std::size_t calls = b.core->attach_calls().size();
    EXPECT_EQ(b.make(t1)->run(dev).row, &core_row::claim_busy);
    EXPECT_EQ(b.make(t1, {.claim = false})->run(dev).row, &core_row::attach_group_busy);
    EXPECT_EQ(b.core->attach_calls().size(), calls) << "the driver is not called";
}

// Story 43: the device cannot move, and what it was on stays in force, the container's domains too.
TEST(vfio, a_device_with_shared_virtual_addressing_stays_where_it_is) {
    caller_bench b(1, rule_set::v6_2, [](fake_smmu& s) {
        s.IDR0 |= 1u << idr0::CD2L.lsb;
        s.IDR1 = static_cast<std::uint32_t>(idr1::SSIDSIZE.put(s.IDR1, 16));
    });
    device& dev = b.add_device("dev", 1, 0, {.pasid_bits = 8});
    auto c = b.make(t1);
    ASSERT_EQ(c->run(dev).number, none);
    ASSERT_TRUE(b.core->enable_feature(dev, device_feature::shared_virtual_addressing));
    c->detach(dev);
    EXPECT_TRUE(c->domains().empty());
    EXPECT_GE(b.errors(), 1u);
    ASSERT_TRUE(b.core->disable_feature(dev, device_feature::shared_virtual_addressing));
    // The domain that the hardware still used was kept; now it can be left.
    auto other = b.make(t1, {.claim = false});
    EXPECT_EQ(other->run(dev).number, ebusy) << "on the books the group is still there";
}

TEST(vfio, tables_are_sound_and_named_once) {
    std::set<std::string> ids;
    for (const auto& table : caller_failures()) {
        EXPECT_NO_THROW(check_table(table));
        for (const failure_row& r : table)
            EXPECT_TRUE(ids.insert(r.id).second) << r.id;
    }
    for (const caller_description& c : callers())
        EXPECT_EQ(caller_named(c.name), &c);
    EXPECT_EQ(caller_named("nobody"), nullptr);
}

TEST(direct, hands_the_errno_on) {
    caller_bench b(2, rule_set::v6_0);
    device &first = b.add_device("a", 1, 0), &second = b.add_device("b", 1, 1);
    auto c = b.make("direct");
    EXPECT_EQ(c->run(first).attach.attach_calls, 1u);
    const caller_report r = c->run(second);
    EXPECT_EQ(r.number, enxio);
    EXPECT_EQ(r.attach.attach_calls, 2u);
    EXPECT_EQ(r.attach.error_lines, 1u);
    b.kernel.injection().nth("smmu_v3.domain.alloc", 1);
    EXPECT_EQ(b.make("direct")->run(second).number, enomem);
}

} // namespace
} // namespace iommulab::sw
