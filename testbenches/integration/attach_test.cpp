// SPDX-License-Identifier: Apache-2.0
// Every reachable row of the SMMUv3 attach table under every rule set, and the core around it: groups, rollback,
// claims.
#include "models/smmu_v3/spec/registers.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/provocations.h"
#include "sw/iommu/core_failures.h"
#include "testbenches/smmu_v3/driver_bench.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>

namespace iommulab::sw {
namespace {

using namespace iommulab::smmu_v3;
using harness::fake_smmu;
using harness::smmu_bench;
namespace row = arm_smmu_v3::row;

smmu_bench& started(smmu_bench& b, const std::function<void(fake_smmu&)>& change = {}) {
    fake_smmu& s = b.add_smmu();
    if (change)
        change(s);
    EXPECT_TRUE(b.start(b.smmus.size() - 1));
    return b;
}

void with_ssids(fake_smmu& s) {
    s.IDR0 |= 1u << idr0::CD2L.lsb;
    s.IDR1 = static_cast<std::uint32_t>(idr1::SSIDSIZE.put(s.IDR1, 16));
}

/// A parameter of the model, as the fake has it: fields of ID registers.
void set_field(fake_smmu& s, const std::string& name, std::uint64_t value) {
    struct known {
        const char* name;
        std::uint32_t fake_smmu::*word;
        const bit_field& field;
    };
    static const known fields[] = {
        {"S1P", &fake_smmu::IDR0, idr0::S1P},           {"S2P", &fake_smmu::IDR0, idr0::S2P},
        {"CD2L", &fake_smmu::IDR0, idr0::CD2L},         {"ASID16", &fake_smmu::IDR0, idr0::ASID16},
        {"VMID16", &fake_smmu::IDR0, idr0::VMID16},     {"ATS", &fake_smmu::IDR0, idr0::ATS},
        {"SSIDSIZE", &fake_smmu::IDR1, idr1::SSIDSIZE}, {"STALL_MODEL", &fake_smmu::IDR0, idr0::STALL_MODEL},
    };
    for (const known& k : fields)
        if (name == k.name) {
            s.*k.word = static_cast<std::uint32_t>(k.field.put(s.*k.word, value));
            return;
        }
    FAIL() << "the fake has no " << name;
}

/// The scene of a provocation, on fakes.
void set_scene(smmu_bench& b, const provocation& p) {
    ASSERT_STREQ(p.preset, "qemu") << "what the fake's ID registers are";
    for (std::size_t n = 0; n < p.units.size(); ++n) {
        fake_smmu& s = b.add_smmu();
        for (const auto& [name, value] : p.units[n].hardware)
            set_field(s, name, value);
        instance_firmware f = b.firmware(n);
        f.name = provoking_unit_name(n);
        f.properties = p.units[n].firmware;
        ASSERT_TRUE(b.core->add_instance(b.driver, f));
    }
    for (const device_description& d : p.devices)
        b.core->add_device(d);
}

struct attach_row : testing::TestWithParam<std::tuple<std::size_t, rule_set>> {};

// What the table says of a row is what the driver does: errno, level, number of lines.
TEST_P(attach_row, is_as_the_table_says) {
    const provocation& p = arm_smmu_v3::provocations()[std::get<0>(GetParam())];
    const rule_set rules = std::get<1>(GetParam());
    const failure_row* const expected = row_named(arm_smmu_v3::failures(), p.row);
    ASSERT_TRUE(expected);
    const failure_outcome& o = expected->outcome(rules);

    smmu_bench b(rules);
    set_scene(b, p);
    kept_domains kept;
    domain* const d = prepare(p, *b.core, kept);
    ASSERT_TRUE(d);
    EXPECT_TRUE(b.kernel.raised().empty()) << "nothing fails before the attempt";
    const result<void> r = attempt(p, *b.core, *d);
    EXPECT_EQ(errno_of(r), o.number);
    ASSERT_FALSE(b.kernel.raised().empty());
    EXPECT_EQ(b.kernel.raised().back().row, expected);
    EXPECT_EQ(b.kernel.raised().size(), 1u) << "and nothing else failed";
    for (const log_level level : {log_level::error, log_level::warning})
        EXPECT_EQ(b.log.count(level), o.log == level ? o.lines : 0u) << name_of(level);
    b.kernel.power_off();
}

INSTANTIATE_TEST_SUITE_P(all, attach_row,
                         testing::Combine(testing::Range(std::size_t{0}, arm_smmu_v3::provocations().size()),
                                          testing::ValuesIn(all_rule_sets)),
                         [](const auto& param_info) {
                             std::string name =
                                 std::string(arm_smmu_v3::provocations()[std::get<0>(param_info.param)].row) + "_" +
                                 name_of(std::get<1>(param_info.param));
                             std::replace_if(
                                 name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
                             return name;
                         });

TEST(attach_rows, are_all_provoked_or_said_to_be_unreachable) {
    std::set<std::string> provoked;
    for (const provocation& p : arm_smmu_v3::provocations())
        provoked.insert(p.row);
    for (const failure_row& r : arm_smmu_v3::failures())
        if (r.scope == failure_scope::attach) {
            EXPECT_EQ(provoked.contains(r.id), r.reachable()) << r.id;
        }
}

// The twelve sites of the series that fall to SMMUv3: one changes its value, all three lose their line.
TEST(attach_rows, differ_between_rule_sets_as_the_series_says) {
    using enum linux_errno;
    const auto cell = [](const char* id, rule_set rules) {
        return row_named(arm_smmu_v3::failures(), id)->outcome(rules);
    };
    EXPECT_EQ(cell("S3-3", rule_set::v6_0).number, enxio);
    EXPECT_EQ(cell("S3-3", rule_set::emediumtype).number, emediumtype);
    EXPECT_EQ(cell("S3-3", rule_set::v6_2).number, einval);
    for (const char* id : {"S3-3", "S3-4", "S3-5"}) {
        EXPECT_EQ(cell(id, rule_set::v6_0).log, log_level::error);
        EXPECT_EQ(cell(id, rule_set::einval_v5).log, log_level::none);
        EXPECT_EQ(cell(id, rule_set::v6_2), cell(id, rule_set::einval_v5));
    }
    EXPECT_EQ(cell("S3-8", rule_set::v6_2).number, ebusy);
}

TEST(attach, leaves_the_device_without_translation_when_it_fails_until_the_old_domain_is_back) {
    smmu_bench b(rule_set::v6_0);
    started(started(b));
    device &first = b.add_device("a", 1, 0), &second = b.add_device("b", 1, 1);
    auto d = b.core->allocate_domain(first);
    ASSERT_TRUE(b.core->attach_device(*d, first));
    const std::size_t before = b.core->attach_calls().size();
    EXPECT_EQ(errno_of(b.core->attach_device(*d, second)), linux_errno::enxio);
    // The failed try, and the rollback to the default domain.
    ASSERT_EQ(b.core->attach_calls().size(), before + 2);
    EXPECT_EQ(b.core->attach_calls()[before].row, &row::foreign_smmu);
    EXPECT_EQ(b.core->attach_calls()[before].error_lines, 1u);
    EXPECT_GT(b.core->attach_calls()[before].end_ns, b.core->attach_calls()[before].begin_ns);
    EXPECT_EQ(b.core->attach_calls()[before + 1].number, linux_errno::none);
    EXPECT_EQ(second.in_group->current(), second.in_group->default_domain());
    // A direct call shows what attach leaves behind: abort.
    EXPECT_FALSE(d->attach_dev(second));
    auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[1];
    EXPECT_EQ(ste::Config.of(b.machine.peek64(unit.streams().entry_address(1))), 0u);
    b.core->detach_device(*d, first);
}

TEST(attach, keeps_the_old_domain_where_shared_virtual_addressing_is_on) {
    smmu_bench b;
    device& dev = started(b, with_ssids).add_device("dev", 1, 0, {.pasid_bits = 8});
    ASSERT_TRUE(b.core->enable_feature(dev, device_feature::shared_virtual_addressing));
    auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[0];
    const std::size_t commands = b.smmus[0]->commands.size();
    auto d = b.core->allocate_domain(dev);
    EXPECT_FALSE(d->attach_dev(dev));
    EXPECT_EQ(b.smmus[0]->commands.size(), commands) << "nothing was touched";
    EXPECT_EQ(ste::Config.of(b.machine.peek64(unit.streams().entry_address(1))), 5u);
    // The rollback of the core meets the same refusal; it can only warn, and then the group has no domain.
    EXPECT_FALSE(b.core->attach_device(*d, dev));
    EXPECT_EQ(b.kernel.raised().back().row, &core_row::rollback_failed);
    EXPECT_EQ(dev.in_group->current(), nullptr);
    ASSERT_TRUE(b.core->disable_feature(dev, device_feature::shared_virtual_addressing));
    EXPECT_TRUE(b.core->attach_device(*d, dev)) << "the test for a busy group is passed then";
    b.core->detach_device(*d, dev);
}

// The ASID leaks when the table cannot be had (S3-11), as in Linux 6.1; everything else is given back.
TEST(attach, loses_an_asid_with_the_context_descriptor_table) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    auto& asids = static_cast<arm_smmu_v3::smmu_driver&>(b.driver).asids();
    const std::uint64_t bytes = b.machine.allocated_bytes();
    for (const char* point : {"smmu_v3.cd_table.alloc", "arm_lpae.root.alloc", "smmu_v3.asid.node"}) {
        b.kernel.injection().nth(point, 1);
        auto d = b.core->allocate_domain(dev);
        EXPECT_EQ(errno_of(b.core->attach_device(*d, dev)), linux_errno::enomem);
    }
    EXPECT_EQ(asids.used(), 2u);
    EXPECT_EQ(b.machine.allocated_bytes(), bytes);
}

TEST(attach, can_be_tried_again_on_a_domain_whose_first_attach_failed) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    auto d = b.core->allocate_domain(dev);
    b.kernel.injection().nth("smmu_v3.cd_table.alloc", 1);
    EXPECT_FALSE(b.core->attach_device(*d, dev));
    EXPECT_TRUE(b.core->attach_device(*d, dev));
    b.core->detach_device(*d, dev);
}

TEST(attach, survives_an_smmu_that_hangs_with_a_line_a_second) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    b.smmus[0]->consumes = false;
    const std::uint64_t begin = b.machine.now_ns();
    auto d = b.core->allocate_domain(dev);
    EXPECT_TRUE(b.core->attach_device(*d, dev));
    const std::uint64_t seconds = (b.machine.now_ns() - begin) / 1'000'000'000;
    EXPECT_EQ(b.errors(), 5u) << "CMD_SYNCs: off, two for the descriptor, two for the stream";
    EXPECT_GE(seconds, 5u);
    EXPECT_LE(seconds, 15u);
    b.smmus[0]->consumes = true;
    b.core->detach_device(*d, dev);
}

