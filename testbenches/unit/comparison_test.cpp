// SPDX-License-Identifier: Apache-2.0
// Rules: the work of a comparison is done on every machine, and its parts add up; what it can't mean is refused with
// its place.
#include "testbenches/harness/scenario_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iommulab::scenarios {
namespace {

using testing::HasSubstr;

using comparisons = harness::scenario_folder;

const std::string two = "compare:\n  requests: 500\n  window: 64KiB\n  machines:\n"
                        "    smmu: {platform: armv8-server.yaml}\n    gart: {platform: tegra20.yaml, pci: false}\n";

TEST_F(comparisons, every_machine_does_the_work_and_causes_add_up) {
    const boost::json::value r = result(read(two));
    ASSERT_EQ(r.at("machines").as_array().size(), 2u);
    for (const boost::json::value& m : r.at("machines").as_array()) {
        EXPECT_EQ(m.at("accesses").to_number<int>(), 500);
        double causes = 0;
        for (const auto& [name, ns] : m.at("causes_ns").as_object())
            causes += ns.to_number<double>();
        EXPECT_NEAR(causes, m.at("latency_ns").at("mean").to_number<double>(), 0.01);
        EXPECT_GT(m.at("invalidate_ns").to_number<double>(), 0.0);
    }
    EXPECT_EQ(r.at("machines").at(0).at("model").as_string(), "smmu_v3");
    EXPECT_EQ(r.at("machines").at(1).at("aperture_bytes").to_number<std::uint64_t>(), 32u << 20);
}

TEST_F(comparisons, the_same_seed_gives_the_same_result) {
    boost::json::value first = result(read(two)), second = result(read(two));
    first.as_object().erase("wall");
    second.as_object().erase("wall");
    EXPECT_EQ(first, second);
}

TEST_F(comparisons, nonsense_is_refused_with_its_place) {
    EXPECT_THAT(message("compare:\n  machines:\n    a: {platform: nowhere.yaml}\n"),
                HasSubstr("s.yaml:3:19: found no file 'nowhere.yaml'"));
    EXPECT_THAT(message("compare:\n  machines:\n    a: {platform: tegra20.yaml, iommu: smmu}\n"),
                HasSubstr("found unknown IOMMU 'smmu'"));
    EXPECT_THAT(message("compare:\n  machines:\n    a: {platform: tegra20.yaml, port: 4}\n"),
                HasSubstr("expected a port below 4"));
    EXPECT_THAT(message("compare:\n  window: 5KiB\n  machines:\n    a: {platform: tegra20.yaml}\n"),
                HasSubstr("s.yaml:2:11: found 5KiB for window, expected a multiple of 4KiB"));
    EXPECT_THAT(message("compare:\n  page: 12KiB\n  machines:\n    a: {platform: tegra20.yaml}\n"),
                HasSubstr("expected a power of two"));
    EXPECT_THAT(message("compare:\n  machines: {}\n"), HasSubstr("found no machines"));
    EXPECT_THAT(message("compare: {}\n"), HasSubstr("machines"));
    EXPECT_THAT(message("masters: {}\ncompare:\n  machines:\n    a: {platform: tegra20.yaml}\n"),
                HasSubstr("found unknown key 'masters'"));
}

} // namespace
} // namespace iommulab::scenarios
