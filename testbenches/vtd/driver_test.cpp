// SPDX-License-Identifier: Apache-2.0
// What the VT-d driver writes: registers, descriptors and entries, in the order and with the values that a recorded
// Linux 6.1 wrote them, on a unit that only keeps a record.
#include "models/vtd/spec/structures.h"
#include "sw/drivers/intel/failures.h"
#include "sw/drivers/intel/intel_domain.h"
#include "sw/drivers/intel/intel_driver.h"
#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"
#include "testbenches/vtd/fake.h"

#include <gmock/gmock.h>

#include <functional>
#include <memory>

namespace iommulab::sw {
namespace {

using namespace iommulab::vtd;
using harness::fake_vtd;
namespace row = intel::row;

struct vtd_bench {
    static constexpr std::uint64_t base = 0xfed90000;
    explicit vtd_bench(const std::function<void(fake_vtd&)>& change = {}, rule_set rules = rule_set::v6_1,
                       core_options options = {}, std::map<std::string, std::uint64_t> properties = {})
        : machine(log),
          kernel(machine, log, {.rules = rules}),
          core(std::make_unique<iommu_core>(kernel, options)),
          driver(static_cast<intel::intel_driver&>(core->add_driver(intel::description()))),
          unit(machine) {
        unit.fault_line = 33;
        if (change)
            change(unit);
        machine.add_device(base, fake_vtd::register_bytes, unit);
        firmware.name = "dmar0";
        firmware.base = base;
        firmware.bytes = fake_vtd::register_bytes;
        firmware.interrupts = {{"fault", unit.fault_line}};
        firmware.properties = std::move(properties);
    }
    intel::dmar_unit& start() {
        EXPECT_TRUE(core->add_instance(driver, firmware));
        return *driver.instances().front();
    }
    device& add_device(const std::string& name, std::vector<std::uint32_t> ids, device_description d = {}) {
        d.name = name;
        d.spec = firmware_spec{"dmar0", std::move(ids), true};
        return core->add_device(std::move(d));
    }
    std::array<std::uint64_t, 2> words(std::uint64_t at) { return {machine.peek64(at), machine.peek64(at + 8)}; }
    std::vector<fake_vtd::descriptor> descriptors_of(const std::function<void()>& what) {
        unit.descriptors.clear();
        what();
        return unit.descriptors;
    }

