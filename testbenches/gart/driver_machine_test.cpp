// SPDX-License-Identifier: Apache-2.0
// The GART driver on the model: DMA lands where entries say, a driver that forgets the read-back is caught, errors
// reach the log, sleep loses nothing.
#include "sw/drivers/tegra_gart/gart_driver.h"
#include "testbenches/software/software_machine.h"

#include <gtest/gtest.h>

namespace iommulab::software {
namespace {

constexpr std::uint64_t aperture = sw::tegra_gart::default_aperture, page = 4096, data = 0x2000'0000;

software_machine_description tegra20() {
    software_machine_description d;
    memory_parameters memory;
    memory.ranges.push_back({0, 0x4000'0000, "emem"});
    d.platform.memories.push_back({"emem", memory});
    // a small aperture: booting writes every entry
    d.platform.iommus.push_back({"gart", "gart", "tegra20", {{"entries", 64}}, {}, 0x7000'f000, 1});
    sw::instance_firmware f;
    f.name = "gart";
    f.properties["aperture-bytes"] = 64 * page;
    d.firmware.push_back(f);
    for (const char* name : {"display", "blitter"}) {
        sw::device_description dev;
        dev.name = name;
        dev.pci = false;
        dev.spec = sw::firmware_spec{"gart", {static_cast<std::uint32_t>(d.devices.size() + 1)}};
        d.devices.push_back({dev, 0});
    }
    d.kernel_memory_base = 0x1000'0000;
    d.kernel_memory_bytes = 0x1000'0000;
    return d;
}

struct tegra20_machine : software_machine {
    tegra20_machine() : software_machine("tegra20", tegra20()) {}
    sw::tegra_gart::gart& gart() {
        return *static_cast<sw::tegra_gart::gart_driver&>(driver("tegra-gart")).instances().front();
    }
    void map(sw::domain& d, std::uint64_t iova, std::uint64_t to) {
        ASSERT_TRUE(sw::map(kernel(), d, iova, to, page, {.read = true, .write = true}));
    }
};

TEST(gart_machine, dma_lands_where_the_entry_says_and_faults_when_it_is_gone) {
    tegra20_machine m;
    m.run([&] {
        sw::device& dev = m.device("display");
        auto d = m.core().allocate_domain(dev);
        ASSERT_TRUE(m.core().attach_device(*d, dev));
        m.map(*d, aperture + page, data);
        EXPECT_TRUE(m.dma_write("display", aperture + page + 16, {1, 2, 3, 4}).ok);
        EXPECT_EQ(m.cpus().read(data + 16, 4), 0x04030201U);
        EXPECT_TRUE(m.dma_read("blitter", aperture + page + 16, 4).ok) << "one table for all clients, attached or not";
        EXPECT_TRUE(m.dma_write("display", data + 32, {9}).ok) << "outside of the aperture nothing is translated";
        EXPECT_EQ(m.cpus().read(data + 32, 1), 9U);
        EXPECT_EQ(sw::unmap(m.kernel(), *d, aperture + page, page), page);
        EXPECT_FALSE(m.dma_read("display", aperture + page + 16, 4).ok);
        m.cpus().delay_ns(1'000'000); // the interrupt is served by the other CPU
        EXPECT_EQ(m.gart().errors(), 1U);
        EXPECT_EQ(m.log().count(sw::log_level::error), 1U);
        m.core().detach_device(*d, dev);
        m.kernel().power_off();
    });
}

// Rule: a register write has arrived only when a read-back has returned. The same driver without it maps too late, and
// unmaps too late: the second is a hole in the isolation.
TEST(gart_machine, a_driver_without_the_read_back_is_caught) {
    tegra20_machine m;
    m.run([&] {
        sw::device& dev = m.device("display");
        auto d = m.core().allocate_domain(dev);
        ASSERT_TRUE(m.core().attach_device(*d, dev));
        const auto reaches = [&] { return m.dma_read("display", aperture, 8).ok; };
        for (const bool broken : {false, true}) {
            if (broken)
                m.kernel().injection().every("gart.read_back.skip");
            m.cpus().delay_ns(10'000);
            m.map(*d, aperture, data);
            EXPECT_EQ(reaches(), !broken) << "mapped, but the entry is still on its way";
            m.cpus().delay_ns(10'000);
            EXPECT_TRUE(reaches()) << "later it is there";
            EXPECT_EQ(sw::unmap(m.kernel(), *d, aperture, page), page);
            EXPECT_EQ(reaches(), broken) << "unmapped, and still reached";
            m.cpus().delay_ns(10'000);
            EXPECT_FALSE(reaches());
        }
        m.core().detach_device(*d, dev);
        m.kernel().power_off();
    });
}

TEST(gart_machine, sleep_refuses_accesses_and_loses_no_entry) {
    tegra20_machine m;
    m.run([&] {
        sw::device& dev = m.device("display");
        auto d = m.core().allocate_domain(dev);
        ASSERT_TRUE(m.core().attach_device(*d, dev));
        m.map(*d, aperture + 5 * page, data);
        m.cpus().write(data, 0x55, 1);
        m.gart().suspend();
        EXPECT_FALSE(m.dma_read("display", aperture + 5 * page, 1).ok);
        m.gart().resume();
        const access_result r = m.dma_read("display", aperture + 5 * page, 1);
        EXPECT_TRUE(r.ok);
        EXPECT_EQ(r.data.at(0), 0x55);
        m.core().detach_device(*d, dev);
        m.kernel().power_off();
    });
}

} // namespace
} // namespace iommulab::software
