// SPDX-License-Identifier: Apache-2.0
// IOMMUFD: what it makes of errnos, and its address spaces.
#include "models/smmu_v3/spec/registers.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/iommu/core_failures.h"
#include "sw/iommufd/failures.h"
#include "sw/iommufd/users.h"
#include "testbenches/integration/caller_bench.h"

#include <gmock/gmock.h>

namespace iommulab::sw {
namespace {

using harness::caller_bench;
using harness::fake_smmu;
using enum linux_errno;
namespace smmu_row = arm_smmu_v3::row;
namespace row = iommufd::row;
namespace idr0 = smmu_v3::idr0;
namespace idr1 = smmu_v3::idr1;

constexpr protection rw{.read = true, .write = true}, ro{.read = true};
constexpr std::uint64_t memory = 0x90000000;
constexpr user_mapping ordinary{0x100000, memory, 0x4000, rw};

struct iommufd_rules : testing::TestWithParam<rule_set> {
    caller_bench b{2, GetParam()};
    device &first = b.add_device("a", 1, 0), &second = b.add_device("b", 1, 1);
    /// The errno of a foreign SMMU under these rules.
    const failure_outcome& foreign = smmu_row::foreign_smmu.outcome(GetParam());
    const bool soft = foreign.number == einval;
    const unsigned lines = foreign.log == log_level::error ? 1 : 0;
};
INSTANTIATE_TEST_SUITE_P(all, iommufd_rules, testing::ValuesIn(all_rule_sets), [](const auto& param_info) {
    std::string name = name_of(param_info.param);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
    return name;
});

// Section 16, story 1: EINVAL means the next domain, anything else is the end.
TEST_P(iommufd_rules, automatic_domains_live_by_the_errno) {
    auto c = b.make("iommufd");
    ASSERT_EQ(c->run(first).attach.attach_calls, 1u);
    ASSERT_TRUE(c->map(ordinary));
    const caller_report r = c->run(second);
    EXPECT_EQ(r.claim.attach_calls, 1u);
    EXPECT_EQ(r.number, soft ? none : foreign.number);
    EXPECT_EQ(r.attach.attach_calls, soft ? 3u : 2u);
    EXPECT_EQ(r.domains, soft ? 2u : 1u);
    EXPECT_EQ(r.domains_made, soft ? 1u : 0u);
    EXPECT_EQ(r.attach.error_lines, lines);
    EXPECT_EQ(iova_to_phys(*second.in_group->current(), ordinary.iova), soft ? memory : 0u);
}

// Story 45: the errno reaches the user, and there is no second domain.
TEST_P(iommufd_rules, an_explicit_page_table_is_that_one_or_none) {
    auto c = b.make("iommufd-hwpt");
    ASSERT_EQ(c->run(first).number, none);
    const caller_report r = c->run(second);
    EXPECT_EQ(r.number, foreign.number);
    EXPECT_EQ(r.row, &smmu_row::foreign_smmu);
    EXPECT_EQ(r.attach.attach_calls, 2u);
    EXPECT_EQ(r.domains, 1u);
    EXPECT_EQ(r.attach.error_lines, lines);
    EXPECT_EQ(second.in_group->current(), second.in_group->blocking_domain()) << "still bound";
}

// Story 46: a hard errno makes the outer loop build another address space, with everything mapped and pinned twice.
TEST_P(iommufd_rules, qemu_finds_a_domain_in_any_case_but_at_a_price) {
    auto c = b.make("qemu");
    ASSERT_EQ(c->run(first).number, none);
    ASSERT_TRUE(c->map(ordinary));
    const caller_report r = c->run(second);
    EXPECT_EQ(r.number, none);
    EXPECT_EQ(r.domains, 2u);
    EXPECT_EQ(r.attach.attach_calls, 3u);
    EXPECT_EQ(r.attach.error_lines, lines);
    EXPECT_EQ(static_cast<iommufd::context&>(*c).spaces(), soft ? 1u : 2u);
    EXPECT_EQ(c->locked_bytes(), soft ? 0x4000u : 0x8000u);
    EXPECT_EQ(iova_to_phys(*second.in_group->current(), ordinary.iova + 0x1000), memory + 0x1000);
    ASSERT_TRUE(c->map({0x200000, memory, 0x1000, rw}));
    for (device* d : {&first, &second})
        EXPECT_EQ(iova_to_phys(*d->in_group->current(), 0x200000), memory);
    EXPECT_EQ(*c->unmap(0x200000, 0x1000), 0x1000u);
    EXPECT_EQ(iova_to_phys(*second.in_group->current(), 0x200000), 0u);
    c->detach(second);
    c->detach(first);
    EXPECT_TRUE(c->domains().empty());
    EXPECT_EQ(c->locked_bytes(), 0u);
}

// Section 15.1: 2k + 1, whether the last candidate fits or a fresh domain is needed.
TEST(iommufd, counts_of_attach_calls_follow_the_formula) {
    for (const char* name : {"iommufd", "qemu"})
        for (unsigned k = 0; k <= 4; ++k)
            for (const bool match : {false, true}) {
                caller_bench b(k + 1);
                device& last = b.add_device("last", 2, k);
                device& same = b.add_device("same", 1, k);
                auto c = b.make(name);
                for (unsigned n = 0; n < k; ++n)
                    ASSERT_EQ(c->run(b.add_device("other" + std::to_string(n), 1, n)).number, none);
                if (match) { // the newest is tried last
                    ASSERT_EQ(c->run(same).number, none);
                }
                const caller_report r = c->run(last);
                EXPECT_EQ(r.number, none);
                EXPECT_EQ(r.attach.attach_calls, 2 * k + 1) << name << ' ' << k << ' ' << match;
                EXPECT_EQ(r.domains, k + 1);
                EXPECT_EQ(r.shared, match);
            }
}

// Stories 10 and 11: soft before and after; only the line goes.
TEST(iommufd, devices_of_one_smmu_may_need_two_domains) {
    for (const rule_set rules : {rule_set::v6_0, rule_set::v6_2})
        for (const bool stalls : {false, true}) {
            caller_bench b(1, rules, [](fake_smmu& s) {
                s.IDR0 |= 1u << idr0::CD2L.lsb;
                s.IDR0 = static_cast<std::uint32_t>(idr0::STALL_MODEL.put(s.IDR0, 0));
                s.IDR1 = static_cast<std::uint32_t>(idr1::SSIDSIZE.put(s.IDR1, 16));
            });
            auto c = b.make("iommufd");
            ASSERT_EQ(c->run(b.add_device("a", 1, 0, {.can_stall = stalls})).number, none);
            const caller_report r = c->run(b.add_device("b", 2, 0, {.pasid_bits = stalls ? 0u : 10u}));
            EXPECT_EQ(r.number, none);
            EXPECT_EQ(r.domains, 2u);
            EXPECT_EQ(r.attach.attach_calls, 3u);
            EXPECT_EQ(r.attach.error_lines, rules == rule_set::v6_0 ? 1u : 0u);
        }
}

// Story 41: success that is none ends the search.
TEST(iommufd, a_refusal_that_says_success_is_believed) {
    caller_bench b(2);
    auto c = b.make("iommufd");
    ASSERT_EQ(c->run(b.add_device("a", 1, 0)).number, none);
    const caller_report r =
        c->run(b.add_device("b", 1, 1), [&] { b.kernel.injection().nth("smmu_v3.foreign_smmu.success", 1); });
    EXPECT_EQ(r.number, none);
    EXPECT_TRUE(r.shared);
    EXPECT_EQ(r.attach.attach_calls, 1u);
}

// Story 26: VMIDs are of each SMMU; the errno of exhaustion is hard, in the fresh domain.
TEST(iommufd, exhaustion_is_hard) {
    caller_bench b(1, rule_set::v6_2, [](fake_smmu& s) { s.IDR0 ^= 3; });
    device& dev = b.add_device("dev", 1);
    std::vector<std::unique_ptr<domain>> hoard;
    for (int i = 0; i < 253; ++i) {
        hoard.push_back(b.core->allocate_domain(dev));
        ASSERT_TRUE(b.core->attach_device(*hoard.back(), dev)) << i;
        b.core->detach_device(*hoard.back(), dev);
    }
    auto c = b.make("iommufd");
    const caller_report r = c->run(dev);
    EXPECT_EQ(r.number, enospc);
    EXPECT_EQ(r.row, &smmu_row::no_vmid);
    EXPECT_EQ(r.domains, 0u);
    EXPECT_EQ(r.domains_made, 1u);
}

TEST(iommufd, its_own_failures_leave_no_domain) {
    struct own_failure {
        const failure_row& row;
        caller_options options;
        const char* inject;
    };
    const own_failure cases[] = {
        {row::no_domain, {}, "smmu_v3.domain.alloc"},
        {row::unsafe_interrupts, {.interrupts_isolated = false}, ""},
        {row::msi_memory, {}, "iommufd.msi_cookie.alloc"},
        {row::map_locked, {.locked_limit_bytes = 0x1000}, ""},
    };
    for (const own_failure& f : cases) {
        caller_bench b;
        device& dev = b.add_device("dev", 1);
        auto c = b.make("iommufd", f.options);
        ASSERT_TRUE(c->map(ordinary));
        const caller_report r = c->run(dev, [&] {
            if (*f.inject)
                b.kernel.injection().nth(f.inject, 1);
        });
        EXPECT_EQ(r.row, &f.row) << f.row.id;
        EXPECT_EQ(r.domains, 0u);
        EXPECT_EQ(c->locked_bytes(), 0u);
        EXPECT_EQ(dev.in_group->current(), dev.in_group->blocking_domain());
        EXPECT_TRUE(c->map({0x8000000, memory, 0x1000, rw})) << "and nothing stays reserved";
        c->detach(dev);
        EXPECT_EQ(dev.in_group->current(), dev.in_group->default_domain());
    }
    caller_bench b(1, rule_set::v6_2, {}, false);
    device& dev = b.add_device("dev", 1);
    EXPECT_EQ(b.make("iommufd")->run(dev).row, &row::not_coherent);
    EXPECT_EQ(b.make("iommufd", {.capability_test = false})->run(dev).number, none);
    device stranger({.name = "stranger"});
    EXPECT_EQ(b.make("iommufd", {.capability_test = false})->run(stranger).row, &row::no_group);
}

TEST(iommufd, reserved_addresses_conflict_with_mappings_and_are_given_back) {
    caller_bench b;
    device& plain = b.add_device("plain", 1);
    device& choosy = b.add_device(
        "choosy", 2, 0,
        {.regions = {{0x101000, 0x1000, region_type::reserved}, {0x500000, 0x1000, region_type::direct_relaxable}}});
    auto c = b.make("iommufd");
    ASSERT_EQ(c->run(plain).number, none);
    ASSERT_TRUE(c->map(ordinary));
    const caller_report r = c->run(choosy);
    EXPECT_EQ(r.number, eaddrinuse);
    EXPECT_EQ(r.row, &row::reserved_conflict);
    EXPECT_EQ(r.attach.attach_calls, 0u) << "the driver is not called";
    EXPECT_EQ(*c->unmap(ordinary.iova, ordinary.bytes), ordinary.bytes);
    ASSERT_EQ(c->run(choosy).number, none);
    EXPECT_EQ(c->map(ordinary).error().row, &row::map_reserved);
    EXPECT_TRUE(c->map({0x500000, memory, 0x1000, rw}));
    EXPECT_EQ(c->map({0x8000000, memory, 0x1000, rw}).error().row, &row::map_reserved) << "MSI window";
    EXPECT_EQ(c->map({std::uint64_t{1} << 48, memory, 0x1000, rw}).error().row, &row::map_reserved) << "aperture";
    c->detach(choosy);
    EXPECT_TRUE(c->map(ordinary));
}

// The end of story 4: mappings beyond the aperture of a fresh domain.
TEST(iommufd, mappings_that_a_domain_cannot_hold_keep_the_device_out) {
    caller_bench b;
    device& dev = b.add_device("dev", 1);
    auto c = b.make("iommufd");
    ASSERT_TRUE(c->map({std::uint64_t{1} << 50, memory, 0x1000, rw})) << "nobody minds without a domain";
    const caller_report r = c->run(dev);
    EXPECT_EQ(r.row, &row::aperture_conflict);
    EXPECT_EQ(r.number, eaddrinuse);
    EXPECT_EQ(*c->unmap_all(), 0x1000u);
    ASSERT_TRUE(c->map({0x1800, memory + 0x800, 0x800, rw}));
    EXPECT_EQ(c->run(dev).row, &row::alignment_conflict);
    EXPECT_EQ(*c->unmap_all(), 0x800u);
    EXPECT_EQ(c->run(dev).number, none);
}

TEST(iommufd, a_group_is_attached_with_its_first_device_and_left_with_its_last) {
    caller_bench b;
    device& first = b.add_device("a", 1, 0, {.isolation = "slot"});
    device& second = b.add_device("b", 2, 0, {.isolation = "slot"});
    auto c = b.make("iommufd");
    EXPECT_EQ(c->run(first).attach.attach_calls, 2u);
    EXPECT_EQ(c->run(second).effort().attach_calls, 0u);
    EXPECT_EQ(c->domain_of(first), c->domain_of(second));
    c->detach(first);
    EXPECT_NE(first.in_group->current(), first.in_group->blocking_domain()) << "the other one is there";
    EXPECT_EQ(b.make("iommufd")->run(first).row, &core_row::claim_owned);
    c->detach(second);
    EXPECT_EQ(first.in_group->current(), first.in_group->default_domain());
}

// --- page tables, replace

struct iommufd_objects : testing::Test {
    caller_bench b{2};
    device &near = b.add_device("near", 1, 0), &far = b.add_device("far", 1, 1);
    iommufd::auto_user c{"test", {*b.core}, {}};
};

TEST_F(iommufd_objects, attach_wants_a_bound_device_once) {
    EXPECT_EQ(c.attach_ioas(near, c.space()).error().row, &row::not_bound);
    EXPECT_EQ(c.replace_ioas(near, c.space()).error().row, &row::not_attached);
    ASSERT_TRUE(c.claim(near));
    ASSERT_TRUE(c.claim(near)) << "once is enough";
    ASSERT_TRUE(c.attach_ioas(near, c.space()));
    EXPECT_EQ(c.attach_ioas(near, c.space()).error().row, &row::attached_already);
}

TEST_F(iommufd_objects, automatic_attach_leaves_page_tables_of_others_alone) {
    ASSERT_TRUE(c.claim(near));
    const auto made = c.allocate_hwpt(near, c.space());
    ASSERT_TRUE(made);
    ASSERT_TRUE(c.attach_ioas(near, c.space()));
    EXPECT_NE(c.hwpt_of(near), *made);
    EXPECT_EQ(c.hwpts().size(), 2u);
    c.detach_hwpt(near);
    EXPECT_EQ(c.hwpts().size(), 1u) << "an automatic one goes with its last device";
    ASSERT_TRUE(c.attach_hwpt(near, **made));
    c.destroy_hwpt(**made);
    EXPECT_EQ(c.hwpts().size(), 1u) << "not under its device";
}

TEST_F(iommufd_objects, replace_moves_to_another_address_space_with_one_call) {
    iommufd::ioas& other = c.make_ioas();
    ASSERT_TRUE(c.space().map({0x1000, memory, 0x1000, rw}));
    ASSERT_TRUE(other.map({0x1000, memory + 0x1000, 0x1000, rw}));
    ASSERT_TRUE(c.claim(near));
    ASSERT_TRUE(c.attach_ioas(near, c.space()));
    const std::size_t calls = b.core->attach_calls().size();
    ASSERT_TRUE(c.replace_ioas(near, other));
    EXPECT_EQ(b.core->attach_calls().size(), calls + 1) << "no blocking domain between";
    EXPECT_EQ(iova_to_phys(*near.in_group->current(), 0x1000), memory + 0x1000);
    EXPECT_EQ(c.hwpts().size(), 1u);
    EXPECT_EQ(c.locked_bytes(), 0x1000u);
    ASSERT_TRUE(c.replace_hwpt(near, *c.hwpt_of(near))) << "to itself: nothing";
}

TEST_F(iommufd_objects, a_replace_that_fails_leaves_the_old_domain_in_force) {
    ASSERT_TRUE(c.space().map({0x1000, memory, 0x1000, rw}));
    for (device* dev : {&near, &far}) {
        ASSERT_TRUE(c.claim(*dev));
        ASSERT_TRUE(c.attach_ioas(*dev, c.space()));
    }
    const domain* const old = near.in_group->current();
    EXPECT_EQ(c.replace_hwpt(near, *c.hwpt_of(far)).error().number, einval) << "of another SMMU";
    EXPECT_EQ(near.in_group->current(), old);
    EXPECT_EQ(c.domain_of(near), old);
    iommufd::ioas& other = c.make_ioas();
    ASSERT_TRUE(other.map({0x8000000, memory, 0x1000, rw}));
    EXPECT_EQ(c.replace_ioas(near, other).error().row, &row::reserved_conflict);
    ASSERT_TRUE(other.unmap(0x8000000, 0x1000));
    ASSERT_TRUE(other.map({std::uint64_t{1} << 50, memory, 0x1000, rw}));
    EXPECT_EQ(c.replace_ioas(near, other).error().row, &row::aperture_conflict);
    EXPECT_EQ(near.in_group->current(), old);
    EXPECT_EQ(c.hwpts().size(), 2u);
    EXPECT_TRUE(other.map({0x8000000, memory, 0x1000, rw})) << "not reserved there";
    EXPECT_EQ(c.space().map({0x8000000, memory, 0x1000, rw}).error().row, &row::map_reserved) << "but still here";
}

// --- mappings

struct iommufd_mapping : iommufd_objects {
    iommufd::ioas& space = c.space();
    void SetUp() override {
        ASSERT_TRUE(c.claim(near));
        ASSERT_TRUE(c.attach_ioas(near, space));
    }
    const failure_row* map_row(const user_mapping& m) {
        const auto r = space.map(m);
        return r ? nullptr : r.error().row;
    }
    const failure_row* unmap_row(std::uint64_t iova, std::uint64_t bytes) {
        const auto r = space.unmap(iova, bytes);
        return r ? nullptr : r.error().row;
    }
};

TEST_F(iommufd_mapping, refuses_what_makes_no_sense) {
    EXPECT_EQ(map_row({0x1000, memory, 0, rw}), &row::map_unaligned);
    EXPECT_EQ(map_row({0x1800, memory, 0x1000, rw}), &row::map_unaligned);
    EXPECT_EQ(map_row({~std::uint64_t{0xfff}, memory, 0x2000, rw}), &row::map_overflow);
    ASSERT_EQ(map_row(ordinary), nullptr);
    EXPECT_EQ(map_row({0x103000, memory, 0x2000, rw}), &row::map_overlaps);
    EXPECT_EQ(map_row({0xff000, memory, 0x10000, rw}), &row::map_overlaps);
    b.kernel.injection().nth("iommufd.area.alloc", 1);
    EXPECT_EQ(map_row({0x1000, memory, 0x1000, rw}), &row::map_memory);
    EXPECT_EQ(unmap_row(0x101000, 0x3000), &row::unmap_splits);
    EXPECT_EQ(unmap_row(0xff000, 0x2000), &row::unmap_splits);
    EXPECT_EQ(unmap_row(0x200000, 0x1000), &row::unmap_nothing);
    EXPECT_EQ(unmap_row(0x200000, 0), &row::unmap_empty);
    EXPECT_EQ(unmap_row(0x2000, ~std::uint64_t{0}), &row::map_overflow);
    EXPECT_EQ(*space.unmap(0, ~std::uint64_t{0}), 0x4000u) << "everything";
    EXPECT_EQ(*space.unmap(0, ~std::uint64_t{0}), 0u) << "which may be nothing";
    EXPECT_EQ(iova_to_phys(*near.in_group->current(), ordinary.iova), 0u);
}

// As the kernel does: the area's memory, then addresses, then the source, then pages are pinned.
TEST_F(iommufd_mapping, is_refused_for_what_is_looked_at_first) {
    ASSERT_EQ(map_row(ordinary), nullptr);
    constexpr user_mapping within_a_page{0x200000, memory + 0x800, 0x1000, rw};
    EXPECT_EQ(map_row(within_a_page), &row::map_unaligned);
    EXPECT_EQ(map_row({ordinary.iova, memory + 0x800, 0x1000, rw}), &row::map_overlaps);
    b.kernel.injection().nth("iommufd.area.alloc", 1);
    EXPECT_EQ(map_row({ordinary.iova, memory + 0x800, 0x1000, rw}), &row::map_memory);
    EXPECT_EQ(c.locked_bytes(), ordinary.bytes) << "nothing of it was pinned";
    EXPECT_EQ(space.copy(space, ordinary.iova, 0, 0x200000, ro).error().row, &row::copy_empty);
    // Without a domain there is nothing to be aligned to.
    EXPECT_TRUE(c.make_ioas().map(within_a_page));
}

TEST_F(iommufd_mapping, copies_show_the_same_pages_and_pin_them_once) {
    ASSERT_TRUE(space.map(ordinary));
    ASSERT_TRUE(space.map({0x104000, memory + 0x10000, 0x1000, ro}));
    EXPECT_EQ(c.locked_bytes(), 0x5000u);
    ASSERT_TRUE(space.copy(space, 0x102000, 0x3000, 0x200000, ro));
    EXPECT_EQ(c.locked_bytes(), 0x5000u);
    domain& d = *near.in_group->current();
    EXPECT_EQ(iova_to_phys(d, 0x200000), memory + 0x2000);
    EXPECT_EQ(iova_to_phys(d, 0x202000), memory + 0x10000);
    EXPECT_EQ(space.copy(space, 0x104000, 0x2000, 0x300000, ro).error().row, &row::copy_nothing);
    EXPECT_EQ(space.copy(space, 0x103000, 0x2000, 0x300000, rw).error().row, &row::map_read_only);
    EXPECT_EQ(iova_to_phys(d, 0x300000), 0u) << "of a copy that fails nothing stays";
    EXPECT_EQ(space.copy(space, 0x100000, 0x1000, 0x200000, ro).error().row, &row::map_overlaps);
    EXPECT_EQ(*space.unmap(0x100000, 0x4000), 0x4000u);
    EXPECT_EQ(iova_to_phys(d, 0x200000), memory + 0x2000) << "the copy lives on";
    EXPECT_EQ(c.locked_bytes(), 0x5000u) << "and holds its pages";
    space.unmap_all();
    EXPECT_EQ(c.locked_bytes(), 0u);
    // Into an address space without domain: pinned when one comes.
    iommufd::ioas& other = c.make_ioas();
    ASSERT_TRUE(space.map(ordinary));
    ASSERT_TRUE(other.copy(space, ordinary.iova, 0x1000, 0x9000, ro));
    ASSERT_TRUE(c.claim(far));
    ASSERT_TRUE(c.attach_ioas(far, other));
    EXPECT_EQ(iova_to_phys(*far.in_group->current(), 0x9000), memory);
    EXPECT_EQ(c.locked_bytes(), 0x4000u);
}

TEST_F(iommufd_mapping, goes_into_all_domains_or_none) {
    ASSERT_TRUE(c.claim(far));
    ASSERT_TRUE(c.attach_ioas(far, space));
    ASSERT_TRUE(space.map(ordinary));
    b.kernel.injection().order("arm_lpae.table.alloc", {2, 1});
    EXPECT_FALSE(space.map({0x40000000, memory, 0x1000, rw}));
    EXPECT_EQ(c.locked_bytes(), 0x4000u);
    for (device* d : {&near, &far}) {
        EXPECT_EQ(iova_to_phys(*d->in_group->current(), 0x40000000), 0u);
        EXPECT_EQ(iova_to_phys(*d->in_group->current(), ordinary.iova), memory);
    }
}

} // namespace
} // namespace iommulab::sw
