// SPDX-License-Identifier: Apache-2.0
// The PAMU driver on models: several PAMUs behind one set of tables, who reaches what before, while and after it is on
// a domain, and what a violation leads to.
#include "sw/drivers/fsl_pamu/pamu_driver.h"
#include "testbenches/software/software_machine.h"

#include <gtest/gtest.h>

namespace iommulab::software {
namespace {

constexpr std::uint64_t data = 0x2000'0000;

software_machine_description p4080() {
    software_machine_description d;
    memory_parameters memory;
    memory.ranges.push_back({0, 0x4000'0000, "ddr"});
    d.platform.memories.push_back({"ddr", memory});
    d.platform.iommus.push_back({"pamu0", "pamu", "p4080", {}, {}, 0xf'fe02'0000, 1});
    d.platform.iommus.push_back({"pamu1", "pamu", "p4080", {}, {}, 0xf'fe02'1000, 1});
    for (const auto& [name, unit, liodn] : {std::tuple{"eth0", "pamu0", 0x10U}, std::tuple{"dma0", "pamu1", 0x11U}}) {
        sw::device_description dev;
        dev.name = name;
        dev.pci = false;
        dev.spec = sw::firmware_spec{unit, {liodn}};
        d.devices.push_back({dev, 0});
    }
    d.kernel_memory_base = 0x1000'0000;
    d.kernel_memory_bytes = 0x1000'0000;
    return d;
}

struct p4080_machine : software_machine {
    p4080_machine() : software_machine("p4080", p4080()) {}
    sw::fsl_pamu::pamu_driver& pamus() { return static_cast<sw::fsl_pamu::pamu_driver&>(driver("fsl-pamu")); }
    bool reaches(const char* device) { return dma_write(device, data, {1, 2, 3, 4}).ok; }
};

TEST(pamu_machine, devices_pass_until_they_are_detached) {
    p4080_machine m;
    m.run([&] {
        EXPECT_TRUE(m.reaches("eth0")) << "open from the start";
        EXPECT_TRUE(m.reaches("dma0"));
        sw::device& dev = m.device("eth0");
        auto d = m.core().allocate_domain(dev);
        ASSERT_TRUE(m.core().attach_device(*d, dev));
        EXPECT_TRUE(m.reaches("eth0"));
        EXPECT_EQ(m.cpus().read(data, 4), 0x04030201U);
        m.core().detach_device(*d, dev);
        EXPECT_FALSE(m.reaches("eth0")) << "without a command: the PAMU snoops the tables";
        EXPECT_TRUE(m.reaches("dma0"));
        m.kernel().power_off();
    });
}

// A violation of a LIODN that is on: told of, and it is disabled. Of one that is off: told of, and then no more of any
// (erratum A-003638).
TEST(pamu_machine, a_violation_disables_the_LIODN_or_the_telling) {
    p4080_machine m;
    m.run([&] {
        sw::device& dev = m.device("eth0");
        auto d = m.core().allocate_domain(dev);
        ASSERT_TRUE(m.core().attach_device(*d, dev));
        EXPECT_FALSE(m.dma_read("eth0", 0x10'0000'0000, 4).ok) << "beyond 64 GB";
        m.cpus().delay_ns(100'000); // the interrupt is served by the other CPU
        EXPECT_EQ(m.pamus().instances()[0]->violations(), 1U);
        EXPECT_FALSE(m.reaches("eth0"));
        EXPECT_FALSE(m.reaches("eth0"));
        m.cpus().delay_ns(100'000);
        EXPECT_EQ(m.pamus().instances()[0]->violations(), 2U) << "the first refusal while it is off was the last told";
        EXPECT_FALSE(m.reaches("eth0"));
        m.cpus().delay_ns(100'000);
        EXPECT_EQ(m.pamus().instances()[0]->violations(), 2U);
        EXPECT_EQ(m.pamus().instances()[1]->violations(), 0U);
        EXPECT_EQ(m.log().count(sw::log_level::error), 2U);
        EXPECT_TRUE(m.reaches("dma0"));
        m.core().detach_device(*d, dev);
        m.kernel().power_off();
    });
}

TEST(pamu_machine, devices_behind_two_pamus_share_a_domain) {
    p4080_machine m;
    m.run([&] {
        sw::device &first = m.device("eth0"), &second = m.device("dma0");
        auto d = m.core().allocate_domain(first);
        ASSERT_TRUE(m.core().attach_device(*d, first));
        ASSERT_TRUE(m.core().attach_device(*d, second)) << "a domain belongs to no PAMU";
        EXPECT_TRUE(m.reaches("eth0"));
        EXPECT_TRUE(m.reaches("dma0"));
        m.core().detach_device(*d, first);
        m.core().detach_device(*d, second);
        m.kernel().power_off();
    });
}

} // namespace
} // namespace iommulab::software
