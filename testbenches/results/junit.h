// SPDX-License-Identifier: Apache-2.0
// Outcomes of checks as JUnit's XML, which CI systems show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iommulab::results {

enum class junit_outcome { passed, failed, skipped };

struct junit_case {
    std::string name;
    junit_outcome outcome = junit_outcome::passed;
    std::string message; ///< of one that failed or was skipped: one line
    std::string details; ///< more lines, shown with the case
};

struct junit_suite {
    std::string name;
    std::vector<junit_case> cases;
};

/// The XML text, with the totals of each suite and of all. What XML can't hold (control characters, bytes that are no
/// UTF-8) becomes "?". No times: the same outcomes give the same text.
std::string junit_text(std::string_view name, const std::vector<junit_suite>& suites);

} // namespace iommulab::results
