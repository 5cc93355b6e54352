// SPDX-License-Identifier: Apache-2.0
// What the AMD-Vi driver writes: registers, commands and device table entries, in the order and with the values that a
// recorded Linux 6.1 wrote them, on an IOMMU that only keeps a record.
#include "models/amd_vi/spec/device_table_entry.h"
#include "models/amd_vi/spec/events.h"
#include "sw/drivers/amd/amd_domain.h"
#include "sw/drivers/amd/amd_driver.h"
#include "sw/drivers/amd/failures.h"
#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"
#include "testbenches/amd_vi/fake.h"

#include <gmock/gmock.h>

#include <functional>
#include <memory>

namespace iommulab::sw {
namespace {

using namespace iommulab::amd_vi;
using harness::fake_amd_vi;
namespace row = amd::row;
using words = fake_amd_vi::words;

constexpr std::uint64_t all_pages = 0x7ffffffffffff003; // as recorded: S, PDE

struct amd_bench {
    static constexpr std::uint64_t base = 0xfed80000;
    explicit amd_bench(std::map<std::string, std::uint64_t> properties = {},
                       std::uint64_t features = 0x4001402f0000485a, core_options options = {})
        : machine(log),
          kernel(machine, log, {}),
          core(std::make_unique<iommu_core>(kernel, options)),
          driver(static_cast<amd::amd_driver&>(core->add_driver(amd::description()))),
          unit(machine) {
        unit.line = 33;
        unit.ExtendedFeature = features;
        machine.add_device(base, fake_amd_vi::register_bytes, unit);
        firmware.name = "ivhd0";
        firmware.base = base;
        firmware.bytes = fake_amd_vi::register_bytes;
        firmware.interrupts = {{"iommu", unit.line}};
        firmware.properties = std::move(properties);
        firmware.properties.emplace("last-device", 0x1ff);
    }
    amd::amd_unit& start() {
        EXPECT_TRUE(core->add_instance(driver, firmware));
        return *driver.instances().front();
    }
    device& add_device(const std::string& name, std::vector<std::uint32_t> ids, device_description d = {}) {
        d.name = name;
        d.spec = firmware_spec{"ivhd0", std::move(ids), true};
        return core->add_device(std::move(d));
    }
    std::vector<words> commands_of(const std::function<void()>& what) {
        unit.commands.clear();
        what();
        std::vector<words> list = unit.commands;
        for (words& c : list)
            if (c[0] >> 60 == 1)
                c = {1, 0}; // a wait: where it stores what differs
        return list;
    }
    amd::device_entry entry(std::uint16_t id) { return driver.instances()[0]->devices().read(id); }

