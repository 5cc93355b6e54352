// SPDX-License-Identifier: Apache-2.0
// The GART driver over a fake: what it tells the hardware and in which order, its failures, the one active domain.
// Rules: drivers/iommu/tegra-gart.c of Linux 6.1.
#include "models/gart/spec/registers.h"
#include "sw/drivers/tegra_gart/failures.h"
#include "sw/drivers/tegra_gart/gart_driver.h"
#include "testbenches/harness/driver_bench.h"

#include <map>

namespace iommulab::sw::tegra_gart {
namespace {

using namespace iommulab::gart;
using harness::driver_bench;
using harness::fake_registers;

/// Entries behind the two registers.
struct fake_gart final : fake_registers {
    fake_gart() : fake_registers(iommulab::gart::registers()) {
        bank.on_write(reg::GART_ENTRY_DATA, [this](unsigned, std::uint64_t, std::uint64_t written) {
            entries[bank.get(reg::GART_ENTRY_ADDR)] = written;
        });
        bank.on_read(reg::GART_ENTRY_DATA,
                     [this](unsigned) { bank.set(reg::GART_ENTRY_DATA, entries[bank.get(reg::GART_ENTRY_ADDR)]); });
    }
    std::map<std::uint64_t, std::uint64_t> entries;
};

constexpr std::uint64_t aperture = default_aperture, small_bytes = 16 * page_bytes;

struct bench : driver_bench {
    explicit bench(rule_set rules = rule_set::v6_2, std::map<std::string, std::uint64_t> properties = {})
        : driver_bench(description(), rules), hardware(new fake_gart) {
        instance_firmware f;
        f.properties = std::move(properties);
        f.properties.emplace("aperture-bytes", small_bytes);
        started = add_unit(std::unique_ptr<harness::fake_device>(hardware), f);
    }
    ~bench() { kernel.power_off(); }
    gart& unit() { return *static_cast<gart_driver&>(driver).instances().front(); }
    fake_gart* hardware;
    result<instance*> started = error{linux_errno::none, nullptr};
};

// --- the failures

struct gart_row : testing::TestWithParam<std::tuple<std::size_t, rule_set>> {};

TEST_P(gart_row, is_as_the_table_says) {
    harness::expect_row(description(), description().provocations()[std::get<0>(GetParam())], std::get<1>(GetParam()),
                        [](harness::fake_cpu&, const provoking_unit&) { return std::make_unique<fake_gart>(); });
}

INSTANTIATE_TEST_SUITE_P(all, gart_row,
                         testing::Combine(testing::Range(std::size_t{0}, description().provocations().size()),
                                          testing::ValuesIn(all_rule_sets)),
                         [](const auto& one) {
                             return harness::row_case_name(description().provocations()[std::get<0>(one.param)],
                                                           std::get<1>(one.param));
                         });

TEST(gart_rows, are_all_provoked) {
    harness::expect_all_rows_provoked(description());
}

TEST(gart_probe, fails_as_linux_does) {
    {
        bench b(rule_set::v6_2, {{"aperture-bytes", 0}});
        ASSERT_FALSE(b.started);
        EXPECT_EQ(b.started.error().row, &row::no_aperture);
        EXPECT_EQ(errno_of(b.started), linux_errno::enxio);
        EXPECT_EQ(b.log.count(log_level::error), 1U);
    }
    for (const auto& [point, expected] : {std::pair{"gart.probe.alloc", &row::no_memory},
                                          std::pair{"gart.saved_entries.alloc", &row::no_saved_entries}}) {
        driver_bench b(description());
        b.kernel.injection().nth(point, 1);
        const auto r = b.add_unit(std::make_unique<fake_gart>());
        ASSERT_FALSE(r);
        EXPECT_EQ(r.error().row, expected);
        EXPECT_EQ(errno_of(r), linux_errno::enomem);
    }
}

// --- what the hardware is told

TEST(gart_start, clears_every_entry_then_switches_on_and_reads_back) {
    bench b;
    ASSERT_TRUE(b.started);
    std::vector<fake_registers::access> expected;
    for (std::uint64_t n = 0; n < small_bytes / page_bytes; ++n) {
        expected.push_back({reg::GART_ENTRY_ADDR.offset, aperture + n * page_bytes, true});
        expected.push_back({reg::GART_ENTRY_DATA.offset, 0, true});
    }
    expected.push_back({reg::GART_CONFIG.offset, 1, true});
    expected.push_back({reg::GART_CONFIG.offset, 1, false});
    EXPECT_EQ(b.hardware->accesses, expected);
}

TEST(gart_map, writes_an_entry_a_page_and_reads_back_once) {
    bench b;
    device& dev = b.add_device("dev", {1});
    auto d = b.core->allocate_domain(dev);
    ASSERT_TRUE(b.core->attach_device(*d, dev));
    b.hardware->accesses.clear();
    ASSERT_TRUE(map(b.kernel, *d, aperture + page_bytes, 0x1234'5000, 2 * page_bytes, {.read = true}));
    const std::vector<fake_registers::access> expected{
        {reg::GART_ENTRY_ADDR.offset, aperture + page_bytes, true},
        {reg::GART_ENTRY_DATA.offset, 0x9234'5000, true},
        {reg::GART_ENTRY_ADDR.offset, aperture + 2 * page_bytes, true},
        {reg::GART_ENTRY_DATA.offset, 0x9234'6000, true},
        {reg::GART_CONFIG.offset, 1, false},
    };
    EXPECT_EQ(b.hardware->accesses, expected);
    EXPECT_EQ(iova_to_phys(*d, aperture + page_bytes + 8), 0x1234'5000U) << "of the page, as in Linux";
    b.hardware->accesses.clear();
    EXPECT_EQ(unmap(b.kernel, *d, aperture + page_bytes, 2 * page_bytes), 2 * page_bytes);
    EXPECT_EQ(b.hardware->accesses.size(), 5U);
    EXPECT_EQ(b.hardware->accesses.back().write, false);
    EXPECT_EQ(iova_to_phys(*d, aperture + page_bytes), 0U);
    b.core->detach_device(*d, dev);
}

TEST(gart_map, refuses_what_is_outside_of_the_aperture) {
    bench b;
    device& dev = b.add_device("dev", {1});
    auto d = b.core->allocate_domain(dev);
    for (const std::uint64_t iova : {aperture - page_bytes, aperture + small_bytes}) {
        const auto r = map(b.kernel, *d, iova, 0, page_bytes, {.read = true});
        EXPECT_EQ(errno_of(r), linux_errno::einval);
        EXPECT_EQ(unmap(b.kernel, *d, iova, page_bytes), 0U);
        EXPECT_EQ(iova_to_phys(*d, iova), 0xffff'ffeaU) << "-EINVAL, as an address";
    }
    EXPECT_EQ(b.log.count(log_level::error), 0U);
}

TEST(gart_map, looks_before_it_writes_only_when_it_debugs) {
    for (const bool debug : {false, true}) {
        bench b(rule_set::v6_2, {{"debug", debug}});
        device& dev = b.add_device("dev", {1});
        auto d = b.core->allocate_domain(dev);
        ASSERT_TRUE(map(b.kernel, *d, aperture, 0x1000, page_bytes, {.read = true}));
        EXPECT_EQ(errno_of(map(b.kernel, *d, aperture, 0x2000, page_bytes, {.read = true})),
                  debug ? linux_errno::einval : linux_errno::none);
        EXPECT_EQ(unmap(b.kernel, *d, aperture, page_bytes), page_bytes);
        EXPECT_EQ(unmap(b.kernel, *d, aperture, page_bytes), debug ? 0U : page_bytes);
        EXPECT_EQ(b.log.count(log_level::error), debug ? 2U : 0U);
    }
}

// --- one active domain

TEST(gart_attach, touches_no_register_and_keeps_entries_after_the_last_device) {
    bench b;
    device &first = b.add_device("a", {1}), &second = b.add_device("b", {2});
    auto d = b.core->allocate_domain(first);
    ASSERT_TRUE(map(b.kernel, *d, aperture, 0x1000, page_bytes, {.read = true}));
    b.hardware->accesses.clear();
    ASSERT_TRUE(b.core->attach_device(*d, first));
    ASSERT_TRUE(b.core->attach_device(*d, second));
    EXPECT_EQ(b.unit().active_devices, 2U);
    b.core->detach_device(*d, first);
    EXPECT_EQ(b.unit().active, d.get());
    b.core->detach_device(*d, second);
    EXPECT_EQ(b.unit().active, nullptr);
    EXPECT_TRUE(b.hardware->accesses.empty());
    EXPECT_EQ(b.hardware->entries[0], 0x8000'1000U);
}

TEST(gart_attach, cannot_be_helped_by_a_fresh_domain_while_another_is_active) {
    bench b;
    device &first = b.add_device("a", {1}), &second = b.add_device("b", {2});
    auto active = b.core->allocate_domain(first);
    ASSERT_TRUE(b.core->attach_device(*active, first));
    for (unsigned attempt = 0; attempt < 3; ++attempt) {
        auto fresh = b.core->allocate_domain(second);
        EXPECT_EQ(b.core->attach_device(*fresh, second).error().row, &row::other_domain_active);
    }
    b.core->detach_device(*active, first);
    auto fresh = b.core->allocate_domain(second);
    EXPECT_TRUE(b.core->attach_device(*fresh, second));
    b.core->detach_device(*fresh, second);
}

// The domain that a claim attaches to keep a group's DMA out is the active one itself.
TEST(gart_claim, makes_attaching_anything_impossible) {
    bench b;
    device& dev = b.add_device("dev", {1});
    const int owner = 0;
    ASSERT_TRUE(b.core->claim(*dev.in_group, &owner));
    EXPECT_EQ(b.unit().active, dev.in_group->blocking_domain());
    auto d = b.core->allocate_domain(dev);
    EXPECT_EQ(errno_of(b.core->attach_group(*d, *dev.in_group)), linux_errno::einval);
    b.core->release_claim(*dev.in_group);
    EXPECT_EQ(b.unit().active, nullptr);
    EXPECT_TRUE(b.core->attach_group(*d, *dev.in_group));
    b.core->detach_group(*d, *dev.in_group);
}

TEST(gart_domain_free, warns_when_it_is_the_active_one) {
    bench b;
    device& dev = b.add_device("dev", {1});
    auto d = b.core->allocate_domain(dev);
    ASSERT_TRUE(b.core->attach_device(*d, dev));
    ASSERT_TRUE(d->attach_dev(dev)) << "attached again: no change";
    EXPECT_EQ(b.unit().active_devices, 1U);
    b.core->detach_device(*d, dev);
    ASSERT_TRUE(d->attach_dev(dev));
    d.reset();
    EXPECT_EQ(b.kernel.raised().back().row, &row::freed_while_active);
    EXPECT_EQ(b.log.count(log_level::warning), 1U);
    client* const c = gart_driver::record_of(dev);
    c->attached = nullptr; // the domain is gone
}

TEST(gart_domains, are_unmanaged_alone_and_devices_start_without_one) {
    bench b;
    device& dev = b.add_device("dev", {1});
    for (const domain_type type : {domain_type::blocked, domain_type::identity, domain_type::dma, domain_type::dma_fq})
        EXPECT_EQ(b.core->allocate_domain(dev, type), nullptr);
    ASSERT_TRUE(dev.in_group);
    EXPECT_EQ(dev.in_group->default_domain(), nullptr);
    EXPECT_FALSE(b.core->capable(dev, capability::cache_coherency));
    EXPECT_EQ(errno_of(b.core->enable_feature(dev, device_feature::io_page_faults)), linux_errno::enodev);
    auto d = b.core->allocate_domain(dev);
    EXPECT_EQ(d->aperture_first(), aperture);
    EXPECT_EQ(d->aperture_last(), aperture + small_bytes - 1);
    EXPECT_TRUE(d->aperture_forced());
}

// --- sleep

TEST(gart_suspend, keeps_the_entries_and_resume_writes_them_back) {
    bench b;
    device& dev = b.add_device("dev", {1});
    auto d = b.core->allocate_domain(dev);
    ASSERT_TRUE(map(b.kernel, *d, aperture + 3 * page_bytes, 0x7000, page_bytes, {.read = true}));
    const auto before = b.hardware->entries;
    b.unit().suspend();
    EXPECT_EQ(b.hardware->bank.get(reg::GART_CONFIG), 0U);
    b.hardware->entries.clear(); // power is gone
    b.unit().resume();
    EXPECT_EQ(b.hardware->entries, before);
    EXPECT_EQ(b.hardware->bank.get(reg::GART_CONFIG), 1U);
}

} // namespace
} // namespace iommulab::sw::tegra_gart
