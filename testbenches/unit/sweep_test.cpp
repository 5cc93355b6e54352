// SPDX-License-Identifier: Apache-2.0
// Rules: a sweep measures what single runs measure; its errors are those of the published figures; what it can't mean
// is refused before anything runs.
#include "testbenches/harness/scenario_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iommulab::scenarios {
namespace {

using testing::HasSubstr;

/// A memory of 100 ns, and a device whose requests take as long as the link says more.
const std::string base = R"(platform:
  memories:
    ram: {ranges: [{base: 0x40000000, size: 1GiB}], read_latency: 100ns, accept_interval: 1ns, beat: 0}
  interconnect: {request_latency: 0, response_latency: 0}
masters:
  nic:
    traffic: {type: sequential, base: 0x40000000, size: 64KiB}
    outstanding: 1
    requests: 100
)";

using sweeps = harness::scenario_folder;

std::string sweep_of(const std::string& curves, const std::string& values = "[0, 50ns, 200ns]") {
    return base + "sweep:\n  vary: masters.nic.link.round_trip\n  values: " + values +
           "\n  measure: read_latency\n  master: nic\n  curves:\n" + curves;
}

double model(const boost::json::value& result, std::size_t curve, std::size_t point) {
    return result.at("curves").at(curve).at("points").at(point).at("model").to_number<double>();
}

TEST_F(sweeps, each_point_is_a_run_with_its_value) {
    const boost::json::value r = result(read(sweep_of("    plain: {}\n")));
    const double first = model(r, 0, 0);
    EXPECT_GE(first, 100.0);
    EXPECT_DOUBLE_EQ(model(r, 0, 1), first + 50);
    EXPECT_DOUBLE_EQ(model(r, 0, 2), first + 200);
    EXPECT_TRUE(r.at("met").as_bool());
}

TEST_F(sweeps, a_curve_has_settings_of_its_own) {
    const boost::json::value r =
        result(read(sweep_of("    plain: {}\n    slow: {set: [platform.memories.ram.read_latency=300ns]}\n")));
    EXPECT_DOUBLE_EQ(model(r, 1, 0), model(r, 0, 0) + 200);
}

TEST_F(sweeps, the_worst_point_is_judged) {
    const double first = model(result(read(sweep_of("    plain: {}\n"))), 0, 0);
    const auto published = [&](double at_200, double tolerance) {
        return sweep_of("    plain: {published: [" + std::to_string(first) + ", -, " + std::to_string(at_200) +
                        "], tolerance_percent: " + std::to_string(tolerance) + "}\n");
    };
    const double true_value = first + 200;
    const boost::json::value good = result(read(published(true_value / 1.019, 2)));
    EXPECT_TRUE(good.at("met").as_bool());
    EXPECT_NEAR(good.at("curves").at(0).at("worst_error_percent").to_number<double>(), 1.9, 0.01);
    EXPECT_EQ(good.at("curves").at(0).at("worst_at").as_string(), "200ns");
    EXPECT_FALSE(result(read(published(true_value / 1.021, 2))).at("met").as_bool());
    EXPECT_FALSE(result(read(published(true_value / 0.979, 2))).at("met").as_bool());
}

TEST_F(sweeps, each_point_may_have_a_tolerance_of_its_own) {
    const auto with = [&](const std::string& tolerances) {
        return result(read(sweep_of("    plain: {published: [1, 1, 1], tolerances_percent: " + tolerances + "}\n")))
            .at("met")
            .as_bool();
    };
    EXPECT_TRUE(with("[-, -, 1000000]"));
    EXPECT_FALSE(with("[-, 3, 1000000]"));
}

TEST_F(sweeps, a_point_that_breaks_the_scenarios_expectations_breaks_the_sweep) {
    const std::string enough = "expect: {min_requests: 100}\n", too_many = "expect: {min_requests: 101}\n";
    EXPECT_TRUE(result(read(sweep_of("    plain: {}\n") + enough)).at("met").as_bool());
    EXPECT_FALSE(result(read(sweep_of("    plain: {}\n") + too_many)).at("met").as_bool());
}