// --- groups

struct two_in_a_group : testing::Test {
    smmu_bench b{rule_set::v6_0};
    device &first, &second;
    two_in_a_group()
        : first(started(started(b)).add_device("a", 1, 0, {.isolation = "slot"})),
          second(b.add_device("b", 1, 1, {.isolation = "slot"})) {}
};

TEST(group, of_one_device_has_a_default_domain_after_probe) {
    smmu_bench b(rule_set::v6_2, {.default_domain = domain_type::identity});
    device& dev = started(b).add_device("dev", 1);
    ASSERT_TRUE(dev.in_group);
    EXPECT_EQ(dev.in_group->default_domain()->type(), domain_type::identity);
    auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[0];
    EXPECT_EQ(ste::Config.of(b.machine.peek64(unit.streams().entry_address(1))), 4u) << "bypass";
}

TEST(group, is_attached_whole_and_only_by_group) {
    smmu_bench b;
    started(b);
    device& first = b.add_device("a", 1, 0, {.isolation = "slot"});
    device& second = b.add_device("b", 2, 0, {.isolation = "slot"});
    ASSERT_EQ(first.in_group, second.in_group);
    auto d = b.core->allocate_domain(first);
    const std::size_t before = b.core->attach_calls().size();
    const auto r = b.core->attach_device(*d, first);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().row, &core_row::attach_not_alone);
    EXPECT_EQ(errno_of(r), linux_errno::einval);
    EXPECT_EQ(b.core->attach_calls().size(), before) << "the driver is not called";
    EXPECT_TRUE(b.core->attach_group(*d, *first.in_group));
    EXPECT_EQ(b.core->attach_calls().size(), before + 2);
    const auto again = b.core->allocate_domain(first);
    EXPECT_EQ(b.core->attach_group(*again, *first.in_group).error().row, &core_row::attach_group_busy);
    b.core->detach_group(*d, *first.in_group);
    EXPECT_EQ(first.in_group->current(), first.in_group->default_domain());
}

