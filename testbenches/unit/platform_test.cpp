// SPDX-License-Identifier: Apache-2.0
// Rule: a platform described in C++ is built and wired as it says, in either mode; masters may share a port; everything
// on the way keeps the base protocol.
#include "models/core/iommu_module.h"
#include "models/dma/dma_master.h"
#include "models/dma/generators.h"
#include "platforms/machine_builder.h"
#include "testbenches/harness/protocol_checker.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace iommulab::platforms {
namespace {

platform_description description() {
    platform_description d;
    d.name = "test";
    memory_description m{"ram", {}};
    m.parameters.ranges = {{0x4000'0000, 64 << 20, "ram"}};
    d.memories.push_back(m);
    d.iommus.push_back({"smmu", "smmu_v3", "mmu-600", {{"walkers", 4}}, {}, 0x1000'0000, 2});
    return d;
}

/// A master that writes and reads back a window of its own, behind a checker.
struct checked_master {
    checked_master(const std::string& name, platform& p, std::size_t inlet, bool loose, std::uint64_t base)
        : checker((name + "_checker").c_str()), master(name.c_str(), parameters(loose), traffic_of(base)) {
        master.initiator.bind(checker.target);
        checker.initiator.bind(p.inlet(inlet));
    }
    static dma_parameters parameters(bool loose) {
        dma_parameters p;
        p.loosely_timed = loose;
        p.verify = verification::shadow;
        p.max_requests = 500;
        return p;
    }
    static std::unique_ptr<traffic> traffic_of(std::uint64_t base) {
        return std::make_unique<uniform_traffic>(traffic_window{base, 16384, 64, 50, 1});
    }
    void expect_all_well() {
        EXPECT_TRUE(master.finished());
        EXPECT_EQ(master.counted().ok, 500);
        EXPECT_EQ(master.counted().wrong_requests, 0);
        EXPECT_EQ(checker.report(), "");
        EXPECT_GT(checker.transactions(), 0);
    }
    protocol_checker checker;
    dma_master master;
};

void run(simulation_mode mode) {
    // two masters at port 0, one at port 1, one on the interconnect; an SMMU that is off lets everything pass
    platform p("platform", description(), mode, {{"smmu", 0}, {"smmu", 0}, {"smmu", 1}, {}});
    const bool loose = mode == simulation_mode::loosely_timed;
    checked_master a("a", p, 0, loose, 0x4000'0000), b("b", p, 1, loose, 0x4010'0000), c("c", p, 2, loose, 0x4020'0000),
        d("d", p, 3, loose, 0x4030'0000);
    sc_core::sc_start();
    for (checked_master* m : {&a, &b, &c, &d})
        m->expect_all_well();
    EXPECT_TRUE(p.idle());
    EXPECT_EQ(p.iommu(0).parameters().walkers, 4);
    std::uint64_t through = 0;
    for (const auto& [key, profile] : p.iommu(0).statistics().all())
        through += profile.count();
    EXPECT_EQ(through, 1500) << "all but the master on the interconnect";
}

TEST(platform, cycle_approximate) {
    run(simulation_mode::cycle_approximate);
}

TEST(platform, loosely_timed) {
    run(simulation_mode::loosely_timed);
}

TEST(platform, a_port_without_a_master_is_bound) {
    platform p("platform", description(), simulation_mode::cycle_approximate, {{"smmu", 1}});
    checked_master a("a", p, 0, false, 0x4000'0000);
    sc_core::sc_start();
    a.expect_all_well();
}

TEST(platform, what_contradicts_itself) {
    const auto build = [](const platform_description& d, const std::vector<attachment>& masters) {
        platform p("platform", d, simulation_mode::cycle_approximate, masters);
    };
    EXPECT_THROW(build(description(), {{"smmu", 2}}), std::invalid_argument);
    EXPECT_THROW(build(description(), {{"iommu", 0}}), std::out_of_range);
    platform_description d = description();
    d.iommus[0].model = "smmu_v4";
    EXPECT_THROW(build(d, {}), std::invalid_argument);
    d = description();
    d.iommus[0].preset = "mmu-601";
    EXPECT_THROW(build(d, {}), parameter_error);
    d = description();
    d.iommus[0].registers_base = 0x4000'0000;
    EXPECT_THROW(build(d, {}), std::invalid_argument);
    d = description();
    d.doorbell = doorbell_description{0x1000'0000, 0x10000};
    EXPECT_THROW(build(d, {}), std::invalid_argument) << "where registers are";
}

} // namespace
} // namespace iommulab::platforms
