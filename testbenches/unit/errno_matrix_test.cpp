// SPDX-License-Identifier: Apache-2.0
// Rule: a measurement that is not what the table says is called so, in every format.
#include "sw/drivers/drivers.h"
#include "sw/iommu/core_failures.h"
#include "testbenches/errno/core_cases.h"
#include "testbenches/errno/errno_report.h"
#include "testbenches/errno/errno_summary.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>

namespace iommulab::errno_matrix {
namespace {

using sw::rule_set;
using testing::HasSubstr;
using testing::Not;

/// S3-3 under v6.0 and v6.2, as measured.
matrix of(const measurement& before, const measurement& after) {
    const sw::driver_description& d = sw::drivers().front();
    const sw::failure_row* const row = sw::row_named(d.failures, "S3-3");
    matrix m{{}, {rule_set::v6_0, rule_set::v6_2}, {"vfio-type1"}};
    matrix_row r{&d, row, {}};
    for (const auto& [rules, found] : {std::pair{rule_set::v6_0, before}, {rule_set::v6_2, after}})
        r.rules.emplace_back(rules, matrix_cell{row->outcome(rules), name_of(row->outcome(rules).number), found, {}});
    r.rules[0].second.callers.push_back({"vfio-type1", {"ENXIO", false, 1, 2, 1, 700, "fault", ""}});
    r.rules[1].second.callers.push_back({"vfio-type1", {"0", false, 2, 3, 0, 900, "ok", ""}});
    m.rows.push_back(std::move(r));
    return m;
}
matrix right() {
    return of({"ENXIO", "error", 1, 0, ""}, {"EINVAL", "none", 0, 0, ""});
}

TEST(errno_matrix, agrees_when_errno_level_and_lines_do) {
    EXPECT_TRUE(right().agrees());
    EXPECT_EQ(right().measured(), 2u);
    EXPECT_FALSE(of({"EINVAL", "error", 1, 0, ""}, {"EINVAL", "none", 0, 0, ""}).agrees()) << "errno";
    EXPECT_FALSE(of({"ENXIO", "warning", 1, 0, ""}, {"EINVAL", "none", 0, 0, ""}).agrees()) << "level";
    EXPECT_FALSE(of({"ENXIO", "error", 2, 0, ""}, {"EINVAL", "none", 0, 0, ""}).agrees()) << "lines";
    EXPECT_FALSE(of({"ENXIO", "error", 1, 1, ""}, {"EINVAL", "none", 0, 0, ""}).agrees()) << "warnings besides";
    EXPECT_FALSE(of({"ENXIO", "error", 1, 0, "met S3-4"}, {"EINVAL", "none", 0, 0, ""}).agrees()) << "another row";
}

TEST(errno_matrix, names_what_differs_in_every_format) {
    const matrix wrong = of({"ENXIO", "error", 1, 0, ""}, {"EBUSY", "none", 0, 0, ""});
    EXPECT_EQ(wrong.differing(), 1u);
    for (const auto& report : {text_report(wrong), markdown_report(wrong), html_report(wrong)})
        EXPECT_THAT(report, HasSubstr("EBUSY INSTEAD OF EINVAL"));
    EXPECT_THAT(text_report(right()), Not(HasSubstr("INSTEAD OF")));
}

TEST(errno_matrix, has_a_case_for_every_reachable_row_of_the_core) {
    for (const sw::failure_row& row : sw::core_failures())
        EXPECT_EQ(core_case_of(row.id) != nullptr, row.reachable()) << row.id;
    for (const core_case& c : core_cases())
        EXPECT_NE(sw::row_named(sw::core_failures(), c.row), nullptr) << c.row;
}

TEST(errno_matrix, passes_on_what_the_driver_says_under_each_set_of_rules) {
    const sw::failure_row& row = sw::core_row::add_to_group_failed;
    EXPECT_EQ(expected_of_core(row, rule_set::v6_0), sw::linux_errno::einval);
    EXPECT_EQ(expected_of_core(row, rule_set::emediumtype), sw::linux_errno::emediumtype);
    EXPECT_EQ(expected_of_core(sw::core_row::claim_owned, rule_set::v6_2), sw::linux_errno::eperm);
}

TEST(errno_matrix, is_json_of_the_agreed_shape) {
    const boost::json::value v = boost::json::parse(json_report(right()));
    const auto& row = v.at("rows").at(0);
    EXPECT_EQ(row.at("id"), "S3-3");
    EXPECT_EQ(row.at("driver"), "arm-smmu-v3");
    EXPECT_EQ(row.at("class"), "incompatible");
    EXPECT_EQ(row.at("patch"), 5);
    EXPECT_TRUE(row.at("reachable").as_bool());
    const auto& before = row.at("rules").at("v6.0");
    EXPECT_EQ(before.at("expected"), before.at("measured"));
    EXPECT_EQ(before.at("measured").at("errno"), "ENXIO");
    EXPECT_EQ(before.at("measured").at("log"), "error");
    const auto& caller = row.at("rules").at("v6.2").at("callers").at("vfio-type1");
    EXPECT_EQ(caller.at("errno"), 0) << "success is a number";
    EXPECT_EQ(caller.at("domains"), 2);
    EXPECT_EQ(caller.at("attach_calls"), 3);
    EXPECT_EQ(caller.at("attach_ns"), 900);
    EXPECT_EQ(caller.at("dma"), "ok");
}

TEST(errno_matrix, says_the_point_in_ten_lines) {
    const std::vector<std::string> lines = summary(right());
    EXPECT_LE(lines.size(), 11u);
    EXPECT_THAT(lines, testing::Contains(HasSubstr("S3-3 ENXIO to EINVAL")));
    EXPECT_THAT(lines, testing::Contains(HasSubstr("1 vanished")));
    EXPECT_THAT(lines, testing::Contains(HasSubstr("stop failing: 1: vfio-type1 at S3-3")));
}

TEST(errno_matrix, fits_a_terminal_and_says_what_it_abbreviates) {
    const std::string text = text_report(right());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        EXPECT_LE(end - at, 100u) << text.substr(at, end - at);
        at = end + 1;
    }
    for (const char* key : {"P1 to P6", "of the address space", "of attach_dev", "VFIO as in Linux 6.1", "ENXIO E",
                            "v6.0 on Linux 6.0, v6.2 on Linux 6.2"})
        EXPECT_THAT(text, HasSubstr(key));
}

TEST(errno_matrix, is_junit_of_a_case_a_row_and_set_of_rules) {
    EXPECT_THAT(junit_report(right()),
                testing::AllOf(HasSubstr("tests=\"2\""), HasSubstr("failures=\"0\""), HasSubstr("S3-3 under v6.2")));
    EXPECT_THAT(junit_report(of({"ENXIO", "error", 1, 0, ""}, {"EBUSY", "none", 0, 0, ""})),
                testing::AllOf(HasSubstr("failures=\"1\""), HasSubstr("EBUSY INSTEAD OF EINVAL")));
}

TEST(errno_matrix, says_whose_code_is_below_the_rules) {
    const matrix m = right();
    EXPECT_EQ(kernels_text(m), "v6.0 on Linux 6.0, v6.2 on Linux 6.2");
    EXPECT_EQ(boost::json::parse(json_report(m)).at("kernels").at("v6.0"), "6.0");
}

// Where a kernel's behaviour decides a row, only the sets on that kernel have it.
TEST(errno_matrix, has_rows_where_the_kernel_gets_to_them) {
    const auto cell = [](const char* id, rule_set rules) {
        return sw::row_named(sw::driver_named("intel")->failures, id)->outcome(rules);
    };
    using enum sw::disposition;
    for (const rule_set rules : sw::all_rule_sets) {
        EXPECT_EQ(cell("V-16", rules).what, rules == rule_set::v6_1 ? returned : not_reached) << name_of(rules);
        EXPECT_EQ(cell("V-19", rules).what, rules == rule_set::v6_2 ? not_reached : swallowed) << name_of(rules);
        for (const char* id : {"V-20", "V-21", "V-22"})
            EXPECT_EQ(cell(id, rules).at_probe, rules == rule_set::v6_1 || rules == rule_set::v6_2) << id;
    }
    for (const char* id : {"V-9", "V-10"})
        EXPECT_FALSE(sw::row_named(sw::driver_named("intel")->failures, id)->reachable()) << id;
}

TEST(errno_matrix, page_needs_nothing_else) {
    const std::string page = html_report(right());
    for (const char* outside : {"http", "src=", "<script", "<link", "@import"})
        EXPECT_THAT(page, Not(HasSubstr(outside))) << outside;
}

TEST(errno_matrix, refuses_unknown_names_with_the_nearest) {
    const auto what = [](const matrix_request& r) {
        try {
            run_matrix(r);
        } catch (const std::invalid_argument& e) {
            return std::string(e.what());
        }
        return std::string("nothing");
    };
    EXPECT_THAT(what({{"arm-smmu-v33"}, {}, {}, false}),
                HasSubstr("--driver: found 'arm-smmu-v33', expected 'arm-smmu-v3'"));
    EXPECT_THAT(what({{}, {"S3-33"}, {}, false}), HasSubstr("--only: found 'S3-33', expected 'S3-3'"));
}

} // namespace
} // namespace iommulab::errno_matrix
