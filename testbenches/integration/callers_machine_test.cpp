// SPDX-License-Identifier: Apache-2.0
// Callers on the models: what they say of an attach, and what DMA says.
#include "sw/callers/callers.h"
#include "testbenches/software/caller_machine.h"

#include <gtest/gtest.h>

namespace iommulab::software {
namespace {

using sw::dma_outcome;
using sw::linux_errno;
using sw::rule_set;

constexpr std::uint64_t ram = 0x40000000, ram_bytes = 0x40000000, kernel_bytes = 0x20000000;
constexpr sw::user_mapping mapped{0x100000, ram + kernel_bytes + 0x5000, 0x3000, {.read = true, .write = true}};

/// Devices "a" and "b" behind SMMUs of their own; "c" beside "a".
software_machine_description two_smmus(rule_set rules) {
    software_machine_description d;
    memory_parameters dram;
    dram.ranges.push_back({ram, ram_bytes, "dram"});
    d.platform.name = "test";
    d.platform.memories.push_back({"dram", dram});
    for (unsigned n = 0; n < 2; ++n)
        d.platform.iommus.push_back(
            {"smmu" + std::to_string(n), "smmu_v3", "mmu-600", {}, {}, 0x9050000 + n * 0x100000ULL, 1});
    d.kernel_memory_base = ram;
    d.kernel_memory_bytes = kernel_bytes;
    d.kernel.rules = rules;
    const auto add = [&](const char* name, std::uint32_t sid, const char* smmu) {
        sw::device_description description;
        description.name = name;
        description.spec = sw::firmware_spec{smmu, {sid}, true};
        d.devices.push_back({description, 0});
    };
    add("a", 1, "smmu0");
    add("b", 1, "smmu1");
    add("c", 2, "smmu0");
    return d;
}

struct expectation {
    linux_errno number;
    unsigned domains, attach_calls, error_lines;
    dma_outcome dma;
};

/// Device "a" is on the address space, which has a mapping; then "b" comes, which its domain does not fit.
void foreign_smmu(rule_set rules, const char* name, const expectation& expected) {
    software_machine m("m", two_smmus(rules));
    m.run([&] {
        auto c = sw::caller_named(name)->make(caller_machine_of(m), {});
        ASSERT_EQ(c->run(m.device("a")).number, linux_errno::none);
        ASSERT_TRUE(c->map(mapped));
        EXPECT_EQ(c->try_dma(m.device("a")), dma_outcome::ok);
        EXPECT_EQ(c->try_dma(m.device("b")), dma_outcome::fault);
        const sw::caller_report r = c->run(m.device("b"));
        EXPECT_EQ(r.number, expected.number) << name_of(r.number);
        EXPECT_EQ(r.domains, expected.domains);
        EXPECT_EQ(r.attach.attach_calls, expected.attach_calls);
        EXPECT_EQ(r.attach.error_lines, expected.error_lines);
        EXPECT_EQ(r.dma, expected.dma) << name_of(r.dma);
        EXPECT_GT(r.attach.attach_ns, 0u);
        EXPECT_EQ(c->try_dma(m.device("a")), dma_outcome::ok) << "the other device is not disturbed";
        c->detach(m.device("b"));
        EXPECT_EQ(c->try_dma(m.device("b")), dma_outcome::fault);
    });
}

TEST(callers, vfio_type1_before_the_series) {
    foreign_smmu(rule_set::v6_0, "vfio-type1", {linux_errno::none, 2, 5, 1, dma_outcome::ok});
}
TEST(callers, vfio_type1_after_the_series) {
    foreign_smmu(rule_set::v6_2, "vfio-type1", {linux_errno::none, 2, 5, 0, dma_outcome::ok});
}
TEST(callers, vfio_type1_2022_before_the_series) {
    foreign_smmu(rule_set::v6_0, "vfio-type1-2022", {linux_errno::enxio, 1, 2, 1, dma_outcome::fault});
}
TEST(callers, vfio_type1_2022_as_proposed) {
    foreign_smmu(rule_set::emediumtype, "vfio-type1-2022", {linux_errno::none, 2, 3, 0, dma_outcome::ok});
}
TEST(callers, vfio_type1_2022_after_the_series) {
    foreign_smmu(rule_set::einval_v5, "vfio-type1-2022", {linux_errno::none, 2, 3, 0, dma_outcome::ok});
}
TEST(callers, iommufd_before_the_series) {
    foreign_smmu(rule_set::v6_0, "iommufd", {linux_errno::enxio, 1, 2, 1, dma_outcome::fault});
}
TEST(callers, iommufd_after_the_series) {
    foreign_smmu(rule_set::v6_2, "iommufd", {linux_errno::none, 2, 3, 0, dma_outcome::ok});
}
TEST(callers, iommufd_hwpt_before_the_series) {
    foreign_smmu(rule_set::v6_0, "iommufd-hwpt", {linux_errno::enxio, 1, 2, 1, dma_outcome::fault});
}
TEST(callers, iommufd_hwpt_after_the_series) {
    foreign_smmu(rule_set::v6_2, "iommufd-hwpt", {linux_errno::einval, 1, 2, 0, dma_outcome::fault});
}
TEST(callers, qemu_before_the_series) {
    foreign_smmu(rule_set::v6_0, "qemu", {linux_errno::none, 2, 3, 1, dma_outcome::ok});
}
TEST(callers, qemu_after_the_series) {
    foreign_smmu(rule_set::v6_2, "qemu", {linux_errno::none, 2, 3, 0, dma_outcome::ok});
}
TEST(callers, direct_after_the_series) {
    foreign_smmu(rule_set::v6_2, "direct", {linux_errno::einval, 1, 2, 0, dma_outcome::fault});
}

// Two devices of one SMMU on one domain; unmapping reaches both, and DMA of neither gets through any more.
TEST(callers, share_a_domain_and_unmap_for_all) {
    software_machine m("m", two_smmus(rule_set::v6_2));
    m.run([&] {
        for (const sw::caller_description& each : sw::callers()) {
            auto c = each.make(caller_machine_of(m), {});
            ASSERT_EQ(c->run(m.device("a")).number, linux_errno::none) << each.name;
            ASSERT_TRUE(c->map(mapped)) << each.name;
            const sw::caller_report r = c->run(m.device("c"));
            EXPECT_TRUE(r.shared) << each.name;
            EXPECT_EQ(r.dma, dma_outcome::ok) << each.name;
            ASSERT_TRUE(c->unmap(mapped.iova, mapped.bytes));
            EXPECT_EQ(c->try_dma(m.device("c")), dma_outcome::untried) << each.name;
            for (const char* name : {"a", "c"})
                EXPECT_FALSE(m.dma_read(name, mapped.iova, 8).ok) << each.name;
            ASSERT_TRUE(c->map({mapped.iova, mapped.address, 0x1000, {.read = true}}));
            EXPECT_EQ(c->try_dma(m.device("c")), dma_outcome::ok) << each.name;
            EXPECT_FALSE(m.dma_write("c", mapped.iova, {1}).ok) << "read-only";
        }
    });
}

// Story 41: the caller believes a success that is none; only DMA tells.
TEST(callers, iommufd_believes_a_false_success_and_dma_faults) {
    software_machine m("m", two_smmus(rule_set::v6_2));
    m.run([&] {
        auto c = sw::caller_named("iommufd")->make(caller_machine_of(m), {});
        ASSERT_EQ(c->run(m.device("a")).number, linux_errno::none);
        ASSERT_TRUE(c->map(mapped));
        const sw::caller_report r =
            c->run(m.device("b"), [&] { m.kernel().injection().nth("smmu_v3.foreign_smmu.success", 1); });
        EXPECT_EQ(r.number, linux_errno::none);
        EXPECT_EQ(r.domains, 1u);
        EXPECT_EQ(r.attach.attach_calls, 1u);
        EXPECT_EQ(r.dma, dma_outcome::fault);
    });
}

// Story 50: an SMMU that does not consume a CMD_SYNC costs a second and a line, and nothing else.
TEST(callers, a_time_out_during_attach_is_survived) {
    software_machine m("m", two_smmus(rule_set::v6_2));
    m.run([&] {
        auto c = sw::caller_named("iommufd")->make(caller_machine_of(m), {});
        ASSERT_TRUE(c->map(mapped));
        const sw::caller_report r =
            c->run(m.device("a"), [&] { m.kernel().injection().nth("smmu_v3.cmdq.doorbell", 1); });
        EXPECT_EQ(r.number, linux_errno::none);
        EXPECT_EQ(r.attach.error_lines, 1u);
        EXPECT_GE(r.attach.attach_ns, 1'000'000'000u);
        EXPECT_EQ(r.dma, dma_outcome::ok);
    });
}

// Mappings that are not what the caller thinks: the verdict is neither ok nor fault.
TEST(callers, dma_that_lands_elsewhere_is_wrong) {
    software_machine m("m", two_smmus(rule_set::v6_2));
    m.run([&] {
        auto c = sw::caller_named("iommufd")->make(caller_machine_of(m), {});
        ASSERT_EQ(c->run(m.device("a")).number, linux_errno::none);
        ASSERT_TRUE(c->map(mapped));
        sw::domain& d = *m.device("a").in_group->current();
        ASSERT_EQ(sw::unmap(m.kernel(), d, mapped.iova, 0x1000), 0x1000u);
        EXPECT_EQ(c->try_dma(m.device("a")), dma_outcome::wrong) << "the first page faults, the last does not";
        ASSERT_TRUE(sw::map(m.kernel(), d, mapped.iova, mapped.address + 0x10000, 0x1000, mapped.prot));
        EXPECT_EQ(c->try_dma(m.device("a")), dma_outcome::wrong) << "lands elsewhere";
    });
}

// Addresses of the replay, page by page: what is not contiguous in memory is not in the second domain either.
TEST(callers, vfio_replays_every_mapping_into_the_second_domain) {
    software_machine m("m", two_smmus(rule_set::v6_2));
    m.run([&] {
        auto c = sw::caller_named("vfio-type1")->make(caller_machine_of(m), {});
        ASSERT_EQ(c->run(m.device("a")).number, linux_errno::none);
        for (std::uint64_t n = 0; n < 8; ++n)
            ASSERT_TRUE(c->map({0x1000000 + n * 0x2000, mapped.address + (8 - n) * 0x1000, 0x1000, mapped.prot}));
        ASSERT_TRUE(c->map({0x40000000, ram + kernel_bytes + 0x400000, 0x400000, mapped.prot}));
        const sw::caller_report r = c->run(m.device("b"));
        EXPECT_EQ(r.domains, 2u);
        EXPECT_EQ(r.dma, dma_outcome::ok);
        EXPECT_EQ(*c->unmap_all(), 0x408000u);
        for (const char* name : {"a", "b"})
            EXPECT_FALSE(m.dma_read(name, 0x40000000, 8).ok) << name;
    });
}

} // namespace
} // namespace iommulab::software