    log_stream log;
    harness::fake_cpu machine;
    sw::kernel kernel;
    std::unique_ptr<iommu_core> core;
    intel::intel_driver& driver;
    fake_vtd unit;
    instance_firmware firmware;
};

void scalable(fake_vtd& u) {
    u.ECAP = 0x480080f00f4a; // as recorded in scalable mode: SMTS, SSTS, SRS
}
void first_stage(fake_vtd& u) {
    u.ECAP = 0x880080f00f4a;
}

TEST(vtd_driver, probes_in_the_order_of_linux) {
    vtd_bench b;
    b.start();
    std::vector<std::uint32_t> offsets;
    std::vector<std::uint64_t> commands;
    for (const auto& [offset, value] : b.unit.writes) {
        offsets.push_back(offset);
        if (offset == reg::GCMD.offset)
            commands.push_back(value);
    }
    // As recorded, but for interrupt remapping, which had its share before: tail, queue, its switch, root table and its
    // command, two descriptors, the fault event, translation.
    EXPECT_THAT(offsets, testing::ElementsAre(0x88, 0x90, 0x18, 0x20, 0x18, 0x88, 0x88, 0x3c, 0x40, 0x44, 0x38, 0x18));
    EXPECT_THAT(commands, testing::ElementsAre(0x04000000, 0x44000000, 0x84000000));
    // And the descriptors, bit by bit: context cache and IOTLB, all of them, with both drains.
    EXPECT_THAT(b.unit.descriptors, testing::ElementsAre(fake_vtd::descriptor{0x11, 0}, fake_vtd::descriptor{0xd2, 0}));
    b.kernel.power_off();
}

TEST(vtd_driver, tells_the_unit_of_an_attach_in_the_order_of_linux) {
    vtd_bench b;
    intel::dmar_unit& unit = b.start();
    device& dev = b.add_device("nic", {0x18});
    auto d = b.core->allocate_domain(dev);
    // Domain ids 0 and 1 are the driver's: the default domain has 2; it is given back, and taken again.
    const auto told = b.descriptors_of([&] { ASSERT_TRUE(b.core->attach_device(*d, dev)); });
    EXPECT_THAT(told, testing::ElementsAre(fake_vtd::descriptor{0x0000001800020031, 0},
                                           fake_vtd::descriptor{0x0000'0000'0002'00e2, 0}))
        << "context cache of the device, IOTLB of the domain";
    const auto entry = b.words(unit.contexts().entry_address(0x18, false));
    EXPECT_EQ(entry[0] & 0xfff, 1u) << "present, untranslated requests, faults reported";
    EXPECT_EQ(entry[1], 0x0202u) << "4 levels, domain 2";
    EXPECT_EQ(static_cast<intel::intel_domain&>(*d).levels(), 4u) << "made with 5, which the unit does not have";
    EXPECT_EQ(d->aperture_last(), (std::uint64_t{1} << 48) - 1);
    b.core->detach_device(*d, dev);
    b.kernel.power_off();
}

TEST(vtd_driver, writes_scalable_mode_entries_as_recorded) {
    vtd_bench b(scalable);
    intel::dmar_unit& unit = b.start();
    device& dev = b.add_device("nic", {0x18});
    EXPECT_TRUE(unit.has().scalable);
    EXPECT_EQ(b.words(unit.contexts().entry_address(0x18, false))[0] & 0xfff, 0x401u) << "PDTS 2";
    intel::dmar_device& record = *intel::intel_driver::record_of(dev);
    const auto entry = record.pasids->read(record.pasids->entry_address(0));
    EXPECT_EQ(entry[0] & 0xfff, 0x89u) << "second stage, 4 levels, present";
    EXPECT_EQ(entry[1], 2u) << "the domain id";
    // A device of the upper half of its bus has a context table of its own.
    b.add_device("late", {0x18 + 0x80});
    EXPECT_NE(unit.contexts().entry_address(0x98, false) & ~0xfffULL,
              unit.contexts().entry_address(0x18, false) & ~0xfffULL);
    b.kernel.power_off();
}

TEST(vtd_driver, writes_first_level_and_pass_through_entries) {
    vtd_bench b(first_stage);
    b.start();
    device& dev = b.add_device("nic", {0x18});
    intel::dmar_device& record = *intel::intel_driver::record_of(dev);
    const auto entry = record.pasids->read(record.pasids->entry_address(0));
    using tt = pasid_entry::translation_type;
    EXPECT_EQ(pasid_entry::PGTT.of(entry), static_cast<std::uint64_t>(tt::first_stage));
    EXPECT_EQ(pasid_entry::NXE.of(entry), 1u);
    EXPECT_EQ(pasid_entry::FSPM.of(entry), pasid_entry::fspm_4_levels);
    domain& first = *dev.in_group->default_domain();
    EXPECT_EQ(first.aperture_last(), (std::uint64_t{1} << 47) - 1) << "canonical addresses";
    // Invalidation by PASID: page-selective, and the whole PASID.
    ASSERT_TRUE(map(b.kernel, first, 0x7000, 0x60000000, 0x3000, {.read = true, .write = true}));
    const auto told = b.descriptors_of([&] { EXPECT_EQ(unmap(b.kernel, first, 0x7000, 0x3000), 0x3000u); });
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(type_of(told[0][0]), descriptor_type::pasid_iotlb);
    EXPECT_EQ(vtd::descriptor::AM.of(told[0]), 2u) << "three pages are four";
    EXPECT_EQ(vtd::descriptor::ADDR.of(told[0][1]), 0x4000u) << "from page 7 down to page 4: 8 and 9 are left out";
    EXPECT_EQ(b.log.count(log_level::warning), 1u) << "the kernel warns of it, once";
    EXPECT_EQ(vtd::descriptor::IH.of(told[0]), 1u);
    ASSERT_TRUE(b.core->change_default_domain(dev, domain_type::identity));
    const auto passed = record.pasids->read(record.pasids->entry_address(0));
    EXPECT_EQ(pasid_entry::PGTT.of(passed), static_cast<std::uint64_t>(tt::pass_through));
    EXPECT_EQ(pasid_entry::DID.of(passed), 1u) << "apart from all domains with tables";
    b.kernel.power_off();
}

TEST(vtd_driver, invalidates_the_smallest_block_or_the_domain) {
    vtd_bench b;
    b.start();
    domain& d = *b.add_device("nic", {0x18}).in_group->default_domain();
    const auto order_of = [&](std::uint64_t iova, std::uint64_t bytes) -> int {
        EXPECT_TRUE(map(b.kernel, d, iova, iova, bytes, {.read = true}));
        const auto told = b.descriptors_of([&] { EXPECT_EQ(unmap(b.kernel, d, iova, bytes), bytes); });
        EXPECT_EQ(told.size(), 1u);
        return vtd::descriptor::G.of(told[0]) == 3 ? static_cast<int>(vtd::descriptor::AM.of(told[0])) : -1;
    };
    EXPECT_EQ(order_of(0x10000, 0x1000), 0);
    EXPECT_EQ(order_of(0x10000, 0x3000), 2);
    EXPECT_EQ(order_of(0x11000, 0x2000), 2);
    EXPECT_EQ(order_of(0x200000, 0x200000), 9);
    EXPECT_EQ(order_of(0x40000000, 0x20000000), 17);
    EXPECT_EQ(order_of(0x40000000, 0x40000000), 18) << "MAMV";
    b.kernel.power_off();
    vtd_bench without([](fake_vtd& u) { u.CAP = cap::PSI.put(u.CAP, 0); });
    without.start();
    domain& other = *without.add_device("nic", {0x18}).in_group->default_domain();
    ASSERT_TRUE(map(without.kernel, other, 0x1000, 0x1000, 0x1000, {.read = true}));
    const auto told = without.descriptors_of([&] { unmap(without.kernel, other, 0x1000, 0x1000); });
    EXPECT_EQ(vtd::descriptor::G.of(told[0]), 2u) << "no page-selective invalidation: the domain";
    without.kernel.power_off();
}

TEST(vtd_driver, goes_on_after_a_refused_descriptor) {
    vtd_bench b;
    b.start();
    device& dev = b.add_device("nic", {0x18});
    auto d = b.core->allocate_domain(dev);
    b.unit.refuse_next();
    EXPECT_TRUE(b.core->attach_device(*d, dev));
    EXPECT_EQ(b.log.count(log_level::error), 2u) << "the reason, and the descriptor";
    EXPECT_EQ(b.driver.instances()[0]->queue().counted().errors, 1u);
    b.core->detach_device(*d, dev);
    b.kernel.power_off();
}

TEST(vtd_driver, uses_registers_where_there_is_no_queue) {
    vtd_bench b([](fake_vtd& u) { u.ECAP = ecap::QI.put(u.ECAP, 0); });
    b.start();
    device& dev = b.add_device("nic", {0x18});
    auto d = b.core->allocate_domain(dev);
    b.unit.writes.clear();
    EXPECT_TRUE(b.core->attach_device(*d, dev));
    std::vector<std::uint32_t> offsets;
    for (const auto& [offset, value] : b.unit.writes)
        offsets.push_back(offset);
    EXPECT_THAT(offsets, testing::ElementsAre(reg::CCMD.offset, iotlb_registers_offset + 8));
    EXPECT_TRUE(b.unit.descriptors.empty());
    b.core->detach_device(*d, dev);
    b.kernel.power_off();

    vtd_bench poor;
    poor.kernel.injection().nth("intel.invalidation_queue.alloc", 1);
    poor.start();
    ASSERT_EQ(poor.kernel.raised().size(), 1u);
    EXPECT_EQ(poor.kernel.raised()[0].row, &row::queue_memory) << "and it goes on";
    poor.kernel.power_off();
}

TEST(vtd_driver, finds_its_width_from_both_levels_of_tables) {
    struct sample {
        unsigned sagaw;
        bool smts, first, second, five;
        int agaw;
    };
    const sample samples[] = {
        {0b0110, false, false, true, false, 2}, {0b0010, false, false, true, false, 1},
        {0b1110, false, false, true, false, 3}, {0b0110, true, true, true, false, 2},
        {0b1110, true, true, true, false, 2}, // 5 levels are the second level's alone
        {0b1110, true, true, true, true, 3},    {0b0000, true, true, false, true, 3},
        {0b0010, true, true, true, true, -1}, // nothing in common
        {0b0010, true, false, true, true, 1},
    };
    for (const sample& s : samples) {
        std::uint64_t cap = cap::SAGAW.put(0x00d2008c222f0606, s.sagaw), ecap = 0xf00f4a;
        cap = cap::FS5LP.put(cap, s.five);
        ecap = ecap::SSTS.put(ecap::FSTS.put(ecap::SMTS.put(ecap, s.smts), s.first), s.second);
        EXPECT_EQ(intel::read_features(cap, ecap, {}).agaw, s.agaw) << s.sagaw << s.smts << s.first << s.second;
    }
}

TEST(vtd_driver, refuses_units_that_it_cannot_use) {
    const auto probe = [](const std::function<void(fake_vtd&)>& change) {
        vtd_bench b(change);
        const auto r = b.core->add_instance(b.driver, b.firmware);
        b.kernel.power_off();
        return r ? nullptr : r.error().row;
    };
    EXPECT_EQ(probe([](fake_vtd& u) { u.CAP = u.ECAP = ~std::uint64_t{0}; }), &row::all_ones);
    EXPECT_EQ(probe([](fake_vtd& u) { u.CAP = cap::SAGAW.put(u.CAP, 0); }), &row::no_address_width);
    EXPECT_EQ(probe({}), nullptr);
}

// A machine with such units has no VT-d at all: the audit comes before the first probe.
TEST(vtd_driver, audits_that_all_units_in_scalable_mode_have_a_level_of_tables) {
    const auto audit = [](std::vector<std::function<void(fake_vtd&)>> changes) {
        vtd_bench b(changes.front());
        std::vector<instance_firmware> all{b.firmware};
        fake_vtd second(b.machine);
        if (changes.size() > 1) {
            changes.back()(second);
            instance_firmware f = b.firmware;
            f.base += 0x100000;
            b.machine.add_device(f.base, fake_vtd::register_bytes, second);
            all.push_back(f);
        }
        const auto r = b.driver.audit(all);
        b.kernel.power_off();
        return r ? nullptr : r.error().row;
    };
    const auto no_level = [](fake_vtd& u) { u.ECAP = ecap::SMTS.put(u.ECAP, 1); };
    const auto legacy = [](fake_vtd&) {};
    EXPECT_EQ(audit({no_level}), &row::no_stage);
    EXPECT_EQ(audit({first_stage, scalable}), &row::no_stage);
    EXPECT_EQ(audit({first_stage}), nullptr);
    EXPECT_EQ(audit({first_stage, legacy}), nullptr) << "one without scalable mode: nobody asks";
}

struct pasid_table_row : testing::TestWithParam<rule_set> {};
TEST_P(pasid_table_row, is_as_the_table_says) {
    vtd_bench b(scalable, GetParam());
    b.start();
    // Linux 6.0 makes the table at the attach: the rows of attach are tried with all others.
    const bool at_probe = base_of(GetParam()) >= kernel_version::v6_1;
    const auto try_device = [&](device& dev) {
        const std::size_t line = b.log.entries().size();
        const auto r = b.driver.probe_device(dev, *b.driver.instances().front());
        if (!at_probe) {
            EXPECT_TRUE(r);
            return static_cast<const failure_row*>(nullptr);
        }
        EXPECT_FALSE(r);
        const failure_outcome& o = r.error().row->outcome(GetParam());
        EXPECT_EQ(errno_of(r), o.number);
        EXPECT_TRUE(o.at_probe);
        EXPECT_EQ(b.log.count(log_level::warning, line), o.warnings);
        EXPECT_EQ(b.log.count(log_level::error, line), 1u);
        return r.error().row;
    };
    const auto met = [&](const failure_row& r) { return at_probe ? &r : nullptr; };
    device no_pci({.name = "serial", .spec = firmware_spec{"dmar0", {1}}, .pci = false});
    EXPECT_EQ(try_device(no_pci), met(row::pasid_table_no_pci));
    EXPECT_EQ(try_device(b.add_device("nic", {0x18})), met(row::pasid_table_there));
    device poor({.name = "poor", .spec = firmware_spec{"dmar0", {2}}});
    b.kernel.injection().nth("intel.pasid_directory.alloc", 1);
    EXPECT_EQ(try_device(poor), met(row::pasid_table_memory));
    b.kernel.power_off();
}
INSTANTIATE_TEST_SUITE_P(all, pasid_table_row, testing::ValuesIn(all_rule_sets),
                         [](const auto& param_info) { return "rules_" + std::to_string(param_info.index); });

TEST(vtd_driver, decodes_faults) {
    vtd_bench b;
    b.start();
    b.unit.report_fault(0x0108, 0x5000, fault_reason::read_not_allowed);
    EXPECT_EQ(b.kernel.service_interrupts(0), 1u);
    ASSERT_EQ(b.log.count(log_level::error), 1u);
    EXPECT_THAT(b.log.entries().back().message,
                testing::AllOf(testing::HasSubstr("DMA read without PASID device 01:01.0 fault address 0x5000"),
                               testing::HasSubstr("reason 0x06")));
    EXPECT_EQ(b.unit.read(reg::FSTS.offset, 4), 0u) << "acknowledged";
    EXPECT_EQ(b.unit.read(fault_records_offset + 12, 4) >> 31, 0u) << "and the record is free";
    b.kernel.power_off();
}

// Linux 6.1.y keeps id 1 for itself; 6.0 and 6.2 do in scalable mode.
TEST(vtd_driver, keeps_two_domain_ids_for_itself_or_one) {
    const auto kept = [](rule_set rules, const std::function<void(fake_vtd&)>& mode) {
        vtd_bench b(mode, rules);
        const std::size_t used = b.start().domain_ids().used();
        b.kernel.power_off();
        return used;
    };
    EXPECT_EQ(kept(rule_set::v6_0, {}), 1u);
    EXPECT_EQ(kept(rule_set::v6_1, {}), 2u);
    EXPECT_EQ(kept(rule_set::v6_2, {}), 1u);
    for (const rule_set rules : all_rule_sets)
        EXPECT_EQ(kept(rules, scalable), 2u) << name_of(rules);
}

// Linux 6.2 claims without a domain id, where earlier ones attach an empty domain.
TEST(vtd_driver, blocks_a_claimed_group_with_a_domain_or_without) {
    for (const rule_set rules : {rule_set::v6_1, rule_set::v6_2}) {
        vtd_bench b({}, rules);
        intel::dmar_unit& unit = b.start();
        device& dev = b.add_device("nic", {0x18});
        const std::size_t before = unit.domain_ids().used();
        ASSERT_TRUE(b.core->claim(*dev.in_group, &b));
        const bool blocking = rules == rule_set::v6_2;
        EXPECT_EQ(dev.in_group->current()->type(), blocking ? domain_type::blocked : domain_type::unmanaged);
        EXPECT_EQ(unit.domain_ids().used(), blocking ? before - 1 : before) << "the default domain's is given back";
        EXPECT_EQ(unit.contexts().present(0x18), !blocking);
        b.core->release_claim(*dev.in_group);
        EXPECT_EQ(unit.domain_ids().used(), before);
        b.kernel.power_off();
    }
}

// A domain on a unit for as long as it has devices there; its id is free afterwards.
TEST(vtd_driver, gives_domain_ids_back_with_the_last_device) {
    vtd_bench b;
    intel::dmar_unit& unit = b.start();
    device &one = b.add_device("one", {1}), &two = b.add_device("two", {2});
    EXPECT_EQ(unit.domain_ids().used(), 4u) << "two of the driver, two default domains";
    auto d = b.core->allocate_domain(one);
    ASSERT_TRUE(b.core->attach_device(*d, one));
    ASSERT_TRUE(b.core->attach_device(*d, two));
    EXPECT_EQ(unit.domain_ids().used(), 3u);
    b.core->detach_device(*d, one);
    EXPECT_EQ(unit.domain_ids().used(), 4u);
    b.core->detach_device(*d, two);
    EXPECT_EQ(unit.domain_ids().used(), 4u);
    EXPECT_EQ(static_cast<intel::intel_domain&>(*d).id_on(unit), 0u);
    b.kernel.power_off();
}

TEST(vtd_driver, forces_snooping_in_entries_to_come) {
    vtd_bench b([](fake_vtd& u) { u.ECAP = ecap::SC.put(u.ECAP, 1); });
    b.start();
    device& dev = b.add_device("nic", {0x18});
    EXPECT_TRUE(b.core->capable(dev, capability::enforce_cache_coherency));
    domain& d = *dev.in_group->default_domain();
    ASSERT_TRUE(d.enforce_cache_coherency());
    const std::size_t reads = b.kernel.raised().size();
    ASSERT_TRUE(map(b.kernel, d, 0x1000, 0x60000000, 0x1000, {.read = true}));
    EXPECT_EQ(b.kernel.raised().size(), reads);
    // The last level's entry, found by walking from the context entry.
    std::uint64_t table = b.words(b.driver.instances()[0]->contexts().entry_address(0x18, false))[0] & ~0xfffULL;
    for (int level = 4; level > 1; --level)
        table = b.machine.peek64(table) & ~0xfffULL;
    EXPECT_EQ(b.machine.peek64(table + 8), 0x60000801u) << "SNP and R";
    b.kernel.power_off();
}

} // namespace
} // namespace iommulab::sw
