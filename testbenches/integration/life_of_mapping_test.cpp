// SPDX-License-Identifier: Apache-2.0
// What every driver must bring about on its model: DMA lands where a mapping says, faults when there is none, with the
// decoded fault in the log; blocked, identity and shared domains are what their names say.
#include "sw/iommu/mapping.h"
#include "testbenches/integration/machine_kinds.h"

#include <gmock/gmock.h>

namespace iommulab::software {
namespace {

using harness::machine_kind;
using harness::machine_of;

constexpr std::uint64_t buffer = harness::machine_layout::buffers;
constexpr sw::protection rw{.read = true, .write = true, .cache = true};
const std::vector<std::uint8_t> bytes{1, 2, 3, 4, 5, 6, 7, 8};

struct driver_on_model : testing::TestWithParam<machine_kind> {};

void life_of_a_mapping(const machine_kind& k, simulation_mode mode) {
    software_machine m("m", machine_of(k, 1, mode));
    m.run([&] {
        ASSERT_EQ(m.probed()[0].number, sw::linux_errno::none);
        ASSERT_TRUE(m.core().probe_errors().empty());
        sw::device& dev = m.device("dev0");
        for (const sw::domain_type type : {sw::domain_type::unmanaged, sw::domain_type::dma}) {
            auto d = m.core().allocate_domain(dev, type);
            ASSERT_TRUE(d);
            ASSERT_TRUE(m.core().attach_device(*d, dev));
            EXPECT_FALSE(m.dma_write("dev0", 0x10000, bytes).ok) << "nothing is mapped yet";

            ASSERT_TRUE(sw::map(m.kernel(), *d, 0x10000, buffer + 0x5000, 0x1000, rw));
            EXPECT_TRUE(m.dma_write("dev0", 0x10008, bytes).ok);
            std::vector<std::uint8_t> found(bytes.size());
            m.cpus().read_block(buffer + 0x5008, found.data(), found.size());
            EXPECT_EQ(found, bytes) << "lands where the mapping says";
            EXPECT_EQ(m.dma_read("dev0", 0x10008, 8).data, bytes);

            const std::uint64_t before_ns = m.cpus().now_ns();
            EXPECT_EQ(sw::unmap(m.kernel(), *d, 0x10000, 0x1000), 0x1000u);
            EXPECT_GT(m.cpus().now_ns(), before_ns) << "invalidation takes time";
            EXPECT_FALSE(m.dma_write("dev0", 0x10008, {9}).ok) << "no stale translation after unmap";
            m.cpus().read_block(buffer + 0x5008, found.data(), found.size());
            EXPECT_EQ(found, bytes);
            // A superpage, at the end of what the recorded machines' narrowest unit reaches.
            constexpr std::uint64_t high = 0x7f00000000, large = 2 << 20;
            ASSERT_TRUE(sw::map(m.kernel(), *d, high, buffer, large, rw));
            EXPECT_TRUE(m.dma_write("dev0", high + large - 8, bytes).ok);
            m.cpus().read_block(buffer + large - 8, found.data(), found.size());
            EXPECT_EQ(found, bytes);
            EXPECT_EQ(sw::unmap(m.kernel(), *d, high, large), large);
            EXPECT_FALSE(m.dma_read("dev0", high + large - 8, 8).ok);
            m.core().detach_device(*d, dev);
        }
    });
    EXPECT_TRUE(m.kernel().raised().empty()) << m.kernel().raised().front().row->id;
    unsigned faults = 0;
    for (const auto& e : m.log().entries())
        faults += e.message.find(k.fault_text) != std::string::npos ? 1 : 0;
    EXPECT_EQ(faults, 6u) << "decoded by the CPU that takes interrupts";
}

TEST_P(driver_on_model, maps_and_unmaps) {
    life_of_a_mapping(GetParam(), simulation_mode::cycle_approximate);
}
TEST_P(driver_on_model, maps_and_unmaps_loosely_timed) {
    life_of_a_mapping(GetParam(), simulation_mode::loosely_timed);
}

TEST_P(driver_on_model, shares_a_domain_between_two_iommus) {
    software_machine m("m", machine_of(GetParam(), 2));
    m.run([&] {
        auto d = m.core().allocate_domain(m.device("dev0"));
        if (!GetParam().spans) {
            ASSERT_TRUE(m.core().attach_device(*d, m.device("dev0")));
            ASSERT_FALSE(m.core().attach_device(*d, m.device("dev1"))) << "or says that it does not";
            m.core().detach_device(*d, m.device("dev0"));
            return;
        }
        ASSERT_TRUE(m.core().attach_device(*d, m.device("dev0")));
        ASSERT_TRUE(sw::map(m.kernel(), *d, 0x10000, buffer, 0x1000, rw));
        ASSERT_TRUE(sw::map(m.kernel(), *d, 0x11000, buffer + 0x8000, 0x1000, rw));
        ASSERT_TRUE(m.core().attach_device(*d, m.device("dev1")));
        for (const char* name : {"dev0", "dev1"})
            EXPECT_TRUE(m.dma_write(name, 0x11000, bytes).ok) << name;
        EXPECT_EQ(sw::unmap(m.kernel(), *d, 0x11000, 0x1000), 0x1000u);
        for (const char* name : {"dev0", "dev1"}) {
            EXPECT_FALSE(m.dma_write(name, 0x11000, bytes).ok) << name << ": invalidated on both";
            EXPECT_TRUE(m.dma_write(name, 0x10000, bytes).ok) << name;
        }
        m.core().detach_device(*d, m.device("dev0"));
        EXPECT_FALSE(m.dma_write("dev0", 0x10000, bytes).ok) << "left";
        EXPECT_TRUE(m.dma_write("dev1", 0x10000, bytes).ok) << "stays";
        m.core().detach_device(*d, m.device("dev1"));
        EXPECT_TRUE(m.kernel().raised().empty());
    });
}

TEST_P(driver_on_model, blocks_what_is_claimed_and_what_is_released) {
    software_machine m("m", machine_of(GetParam()));
    m.run([&] {
        sw::device& dev = m.device("dev0");
        ASSERT_TRUE(sw::map(m.kernel(), *dev.in_group->default_domain(), 0x10000, buffer, 0x1000, rw));
        EXPECT_TRUE(m.dma_read("dev0", 0x10000, 8).ok);
        const int owner = 0;
        ASSERT_TRUE(m.core().claim(*dev.in_group, &owner));
        EXPECT_FALSE(m.dma_read("dev0", 0x10000, 8).ok);
        m.core().release_claim(*dev.in_group);
        EXPECT_TRUE(m.dma_read("dev0", 0x10000, 8).ok);
        m.core().release(dev);
        EXPECT_FALSE(m.dma_read("dev0", 0x10000, 8).ok);
        ASSERT_TRUE(m.core().probe(dev));
        EXPECT_FALSE(m.dma_read("dev0", 0x10000, 8).ok) << "a fresh default domain";
    });
}

TEST_P(driver_on_model, passes_everything_in_an_identity_domain) {
    auto description = machine_of(GetParam());
    description.core.default_domain = sw::domain_type::identity;
    software_machine m("m", description);
    m.run([&] {
        sw::device& dev = m.device("dev0");
        ASSERT_EQ(dev.in_group->default_domain()->type(), sw::domain_type::identity);
        EXPECT_TRUE(m.dma_write("dev0", buffer + 0x40, bytes).ok);
        std::vector<std::uint8_t> found(bytes.size());
        m.cpus().read_block(buffer + 0x40, found.data(), found.size());
        EXPECT_EQ(found, bytes);
        auto d = m.core().allocate_domain(dev);
        ASSERT_TRUE(m.core().attach_device(*d, dev));
        EXPECT_FALSE(m.dma_write("dev0", buffer + 0x40, bytes).ok);
        m.core().detach_device(*d, dev);
        EXPECT_TRUE(m.dma_write("dev0", buffer + 0x40, bytes).ok);
    });
}

/// Two CPUs map and unmap in domains of two devices: the queue of commands is theirs together.
TEST_P(driver_on_model, serves_two_cpus_at_once) {
    auto description = machine_of(GetParam());
    description.cpus.cpus = 3;
    description.cpus.interrupt_cpu = 2;
    auto second = description.devices.front();
    second.description.name = "dev1";
    second.description.spec->source_ids = {0x28};
    description.devices.push_back(second);
    software_machine m("m", description);
    m.run([] {});
    unsigned done = 0;
    const auto work = [&](const char* name, std::uint64_t at) {
        sw::domain& d = *m.device(name).in_group->default_domain();
        for (int i = 0; i < 20; ++i) {
            ASSERT_TRUE(sw::map(m.kernel(), d, 0x10000, at, 0x3000, rw));
            ASSERT_TRUE(m.dma_write(name, 0x11000, bytes).ok);
            ASSERT_GE(sw::unmap(m.kernel(), d, 0x10000, 0x3000), 0x3000u);
            ASSERT_FALSE(m.dma_write(name, 0x11000, bytes).ok);
        }
        ++done;
    };
    m.cpus().run(1, [&] { work("dev1", buffer + 0x10000); });
    m.run([&] { work("dev0", buffer); });
    EXPECT_EQ(done, 2u);
    EXPECT_TRUE(m.kernel().raised().empty());
}

/// Flush queues invalidate everything at once, and only then are tables that were unmapped free.
TEST_P(driver_on_model, frees_memory_of_what_is_unmapped_and_given_back) {
    software_machine m("m", machine_of(GetParam()));
    m.run([&] {
        sw::device& dev = m.device("dev0");
        const std::uint64_t before = m.cpus().allocated_bytes();
        {
            auto d = m.core().allocate_domain(dev);
            ASSERT_TRUE(m.core().attach_device(*d, dev));
            for (std::uint64_t at = 0; at < 0x800000; at += 0x1000)
                ASSERT_TRUE(sw::map(m.kernel(), *d, 0x10000000 + at, buffer + (at ^ 0x1000), 0x1000, rw));
            sw::iotlb_gather gather;
            gather.queued = true;
            ASSERT_EQ(sw::unmap_fast(m.kernel(), *d, 0x10000000, 0x400000, gather), 0x400000u);
            d->flush_iotlb_all();
            EXPECT_FALSE(m.dma_read("dev0", 0x10000000, 8).ok);
            ASSERT_EQ(sw::unmap(m.kernel(), *d, 0x10400000, 0x400000), 0x400000u);
            m.core().detach_device(*d, dev);
        }
        EXPECT_EQ(m.cpus().allocated_bytes(), before);
    });
}

INSTANTIATE_TEST_SUITE_P(of, driver_on_model, testing::ValuesIn(harness::machine_kinds()),
                         [](const auto& param_info) { return param_info.param.name; });

} // namespace
} // namespace iommulab::software