// Two devices in a group behind different SMMUs: the second cannot join the group's default domain.
TEST_F(two_in_a_group, a_device_that_cannot_join_the_domain_is_left_out) {
    EXPECT_EQ(first.in_group->devices().size(), 1u);
    EXPECT_EQ(second.in_group, nullptr);
    EXPECT_EQ(second.behind, nullptr);
    ASSERT_EQ(b.core->probe_errors().size(), 1u);
    EXPECT_EQ(b.core->probe_errors()[0].why.number, linux_errno::enxio);
    EXPECT_EQ(b.kernel.raised().back().row, &core_row::add_to_group_failed);
}

TEST(claim, blocks_until_a_domain_is_attached_and_costs_a_domain) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    group& g = *dev.in_group;
    const int owner = 0;
    const unsigned domains = b.core->domains_made();
    ASSERT_TRUE(b.core->claim(g, &owner));
    EXPECT_EQ(b.core->domains_made(), domains + 1) << "an empty unmanaged domain: this driver has no blocked ones";
    EXPECT_EQ(g.current(), g.blocking_domain());
    EXPECT_EQ(iova_to_phys(*g.current(), 0x1000), 0u);
    EXPECT_EQ(errno_of(b.core->claim(g, &owner)), linux_errno::eperm);
    EXPECT_EQ(errno_of(b.core->use_default_domain(dev)), linux_errno::ebusy);
    auto d = b.core->allocate_domain(dev);
    EXPECT_TRUE(b.core->attach_group(*d, g));
    b.core->detach_group(*d, g);
    EXPECT_EQ(g.current(), g.blocking_domain()) << "detached from an owned group: blocked";
    b.core->release_claim(g);
    EXPECT_EQ(g.current(), g.default_domain());
    EXPECT_TRUE(b.core->use_default_domain(dev));
    EXPECT_EQ(errno_of(b.core->claim(g, &owner)), linux_errno::eperm) << "in use by a driver";
    b.core->unuse_default_domain(dev);
    EXPECT_TRUE(b.core->claim(g, &owner));
    EXPECT_EQ(b.core->domains_made(), domains + 2) << "the blocking domain is kept";
}

