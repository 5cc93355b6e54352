// SPDX-License-Identifier: Apache-2.0
// The matrix as JUnit's XML: a suite a driver, a case a row and set of rules.
#include "testbenches/errno/errno_report.h"
#include "testbenches/results/junit.h"

namespace iommulab::errno_matrix {
namespace {

using results::junit_outcome;

results::junit_case case_of(const matrix_row& r, sw::rule_set rules, const matrix_cell& c) {
    results::junit_case one{std::string(r.row->id) + " under " + name_of(rules), junit_outcome::passed, "", ""};
    if (!r.row->reachable() || !c.measured) {
        one.outcome = junit_outcome::skipped;
        one.message = r.row->reachable() ? cell_text(r, c) : r.row->unreachable_because;
    } else if (!c.agrees()) {
        one.outcome = junit_outcome::failed;
        one.message = cell_text(r, c);
        one.details = std::string(r.row->where) + ": " + r.row->condition;
    }
    return one;
}

} // namespace

std::string junit_report(const matrix& m) {
    std::vector<results::junit_suite> suites;
    for (const auto& [driver, part] : by_driver(m)) {
        suites.push_back({driver, {}});
        for (const matrix_row& r : part.rows)
            for (const auto& [rules, cell] : r.rules)
                suites.back().cases.push_back(case_of(r, rules, cell));
    }
    return results::junit_text("iommulab errno", suites);
}

} // namespace iommulab::errno_matrix
