// SPDX-License-Identifier: Apache-2.0
// `iommulab errno`.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace iommulab::errno_matrix {

struct errno_options {
    std::vector<std::string> drivers, rows, rules; ///< empty: all
    bool callers = false;
    std::string format = "text"; ///< text, json, markdown, html
    std::function<void(std::size_t, std::size_t)> progress;
};

/// Runs and prints the matrix; false: something measured is not what the tables say. Throws std::invalid_argument for
/// an unknown driver, row or rule set. `junit` takes the outcomes as JUnit's XML.
bool run_errno(const errno_options& options, std::ostream& out, std::string* junit = nullptr);
/// The points at which a story or a test makes something fail, by driver; of all without names. Throws as run_errno().
void list_injections(const std::vector<std::string>& drivers, std::ostream& out);

} // namespace iommulab::errno_matrix