TEST(claim, passes_on_what_the_driver_fails_with) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    const int owner = 0;
    b.kernel.injection().nth("arm_lpae.root.alloc", 1);
    const auto r = b.core->claim(*dev.in_group, &owner);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().row, &row::no_page_table);
    EXPECT_EQ(dev.in_group->owner(), nullptr);
    EXPECT_EQ(dev.in_group->current(), dev.in_group->default_domain()) << "on the books; the stream aborts";
}

TEST(claim, is_refused_on_a_group_that_is_elsewhere) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    auto d = b.core->allocate_domain(dev);
    ASSERT_TRUE(b.core->attach_device(*d, dev));
    const int owner = 0;
    EXPECT_EQ(b.core->claim(*dev.in_group, &owner).error().row, &core_row::claim_busy);
    b.core->detach_device(*d, dev);
}

TEST(default_domain, can_be_changed_for_a_device_that_is_alone) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    ASSERT_TRUE(b.core->change_default_domain(dev, domain_type::identity));
    EXPECT_EQ(dev.in_group->default_domain()->type(), domain_type::identity);
    ASSERT_TRUE(b.core->change_default_domain(dev, domain_type::dma_fq));
    domain* const fq = dev.in_group->default_domain();
    ASSERT_TRUE(b.core->change_default_domain(dev, domain_type::dma));
    EXPECT_NE(dev.in_group->default_domain(), fq);
    domain* const strict = dev.in_group->default_domain();
    ASSERT_TRUE(b.core->change_default_domain(dev, domain_type::dma_fq));
    EXPECT_EQ(dev.in_group->default_domain(), strict) << "a flush queue needs no new domain";
}

