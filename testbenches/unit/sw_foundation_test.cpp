// SPDX-License-Identifier: Apache-2.0
// What everything in sw/ stands on: errnos, tables of failures, fault injection, ids, memory regions, locks, page
// sizes.
#include "sw/cpu/lock.h"
#include "sw/cpu/region_allocator.h"
#include "sw/drivers/drivers.h"
#include "sw/iommu/core_failures.h"
#include "sw/iommu/id_allocator.h"
#include "sw/iommu/injection.h"
#include "sw/iommu/kernel.h"
#include "sw/iommu/mapping.h"
#include "testbenches/harness/fake_cpu.h"

#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>

namespace iommulab::sw {
namespace {

TEST(linux_errno, has_linux_numbers_and_names) {
    EXPECT_EQ(static_cast<int>(linux_errno::emediumtype), 124);
    EXPECT_EQ(static_cast<int>(linux_errno::exdev), 18);
    EXPECT_STREQ(name_of(linux_errno::einval), "EINVAL");
    EXPECT_EQ(errno_named("-ENOSPC"), linux_errno::enospc);
    EXPECT_EQ(errno_named("ENOSUCH"), std::nullopt);
    EXPECT_STREQ(make_error_code(linux_errno::enomem).category().name(), "linux-errno");
}

TEST(failure_tables, of_every_driver_are_consistent) {
    EXPECT_NO_THROW(check_table(core_failures()));
    for (const driver_description& d : drivers()) {
        EXPECT_NO_THROW(check_table(d.failures)) << d.name;
        EXPECT_NO_THROW(check_table(d.page_table_failures)) << d.name;
    }
}

TEST(failure_tables, that_contradict_themselves_are_refused) {
    const failure_row twice[] = {{"X-1", "", "", failure_class::other, failure_scope::map, always(linux_errno::eio)},
                                 {"X-1", "", "", failure_class::other, failure_scope::map, always(linux_errno::eio)}};
    EXPECT_THROW(check_table(twice), std::logic_error);
    const failure_row silent[] = {{"X-2", "", "", failure_class::other, failure_scope::map, always(linux_errno::none)}};
    EXPECT_THROW(check_table(silent), std::logic_error);
}

struct kernel_test : testing::Test {
    log_stream log;
    harness::fake_cpu machine{log};
    kernel v60{machine, log, {.rules = rule_set::v6_0}};
    kernel v62{machine, log, {.rules = rule_set::v6_2}};
    static constexpr failure_row row{"X-3",
                                     "f",
                                     "c",
                                     failure_class::incompatible,
                                     failure_scope::attach,
                                     changed({linux_errno::enxio, log_level::error}, {linux_errno::einval}),
                                     "P5"};
};

TEST_F(kernel_test, a_row_is_what_the_rules_in_force_make_of_it) {
    EXPECT_EQ(v60.fail(row, "dev", "message").number, linux_errno::enxio);
    EXPECT_EQ(log.count(log_level::error), 1u);
    EXPECT_EQ(log.entries().back().device, "dev");
    EXPECT_EQ(v62.fail(row, "dev", "message").number, linux_errno::einval);
    EXPECT_EQ(log.count(log_level::error), 1u) << "EINVAL for incompatibility is not logged";
    EXPECT_EQ(v62.raised().back().row, &row);
}

TEST_F(kernel_test, a_row_is_refused_where_the_code_disagrees_with_the_table) {
    EXPECT_THROW(v60.note(row, "dev", "message"), std::logic_error);
    EXPECT_THROW(v60.fail(row, "dev"), std::logic_error) << "the table wants a line";
    EXPECT_THROW(v60.pass_on(row, linux_errno::eio, "dev", "m"), std::logic_error);
}

TEST_F(kernel_test, several_lines_are_logged_as_the_table_counts_them) {
    const failure_row two{"X-4",
                          "f",
                          "c",
                          failure_class::device,
                          failure_scope::attach,
                          always({linux_errno::einval, log_level::error, disposition::returned, 2})};
    v60.fail(two, "dev", "first\nsecond\nthird");
    ASSERT_EQ(log.count(log_level::error), 2u);
    EXPECT_EQ(log.entries().back().message, "second");
    EXPECT_THROW(v60.fail(two, "dev", "only one"), std::logic_error);
}

TEST_F(kernel_test, interrupts_reach_their_handlers_and_strangers_are_reported) {
    int calls = 0;
    v60.request_interrupt(5, "dev", [&] { ++calls; });
    machine.raise_interrupt(5);
    machine.raise_interrupt(6);
    EXPECT_EQ(v60.service_interrupts(1000), 2u);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(log.count(log_level::warning), 1u);
}

TEST(injection, fails_the_occurrences_that_were_ordered) {
    injection_registry r;
    constexpr injection_point points[] = {{"a.alloc", "memory", linux_errno::enomem}, {"b.clock", "clock"}};
    r.declare(points);
    r.order("a.alloc", {2, 2});
    EXPECT_FALSE(r.fires("a.alloc"));
    EXPECT_EQ(r.at("a.alloc"), linux_errno::enomem);
    EXPECT_TRUE(r.fires("a.alloc"));
    EXPECT_FALSE(r.fires("a.alloc"));
    EXPECT_EQ(r.passed("a.alloc"), 4u);
    EXPECT_EQ(r.failed("a.alloc"), 2u);
    r.nth("a.alloc", 1); // counted from now on
    EXPECT_TRUE(r.fires("a.alloc"));
    r.order("b.clock", {1, injection_order::for_ever, linux_errno::eio});
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(r.at("b.clock"), linux_errno::eio);
    r.cancel("b.clock");
    EXPECT_FALSE(r.fires("b.clock"));
}

TEST(injection, says_which_point_was_meant) {
    injection_registry r;
    constexpr injection_point points[] = {{"smmu_v3.cd_table.alloc", "memory"}, {"pci.ats", "ATS"}};
    r.declare(points);
    try {
        r.every("smmu_v3.cdtable.alloc");
        FAIL();
    } catch (const std::invalid_argument& e) {
        EXPECT_NE(std::string(e.what()).find("smmu_v3.cd_table.alloc"), std::string::npos) << e.what();
    }
    EXPECT_THROW(r.order("pci.ats", {0, 1}), std::invalid_argument);
    EXPECT_THROW(r.at("never.declared"), std::logic_error);
}

TEST(id_allocator, gives_the_lowest_free_number_until_there_is_none) {
    id_allocator ids;
    EXPECT_EQ(ids.allocate(1, 3), 1u);
    EXPECT_EQ(ids.allocate(1, 3), 2u);
    ids.release(1);
    EXPECT_EQ(ids.allocate(1, 3), 1u);
    EXPECT_EQ(ids.allocate(1, 3), 3u);
    EXPECT_EQ(ids.allocate(1, 3), std::nullopt);
    EXPECT_EQ(ids.allocate(1, 255), 4u) << "a wider limit, the same ids";
}

TEST(region_allocator, gives_aligned_parts_and_joins_them_again) {
    region_allocator r(0x1000, 0x10000);
    const auto a = r.allocate(0x100, 0x100), b = r.allocate(0x4000, 0x4000);
    EXPECT_EQ(a, 0x1000u);
    EXPECT_EQ(b, 0x4000u);
    EXPECT_EQ(r.allocate(0x10000, 1), 0u);
    EXPECT_THROW(r.release(a, 0x80), std::logic_error);
    r.release(a, 0x100);
    r.release(b, 0x4000);
    EXPECT_EQ(r.used_bytes(), 0u);
    EXPECT_EQ(r.allocate(0x10000, 1), 0x1000u);
    EXPECT_THROW(region_allocator(~std::uint64_t{0} - 10, 100), std::invalid_argument);
}

TEST(ticket_lock, is_held_by_one) {
    log_stream log;
    harness::fake_cpu machine(log);
    ticket_lock l(machine);
    {
        const std::lock_guard held(l);
        EXPECT_TRUE(l.held());
    }
    EXPECT_FALSE(l.held());
}

constexpr std::uint64_t K4 = 0x1000, M2 = 0x200000, G1 = 0x40000000, sizes = K4 | M2 | G1;

// iommu_pgsize() of Linux 6.1: the largest size that fits, and pages of it only up to where a larger one is possible.
TEST(page_choice, takes_the_largest_page_that_both_addresses_allow) {
    EXPECT_EQ(choose_pages(sizes, M2, 3 * M2, M2).page_bytes, M2);
    EXPECT_EQ(choose_pages(sizes, M2, 3 * M2 + K4, M2).page_bytes, K4);
    EXPECT_EQ(choose_pages(sizes, 0, 0, 2 * G1).page_bytes, G1);
    EXPECT_EQ(choose_pages(sizes, 0, 0, 2 * G1).count, 2u);
}
TEST(page_choice, stops_where_a_larger_page_begins) {
    const page_choice c = choose_pages(sizes, M2 - 2 * K4, 5 * M2 - 2 * K4, M2 + 2 * K4);
    EXPECT_EQ(c.page_bytes, K4);
    EXPECT_EQ(c.count, 2u);
}
TEST(page_choice, goes_on_when_the_larger_page_would_not_fit) {
    EXPECT_EQ(choose_pages(sizes, M2 - K4, M2 - K4, M2).count, M2 / K4);
    EXPECT_EQ(choose_pages(sizes, M2 - K4, M2, 4 * M2).count, 4 * M2 / K4)
        << "the addresses are never aligned together";
}

} // namespace
} // namespace iommulab::sw