TEST_F(sweeps, no_files_of_single_simulations) {
    run_options options;
    options.quiet = true;
    options.vcd = "waves.vcd";
    EXPECT_THROW(run(read(sweep_of("    plain: {}\n")), options), std::runtime_error);
}

TEST_F(sweeps, overrides_reach_the_points_and_the_sweep) {
    read_options options;
    options.overrides = {"platform.memories.ram.read_latency=400ns", "sweep.values=[10ns]"};
    const boost::json::value r = result(read(sweep_of("    plain: {}\n"), options));
    EXPECT_EQ(r.at("curves").at(0).at("points").as_array().size(), 1u);
    EXPECT_GE(model(r, 0, 0), 410.0);
}

TEST_F(sweeps, the_command_line_has_the_last_word) {
    read_options options;
    options.overrides = {"platform.memories.ram.read_latency=400ns", "masters.nic.link.round_trip=1us"};
    const boost::json::value r =
        result(read(sweep_of("    slow: {set: [platform.memories.ram.read_latency=300ns]}\n"), options));
    EXPECT_GE(model(r, 0, 0), 400.0);
    EXPECT_LT(model(r, 0, 0), 500.0); // what is varied stays varied
}

TEST_F(sweeps, nonsense_is_refused_with_its_place) {
    EXPECT_THAT(message(sweep_of("    plain: {published: [1, 2]}\n")),
                HasSubstr("s.yaml:16:24: found 2 published figures, expected 3, one for each of values"));
    EXPECT_THAT(message(sweep_of("    plain: {published: [1, 2, x]}\n")), HasSubstr("found 'x' in published"));
    EXPECT_THAT(message(sweep_of("    plain: {published: [1, 2, 0]}\n")), HasSubstr("found '0' in published"));
    EXPECT_THAT(message(sweep_of("    plain: {tolerance_percent: 2}\n")), HasSubstr("without published figures"));
    EXPECT_THAT(message(sweep_of("    plain: {published: [1, 2, 3], tolerance_percent: -1}\n")),
                HasSubstr("found '-1'"));
    EXPECT_THAT(message(sweep_of("    plain: {published: [1, 2, 3], tolerances_percent: [1, 2]}\n")),
                HasSubstr("found 2 tolerances"));
    EXPECT_THAT(message(sweep_of("    plain: {}\n", "[]")), HasSubstr("found no values"));
    EXPECT_THAT(message(sweep_of("    plain: {}\n", "[{a: 1}]")), HasSubstr("found a map in values"));
    EXPECT_THAT(message(sweep_of("    plain: {}\n", "[5parsecs]")), HasSubstr("found '5parsecs' for round_trip"));
    EXPECT_THAT(message(sweep_of("    plain: {set: [masters.nic.oustanding=4]}\n")), HasSubstr("outstanding"));
    EXPECT_THAT(message(sweep_of("    plain: {set: [masters]}\n")), HasSubstr("KEY=VALUE"));
    EXPECT_THAT(message(base + "sweep: {vary: seed, values: [1], measure: bandwidth, master: nik, curves: {a: {}}}\n"),
                HasSubstr("found 'nik' for master"));
    EXPECT_THAT(message(base + "sweep: {vary: seed, values: [1], measure: power, master: nic, curves: {a: {}}}\n"),
                HasSubstr("found 'power' for measure"));
    EXPECT_THAT(message(base + "sweep: {vary: seed, values: [1], measure: bandwidth, master: nic, curves: {}}\n"),
                HasSubstr("found no curves"));
    EXPECT_THAT(message(base + "sweep: 5\n"), HasSubstr("found '5' for sweep"));
}

} // namespace
} // namespace iommulab::scenarios