// --- probe and release

TEST(probe, waits_for_the_iommu_and_finds_devices_that_came_first) {
    smmu_bench b;
    b.add_smmu();
    device& early = b.add_device("early", 1);
    EXPECT_EQ(early.behind, nullptr);
    EXPECT_FALSE(b.core->probe(early));
    ASSERT_TRUE(b.start());
    EXPECT_NE(early.behind, nullptr);
    EXPECT_FALSE(b.core->capable(b.core->add_device({.name = "none"}), capability::cache_coherency));
    EXPECT_TRUE(b.core->capable(early, capability::cache_coherency));
}

TEST(probe, refuses_streams_that_are_out_of_range_or_taken) {
    smmu_bench b;
    started(b).add_device("a", 1);
    b.add_device("b", 1);
    b.add_device("c", 0x10000);
    ASSERT_EQ(b.core->probe_errors().size(), 2u);
    EXPECT_EQ(b.core->probe_errors()[0].why.row, &row::stream_taken);
    EXPECT_EQ(b.core->probe_errors()[1].why.row, &row::stream_range);
}

TEST(probe, fails_with_the_attach_of_the_default_domain) {
    smmu_bench b;
    started(b);
    b.kernel.injection().nth("arm_lpae.root.alloc", 1);
    device& dev = b.add_device("dev", 1);
    EXPECT_EQ(dev.behind, nullptr);
    EXPECT_EQ(b.core->probe_errors()[0].why.row, &row::no_page_table);
    EXPECT_TRUE(b.core->probe(dev)) << "and may be tried again";
}

TEST(probe, of_an_smmu_that_linux_does_not_drive_names_the_reason) {
    struct wrong {
        const failure_row& row;
        std::function<void(fake_smmu&)> change;
    };
    const wrong cases[] = {
        {row::endianness, [](fake_smmu& s) { s.IDR0 = static_cast<std::uint32_t>(idr0::TTENDIAN.put(s.IDR0, 3)); }},
        {row::no_translation, [](fake_smmu& s) { s.IDR0 &= ~3u; }},
        {row::no_aarch64, [](fake_smmu& s) { s.IDR0 = static_cast<std::uint32_t>(idr0::TTF.put(s.IDR0, 1)); }},
        {row::embedded, [](fake_smmu& s) { s.IDR1 |= 1u << idr1::TABLES_PRESET.lsb; }},
        {row::small_queue, [](fake_smmu& s) { s.IDR1 = static_cast<std::uint32_t>(idr1::CMDQS.put(s.IDR1, 6)); }},
        {row::no_acknowledge, [](fake_smmu& s) { s.acknowledges = false; }},
    };
    for (const wrong& c : cases) {
        smmu_bench b;
        c.change(b.add_smmu());
        const auto r = b.start();
        ASSERT_FALSE(r) << c.row.id;
        EXPECT_EQ(r.error().row, &c.row) << c.row.id;
        EXPECT_GE(b.errors(), 1u) << c.row.id;
    }
    smmu_bench b;
    b.add_smmu();
    b.kernel.injection().every("smmu_v3.queue.alloc");
    EXPECT_EQ(b.start().error().row, &row::queue_memory);
    b.kernel.injection().cancel_all();
    b.kernel.injection().nth("smmu_v3.stream_table.alloc", 1);
    EXPECT_EQ(b.start().error().row, &row::stream_table_memory);
    EXPECT_TRUE(b.start()) << "and nothing of the failures stays";
}

