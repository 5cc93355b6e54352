// SPDX-License-Identifier: Apache-2.0
// The software layer on the models: what the driver programs is what DMA meets.
#include "models/smmu_v3/spec/registers.h"
#include "sw/cpu/lock.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/smmu_driver.h"
#include "testbenches/software/software_machine.h"

#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>

namespace iommulab::software {
namespace {

constexpr std::uint64_t ram = 0x40000000, ram_bytes = 0x40000000, kernel_bytes = 0x20000000;
constexpr std::uint64_t buffer = ram + kernel_bytes; // memory that the kernel does not allocate from
constexpr sw::protection rw{.read = true, .write = true, .cache = true};

software_machine_description machine_of(unsigned smmus, simulation_mode mode = simulation_mode::cycle_approximate,
                                        const std::string& preset = "mmu-600") {
    software_machine_description d;
    d.mode = mode;
    memory_parameters dram;
    dram.ranges.push_back({ram, ram_bytes, "dram"});
    d.platform.name = "test";
    d.platform.memories.push_back({"dram", dram});
    for (unsigned n = 0; n < smmus; ++n)
        d.platform.iommus.push_back(
            {"smmu" + std::to_string(n), "smmu_v3", preset, {}, {}, 0x9050000 + n * 0x100000ULL, 1});
    d.kernel_memory_base = ram;
    d.kernel_memory_bytes = kernel_bytes;
    return d;
}

software_machine_description::device_place device_at(const std::string& name, std::uint32_t sid, unsigned smmu = 0) {
    sw::device_description d;
    d.name = name;
    d.spec = sw::firmware_spec{"smmu" + std::to_string(smmu), {sid}, true};
    return {d, 0};
}

const std::vector<std::uint8_t> bytes{1, 2, 3, 4, 5, 6, 7, 8};

// Blocks and pages, splits included: every page of the range is tried by DMA.
TEST(software_machine, a_split_block_translates_all_but_what_was_unmapped) {
    auto description = machine_of(1);
    description.devices.push_back(device_at("nic", 0x20));
    software_machine m("m", description);
    m.run([&] {
        sw::domain& d = *m.device("nic").in_group->default_domain();
        ASSERT_TRUE(sw::map(m.kernel(), d, 0x200000, buffer, 0x400000, rw));
        EXPECT_TRUE(m.dma_write("nic", 0x203000, bytes).ok); // the TLB holds the block
        EXPECT_EQ(sw::unmap(m.kernel(), d, 0x203000, 0x2000), 0x2000u);
        for (std::uint64_t page = 0; page < 8; ++page)
            EXPECT_EQ(m.dma_read("nic", 0x200000 + page * 0x1000, 8).ok, page != 3 && page != 4) << page;
        EXPECT_TRUE(m.dma_read("nic", 0x5ff000, 8).ok);
    });
}

TEST(software_machine, a_foreign_smmu_is_refused_and_the_device_keeps_its_domain) {
    auto description = machine_of(2);
    description.kernel.rules = sw::rule_set::v6_0;
    description.devices.push_back(device_at("a", 1, 0));
    description.devices.push_back(device_at("b", 1, 1));
    software_machine m("m", description);
    m.run([&] {
        auto d = m.core().allocate_domain(m.device("a"));
        ASSERT_TRUE(m.core().attach_device(*d, m.device("a")));
        sw::domain& own = *m.device("b").in_group->default_domain();
        ASSERT_TRUE(sw::map(m.kernel(), own, 0x10000, buffer, 0x1000, rw));
        const auto r = m.core().attach_device(*d, m.device("b"));
        EXPECT_EQ(sw::errno_of(r), sw::linux_errno::enxio);
        EXPECT_EQ(m.log().count(sw::log_level::error), 1u);
        EXPECT_TRUE(m.dma_write("b", 0x10000, bytes).ok) << "rolled back";
        // Behind the core's back: attach alone leaves the device without translation.
        EXPECT_FALSE(d->attach_dev(m.device("b")));
        EXPECT_FALSE(m.dma_write("b", 0x10000, bytes).ok);
        m.core().detach_device(*d, m.device("a"));
    });
}

// A mistake that Linux once made: the refusal said success. Nothing but DMA tells.
TEST(software_machine, a_refusal_that_says_success_leaves_a_device_that_only_faults) {
    auto description = machine_of(2);
    description.devices.push_back(device_at("a", 1, 0));
    description.devices.push_back(device_at("b", 1, 1));
    software_machine m("m", description);
    m.run([&] {
        auto d = m.core().allocate_domain(m.device("a"));
        ASSERT_TRUE(m.core().attach_device(*d, m.device("a")));
        ASSERT_TRUE(sw::map(m.kernel(), *d, 0x10000, buffer, 0x1000, rw));
        m.kernel().injection().nth("smmu_v3.foreign_smmu.success", 1);
        EXPECT_TRUE(m.core().attach_device(*d, m.device("b")));
        EXPECT_TRUE(m.dma_write("a", 0x10000, bytes).ok);
        EXPECT_FALSE(m.dma_write("b", 0x10000, bytes).ok);
        m.core().detach_device(*d, m.device("a"));
        m.core().detach_device(*d, m.device("b"));
    });
}

TEST(software_machine, an_smmu_that_stops_consuming_costs_a_second_and_a_line) {
    auto description = machine_of(1);
    description.devices.push_back(device_at("nic", 0x20));
    software_machine m("m", description);
    m.run([&] {
        auto d = m.core().allocate_domain(m.device("nic"));
        m.kernel().injection().nth("smmu_v3.cmdq.doorbell", 1);
        const std::uint64_t begin_ns = m.cpus().now_ns();
        EXPECT_TRUE(m.core().attach_device(*d, m.device("nic")));
        EXPECT_GE(m.cpus().now_ns() - begin_ns, 1'000'000'000u);
        ASSERT_TRUE(sw::map(m.kernel(), *d, 0x10000, buffer, 0x1000, rw));
        EXPECT_TRUE(m.dma_write("nic", 0x10000, bytes).ok);
        m.core().detach_device(*d, m.device("nic"));
    });
    EXPECT_EQ(m.kernel().raised().size(), 1u);
    EXPECT_EQ(m.kernel().raised()[0].row, &sw::arm_smmu_v3::row::sync_timeout);
}

// What hangs is the hardware: the commands are announced, and nobody consumes them. So a translation outlives its
// unmap.
TEST(software_machine, an_smmu_that_hangs_keeps_what_it_was_to_forget) {
    auto description = machine_of(1);
    description.devices.push_back(device_at("nic", 0x20));
    software_machine m("m", description);
    const std::uint64_t smmu = description.platform.iommus[0].registers_base;
    const auto consumed = [&] {
        return m.cpus().mmio_read(smmu + smmu_v3::reg::CMDQ_CONS.offset, 4) ==
               m.cpus().mmio_read(smmu + smmu_v3::reg::CMDQ_PROD.offset, 4);
    };
    m.run([&] {
        sw::domain& d = *m.device("nic").in_group->default_domain();
        ASSERT_TRUE(sw::map(m.kernel(), d, 0x10000, buffer, 0x2000, rw));
        EXPECT_TRUE(m.dma_read("nic", 0x10000, 8).ok); // now the TLB has it
        m.kernel().injection().every("smmu_v3.cmdq.doorbell");
        EXPECT_EQ(sw::unmap(m.kernel(), d, 0x10000, 0x1000), 0x1000u);
        EXPECT_EQ(m.kernel().raised().size(), 1u) << "the time-out";
        EXPECT_FALSE(consumed());
        EXPECT_TRUE(m.dma_read("nic", 0x10000, 8).ok) << "nothing told the TLB";
        m.kernel().injection().cancel("smmu_v3.cmdq.doorbell");
        EXPECT_EQ(sw::unmap(m.kernel(), d, 0x11000, 0x1000), 0x1000u); // the next doorbell serves all
        EXPECT_TRUE(consumed());
        EXPECT_FALSE(m.dma_read("nic", 0x10000, 8).ok);
    });
    EXPECT_EQ(m.kernel().raised().size(), 1u);
}

// Linux waits for the queue of a VT-d unit for ever; the driver says so and ends what was being done.
TEST(software_machine, a_vtd_unit_that_hangs_keeps_what_it_was_to_forget) {
    auto description = machine_of(0);
    description.platform.iommus.push_back({"dmar0", "vtd", "qemu", {}, {}, 0xfed90000, 1});
    description.devices.push_back(device_at("nic", 0x18));
    description.devices.back().description.spec->instance = "dmar0";
    software_machine m("m", description);
    m.run([&] {
        sw::domain& d = *m.device("nic").in_group->default_domain();
        ASSERT_TRUE(sw::map(m.kernel(), d, 0x10000, buffer, 0x2000, rw));
        EXPECT_TRUE(m.dma_read("nic", 0x10000, 8).ok);
        m.kernel().injection().every("intel.invalidation_queue.doorbell");
        EXPECT_THROW(sw::unmap(m.kernel(), d, 0x10000, 0x1000), std::runtime_error);
        EXPECT_TRUE(m.dma_read("nic", 0x10000, 8).ok) << "nothing told the TLB";
        m.kernel().injection().cancel("intel.invalidation_queue.doorbell");
        EXPECT_EQ(sw::unmap(m.kernel(), d, 0x11000, 0x1000), 0x1000u); // the next tail serves all
        EXPECT_FALSE(m.dma_read("nic", 0x10000, 8).ok);
    });
}

// An SMMU that can send messages does so where there is a doorbell; a device's own messages get there by a mapping.
void messages_become_interrupts(simulation_mode mode) {
    auto description = machine_of(1, mode);
    description.platform.doorbell = platforms::doorbell_description{0x8090000, 0x10000};
    description.devices.push_back(device_at("nic", 0x20));
    software_machine m("m", description);
    const int line = m.cpus().add_interrupt("nic");
    unsigned taken = 0;
    m.run([&] {
        const std::size_t said = m.log().entries().size();
        EXPECT_FALSE(m.dma_read("nic", 0x10000, 8).ok);
        m.cpus().delay_ns(100'000);
        EXPECT_EQ(m.hardware().doorbell()->messages(), 1u) << "of the event queue; those of CMD_SYNC go to memory";
        EXPECT_EQ(m.log().count(sw::log_level::info, said, "smmu0"), 1u) << "the event";

        m.kernel().request_interrupt(line, "nic", [&] { ++taken; });
        sw::domain& d = *m.device("nic").in_group->default_domain();
        ASSERT_TRUE(sw::map(m.kernel(), d, 0x20000, 0x8090000, 0x1000, rw));
        const std::vector<std::uint8_t> data{static_cast<std::uint8_t>(line), 0, 0, 0};
        EXPECT_TRUE(m.dma_write("nic", 0x20040, data).ok);
        EXPECT_FALSE(m.dma_write("nic", 0x20040, bytes).ok) << "messages have 32 bits";
        m.cpus().delay_ns(100'000);
        EXPECT_EQ(taken, 1u);
    });
}

// An SMMU that can send messages does so where there is a doorbell; a device's own messages get there by a mapping.
TEST(software_machine, messages_reach_the_doorbell_and_become_interrupts) {
    messages_become_interrupts(simulation_mode::cycle_approximate);
}
TEST(software_machine, messages_become_interrupts_loosely_timed) {
    messages_become_interrupts(simulation_mode::loosely_timed);
}

TEST(software_machine, passthrough_and_strangers) {
    auto description = machine_of(1);
    description.core.default_domain = sw::domain_type::identity;
    description.devices.push_back(device_at("nic", 0x20));
    software_machine m("m", description);
    m.run([&] {
        EXPECT_TRUE(m.dma_write("nic", buffer, bytes).ok);
        m.core().release(m.device("nic"));
        EXPECT_FALSE(m.dma_write("nic", buffer, bytes).ok) << "streams without domain abort";
    });
}

TEST(software_machine, a_lock_is_held_by_one_cpu_at_a_time_in_order) {
    auto description = machine_of(1);
    description.cpus.cpus = 3;
    description.cpus.interrupt_cpu = 2;
    software_machine m("m", description);
    m.run([] {});
    sw::ticket_lock lock(m.cpus());
    std::vector<unsigned> order;
    const auto work = [&] {
        for (int i = 0; i < 3; ++i) {
            const std::lock_guard held(lock);
            order.push_back(m.cpus().id());
            m.cpus().delay_ns(1'000);
            EXPECT_EQ(order.back(), m.cpus().id()) << "nobody came between";
        }
    };
    m.cpus().run(1, work);
    m.run(work);
    EXPECT_EQ(order.size(), 6u);
    EXPECT_GT(lock.contended(), 0u);
    for (std::size_t i = 1; i + 1 < order.size(); ++i)
        EXPECT_NE(order[i], order[i - 1]) << "first come, first served";
}

TEST(software_machine, software_that_throws_ends_the_run) {
    software_machine m("m", machine_of(1));
    EXPECT_THROW(m.run([] { throw std::runtime_error("software"); }), std::runtime_error);
}

TEST(software_machine, registers_that_are_not_there_read_as_ones) {
    software_machine m("m", machine_of(1));
    m.run([&] {
        EXPECT_EQ(m.cpus().mmio_read(0x1000, 4), 0xffffffffu);
        EXPECT_EQ(m.cpus().counted().bus_errors, 1u);
        const std::uint64_t before_ns = m.cpus().now_ns();
        m.cpus().mmio_read(0x9050000, 4);
        EXPECT_GE(m.cpus().now_ns() - before_ns, 40u);
    });
}

} // namespace
} // namespace iommulab::software