    log_stream log;
    harness::fake_cpu machine;
    sw::kernel kernel;
    std::unique_ptr<iommu_core> core;
    amd::amd_driver& driver;
    fake_amd_vi unit;
    instance_firmware firmware;
};

constexpr words wait{1, 0};
words device_entry_of(std::uint64_t id) {
    return {0x2000000000000000 | id, 0};
}
words pages_of(std::uint64_t domain, std::uint64_t address) {
    return {0x3000000000000000 | domain << 32, address};
}

TEST(amd_driver, probes_in_the_order_of_linux) {
    amd_bench b;
    b.start();
    std::vector<std::uint32_t> offsets;
    for (const auto& [offset, value] : b.unit.writes)
        if (offset != 0x18)
            offsets.push_back(offset);
    // As recorded: device table, command buffer and its pointers, event log and its pointers, then commands.
    EXPECT_THAT(offsets, testing::ElementsAre(0x0, 0x8, 0x2000, 0x2008, 0x10, 0x2010, 0x2018, 0x2008, 0x2008));
    std::vector<std::uint64_t> control;
    for (const auto& [offset, value] : b.unit.writes)
        if (offset == 0x18 && (control.empty() || control.back() != value))
            control.push_back(value);
    EXPECT_THAT(control, testing::ElementsAre(0x0, 0x400, 0x480, 0x1480, 0x1484, 0x1485, 0x11485, 0x1148d))
        << "coherent, time-out of 1 s, commands, events, on, guest translation, event interrupt";
    EXPECT_THAT(b.commands_of([] {}), testing::IsEmpty());
    b.kernel.power_off();
}

TEST(amd_driver, flushes_one_by_one_what_it_cannot_flush_at_once) {
    amd_bench b({{"last-device", 3}}, 0x29d3 & ~extended_feature::IASup.make(1));
    const auto told = b.commands_of([&] { b.start(); });
    EXPECT_THAT(told, testing::ElementsAre(device_entry_of(0), device_entry_of(1), device_entry_of(2),
                                           device_entry_of(3), wait, pages_of(0, all_pages), pages_of(1, all_pages),
                                           pages_of(2, all_pages), pages_of(3, all_pages), wait));
    b.kernel.power_off();
}

TEST(amd_driver, tells_the_iommu_of_an_attach_in_the_order_of_linux) {
    amd_bench b;
    b.start();
    EXPECT_EQ(b.entry(0x18)[0], 3u) << "valid, and nothing passes";
    device& dev = b.add_device("nic", {0x18, 0x20});
    auto d = b.core->allocate_domain(dev);
    const auto told = b.commands_of([&] { ASSERT_TRUE(b.core->attach_device(*d, dev)); });
    EXPECT_THAT(told, testing::ElementsAre(device_entry_of(0x18), device_entry_of(0x20), pages_of(1, all_pages), wait,
                                           device_entry_of(0x18), device_entry_of(0x20), pages_of(2, all_pages), wait))
        << "off the old domain, then onto the new one; the alias with it";
    const amd::device_entry entry = b.entry(0x18);
    EXPECT_EQ(entry[0] & 0xfff0000000000fff, 0x6000000000000603u) << "as recorded: three levels, read and write";
    EXPECT_EQ(entry[1], 2u) << "the domain id";
    EXPECT_EQ(b.entry(0x20), entry) << "the alias";
    b.core->detach_device(*d, dev);
    b.core->release(dev);
    EXPECT_EQ(b.entry(0x18)[0], 3u);
    EXPECT_EQ(b.entry(0x20)[0], 3u);
    b.kernel.power_off();
}

TEST(amd_driver, writes_sizes_into_addresses_as_recorded) {
    amd_bench b;
    b.start();
    domain& d = *b.add_device("nic", {0x18}).in_group->default_domain();
    const auto address_of = [&](std::uint64_t iova, std::uint64_t bytes) {
        EXPECT_TRUE(map(b.kernel, d, iova, iova, bytes, {.read = true}));
        const auto told = b.commands_of([&] { EXPECT_EQ(unmap(b.kernel, d, iova, bytes), bytes); });
        EXPECT_EQ(told.size(), 2u);
        return told[0][1];
    };
    EXPECT_EQ(address_of(0xfff00000, 0x1000), 0xfff00002u) << "one page: PDE alone";
    EXPECT_EQ(address_of(0xffe40000, 0x2000), 0xffe40003u) << "8 KiB: S, and the first 0 bit is 12";
    EXPECT_EQ(address_of(0xffe40000, 0x10000), 0xffe47003u) << "64 KiB";
    EXPECT_EQ(address_of(0xffe4f000, 0x2000), 0xffe4f003u) << "two pages over a boundary: the block around them";
    b.kernel.power_off();
}

TEST(amd_driver, tables_grow_with_addresses_and_entries_follow) {
    amd_bench b;
    b.start();
    device& dev = b.add_device("nic", {0x18});
    domain& d = *dev.in_group->default_domain();
    ASSERT_TRUE(map(b.kernel, d, 0x1000, 0x5000, 0x1000, {.read = true}));
    const auto told =
        b.commands_of([&] { ASSERT_TRUE(map(b.kernel, d, std::uint64_t{1} << 40, 0x6000, 0x1000, {.read = true})); });
    EXPECT_EQ(dte::Mode.of(b.entry(0x18)), 4u);
    // The entry had a domain id before, as a crashed kernel's would: its translations are flushed too.
    EXPECT_THAT(told, testing::ElementsAre(pages_of(1, all_pages), wait, device_entry_of(0x18), wait));
    EXPECT_EQ(iova_to_phys(d, 0x1000), 0x5000u);
    EXPECT_EQ(iova_to_phys(d, std::uint64_t{1} << 40), 0x6000u);
    b.kernel.power_off();
}

TEST(amd_driver, uses_version_2_tables_for_the_dma_api_alone) {
    amd_bench b({{"version-2", 1}});
    b.start();
    device& dev = b.add_device("nic", {0x18});
    const amd::device_entry entry = b.entry(0x18);
    EXPECT_EQ(dte::GV.of(entry), 1u);
    EXPECT_EQ(dte::GIoV.of(entry), 1u) << "requests without PASID are those of PASID 0";
    EXPECT_EQ(dte::Mode.of(entry), 0u);
    const std::uint64_t root = b.machine.peek64(dte::guest_cr3_table(entry));
    EXPECT_EQ(root & 1, 1u);
    domain& d = *dev.in_group->default_domain();
    EXPECT_EQ(d.page_sizes(), 0x40201000u);
    EXPECT_EQ(d.aperture_last(), (std::uint64_t{1} << 48) - 1);
    ASSERT_TRUE(map(b.kernel, d, 0x1000, 0x5000, 0x1000, {.read = true}));
    const auto told = b.commands_of([&] { unmap(b.kernel, d, 0x1000, 0x1000); });
    EXPECT_THAT(told, testing::ElementsAre(pages_of(1, 0x1002), pages_of(1, 0x1006), wait)) << "GN: bit 2";
    auto own = b.core->allocate_domain(dev);
    EXPECT_EQ(static_cast<amd::amd_domain&>(*own).kind(), amd::amd_domain::tables::version_1);
    b.kernel.power_off();
}

TEST(amd_driver, makes_domains_with_pasids_before_they_are_used) {
    amd_bench b;
    b.start();
    device& dev = b.add_device("gpu", {0x18}, {.ats = true, .pasid_bits = 8, .pri = true});
    EXPECT_EQ(dev.in_group->default_domain()->type(), domain_type::identity);
    auto d = b.core->allocate_domain(dev);
    EXPECT_EQ(d->enable_pasids(1 << 20).error().row, &row::pasids_too_many) << "GLXSup 1: two levels";
    b.kernel.injection().nth("amd.gcr3_table.alloc", 1);
    EXPECT_EQ(d->enable_pasids(2).error().row, &row::pasids_memory);
    ASSERT_TRUE(d->enable_pasids(1024));
    EXPECT_EQ(d->enable_pasids(2).error().row, &row::pasids_in_use);
    ASSERT_TRUE(b.core->attach_device(*d, dev));
    EXPECT_EQ(dte::GV.of(b.entry(0x18)), 1u);
    EXPECT_EQ(dte::GLX.of(b.entry(0x18)), 1u);
    EXPECT_EQ(dte::GIoV.of(b.entry(0x18)), 0u) << "without PASID: untranslated";
    EXPECT_EQ(dte::I.of(b.entry(0x18)), 1u) << "ATS";
    EXPECT_EQ(map(b.kernel, *d, 0x1000, 0x5000, 0x1000, {.read = true}).error().row, &row::map_no_table);
    b.core->detach_device(*d, dev);
    b.kernel.power_off();
}

TEST(amd_driver, waits_no_longer_than_linux_for_an_iommu_that_hangs) {
    amd_bench b;
    b.start();
    device& dev = b.add_device("nic", {0x18});
    auto d = b.core->allocate_domain(dev);
    b.unit.consumes = false;
    const std::uint64_t begin_ns = b.machine.now_ns();
    EXPECT_TRUE(b.core->attach_device(*d, dev)) << "attach claims success";
    EXPECT_GE(b.machine.now_ns() - begin_ns, 100'000'000u);
    EXPECT_GE(b.log.count(log_level::alert), 2u);
    for (const raised_failure& f : b.kernel.raised())
        EXPECT_EQ(f.row, &row::completion_timeout);
    for (int n = 0; n < 600; ++n)
        d->flush_iotlb_all();
    EXPECT_EQ(b.kernel.raised().back().row, &row::command_buffer_full) << "512 commands, less two";
    b.unit.consumes = true;
    b.kernel.power_off();
}

TEST(amd_driver, has_no_domain_when_no_domain_id_is_left) {
    amd_bench b({{"domain-ids", 2}});
    b.start();
    device& dev = b.add_device("nic", {0x18});
    auto one = b.core->allocate_domain(dev);
    EXPECT_TRUE(one);
    EXPECT_FALSE(b.core->allocate_domain(dev));
    one.reset();
    EXPECT_TRUE(b.core->allocate_domain(dev));
    b.kernel.power_off();
}

TEST(amd_driver, takes_no_device_beyond_its_table) {
    amd_bench b;
    b.start();
    b.add_device("far", {0x200});
    ASSERT_EQ(b.core->probe_errors().size(), 1u);
    EXPECT_EQ(b.core->probe_errors()[0].why.row, &row::device_id_range);
    b.kernel.power_off();
}

TEST(amd_driver, decodes_events) {
    amd_bench b;
    b.start();
    words event{0, 0x5000};
    record::EventCode.put(event, static_cast<std::uint64_t>(amd_vi::event::IO_PAGE_FAULT));
    record::DeviceID.put(event, 0x18);
    b.unit.report_event(event);
    EXPECT_EQ(b.kernel.service_interrupts(0), 1u);
    ASSERT_EQ(b.log.count(log_level::error), 1u);
    EXPECT_THAT(b.log.entries().back().message, testing::HasSubstr("IO_PAGE_FAULT DeviceID=0x18"));
    EXPECT_EQ(b.unit.read(reg::EventLogHead.offset, 4), 16u);
    EXPECT_EQ(b.unit.read(reg::Status.offset, 4), 0u);
    b.kernel.power_off();
}

} // namespace
} // namespace iommulab::sw