TEST(release, puts_the_stream_to_abort_and_frees_the_group) {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[0];
    b.core->release(dev);
    EXPECT_EQ(ste::Config.of(b.machine.peek64(unit.streams().entry_address(1))), 0u);
    EXPECT_EQ(dev.in_group, nullptr);
    EXPECT_EQ(b.core->find_group(0), nullptr);
    EXPECT_TRUE(b.core->probe(dev));
}

TEST(reserved_regions, of_a_group_are_sorted_and_merged) {
    smmu_bench b;
    device& dev = started(b).add_device(
        "dev", 1, 0, {.regions = {{0x3000, 0x2000, region_type::direct}, {0x1000, 0x2800, region_type::direct}}});
    const auto regions = b.core->reserved_regions(*dev.in_group);
    ASSERT_EQ(regions.size(), 2u);
    EXPECT_EQ(regions[0], (reserved_region{0x1000, 0x4000, region_type::direct}));
    EXPECT_EQ(regions[1].type, region_type::software_msi);
    EXPECT_EQ(iova_to_phys(*dev.in_group->default_domain(), 0x4000), 0x4000u) << "direct regions are mapped";
}

// --- map and unmap: section 17

struct mapping : testing::Test {
    smmu_bench b;
    device& dev = started(b).add_device("dev", 1);
    domain& d = *dev.in_group->default_domain();
    static constexpr protection rw{.read = true, .write = true};
    linux_errno map_errno(std::uint64_t iova, std::uint64_t address, std::uint64_t bytes, protection p = rw) {
        return errno_of(map(b.kernel, d, iova, address, bytes, p));
    }
};

TEST_F(mapping, before_the_first_attach_fails_quietly) {
    auto fresh_domain = b.core->allocate_domain(dev);
    EXPECT_EQ(map(b.kernel, *fresh_domain, 0, 0x1000, 0x1000, rw).error().row, &row::map_unattached);
    EXPECT_EQ(unmap(b.kernel, *fresh_domain, 0, 0x1000), 0u);
    EXPECT_EQ(iova_to_phys(*fresh_domain, 0), 0u);
}
TEST_F(mapping, refuses_what_the_tables_cannot_hold) {
    EXPECT_EQ(map_errno(0x800, 0x1000, 0x1000), linux_errno::einval);
    EXPECT_EQ(b.errors(), 1u) << "unaligned: logged by the core";
    EXPECT_EQ(map_errno(std::uint64_t{1} << 48, 0x1000, 0x1000), linux_errno::erange);
    EXPECT_EQ(map_errno(0x1000, std::uint64_t{1} << 44, 0x1000), linux_errno::erange);
    EXPECT_EQ(map_errno(0x1000, 0x1000, 0x1000, {}), linux_errno::einval);
    EXPECT_EQ(b.log.count(log_level::warning), 2u) << "the two out of range";
    auto identity = b.core->allocate_domain(dev, domain_type::identity);
    EXPECT_EQ(map(b.kernel, *identity, 0, 0, 0x1000, rw).error().row, &core_row::map_not_paging);
    EXPECT_EQ(iova_to_phys(*identity, 0x1234), 0x1234u);
}
TEST_F(mapping, over_a_mapping_fails_and_leaves_nothing_of_itself) {
    ASSERT_EQ(map_errno(0x3000, 0x80000000, 0x1000), linux_errno::none);
    EXPECT_EQ(map_errno(0x1000, 0x90000000, 0x4000), linux_errno::eexist);
    EXPECT_EQ(iova_to_phys(d, 0x1000), 0u) << "unwound";
    EXPECT_EQ(iova_to_phys(d, 0x3000), 0x80000000u) << "the old one stays";
}
TEST_F(mapping, of_a_block_replaces_a_table_of_smaller_pages) {
    ASSERT_EQ(map_errno(0x203000, 0x80003000, 0x1000), linux_errno::none);
    EXPECT_EQ(map_errno(0x200000, 0x90000000, 0x200000), linux_errno::none) << "as Linux 6.1 does";
    EXPECT_EQ(iova_to_phys(d, 0x203000), 0x90003000u);
    EXPECT_EQ(map_errno(0x200000, 0x90000000, 0x200000), linux_errno::eexist);
    EXPECT_EQ(map_errno(0x201000, 0x90000000, 0x1000), linux_errno::eexist) << "a page in a block";
}
TEST_F(mapping, without_memory_for_tables_fails_and_unwinds) {
    b.kernel.injection().order("arm_lpae.table.alloc", {4, 1});
    // Three tables for the first page; the second block's table is the fourth.
    EXPECT_EQ(map_errno(0x1ff000, 0x80000000, 0x2000), linux_errno::enomem);
    EXPECT_EQ(iova_to_phys(d, 0x1ff000), 0u);
}
TEST_F(mapping, unmap_ends_at_the_first_hole) {
    ASSERT_EQ(map_errno(0x1000, 0x80000000, 0x2000), linux_errno::none);
    ASSERT_EQ(map_errno(0x4000, 0x80000000, 0x1000), linux_errno::none);
    EXPECT_EQ(unmap(b.kernel, d, 0x1000, 0x4000), 0x2000u);
    EXPECT_EQ(iova_to_phys(d, 0x4000), 0x80000000u);
    EXPECT_EQ(unmap(b.kernel, d, 0x800, 0x1000), 0u);
    EXPECT_EQ(b.kernel.raised().back().row, &core_row::unmap_unaligned);
}
TEST_F(mapping, queued_unmap_invalidates_nothing_until_the_flush) {
    ASSERT_EQ(map_errno(0x1000, 0x80000000, 0x2000), linux_errno::none);
    const std::size_t before = b.smmus[0]->commands.size();
    iotlb_gather gather{.queued = true};
    EXPECT_EQ(unmap_fast(b.kernel, d, 0x1000, 0x2000, gather), 0x2000u);
    iotlb_sync(d, gather);
    EXPECT_EQ(b.smmus[0]->commands.size(), before);
    d.flush_iotlb_all();
    EXPECT_EQ(b.smmus[0]->commands.size(), before + 2);
}
TEST_F(mapping, ranges_that_are_apart_are_invalidated_apart) {
    ASSERT_EQ(map_errno(0x1000, 0x80000000, 0x1000), linux_errno::none);
    ASSERT_EQ(map_errno(0x9000, 0x80000000, 0x1000), linux_errno::none);
    iotlb_gather gather;
    const std::size_t before = b.smmus[0]->commands.size();
    unmap_fast(b.kernel, d, 0x1000, 0x1000, gather);
    EXPECT_EQ(b.smmus[0]->commands.size(), before);
    unmap_fast(b.kernel, d, 0x9000, 0x1000, gather);
    EXPECT_EQ(b.smmus[0]->commands.size(), before + 2) << "the first, before the second is gathered";
    iotlb_sync(d, gather);
    EXPECT_EQ(b.smmus[0]->commands.size(), before + 4);
}

} // namespace
} // namespace iommulab::sw
