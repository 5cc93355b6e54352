// SPDX-License-Identifier: Apache-2.0
// The matrix for readers and for programs.
#pragma once

#include "testbenches/errno/errno_matrix.h"

#include <string>
#include <utility>
#include <vector>

namespace iommulab::errno_matrix {

/// For terminals: lines of at most 100 characters, and a key to what is abbreviated.
std::string text_report(const matrix& m);
std::string markdown_report(const matrix& m);
/// {"rows": [{"id", "driver", "condition", "function", "class", "patch", "reachable", "rules": {NAME: {"expected",
/// "measured", "at_probe", "callers"}}}], "kernels": {NAME: ...}, "summary": [...]}; success is the number 0, any other
/// errno its name.
std::string json_report(const matrix& m);
/// One page that needs nothing else: no script, no font, no address of the network.
std::string html_report(const matrix& m);
/// A suite a driver, a case a row and set of rules.
std::string junit_report(const matrix& m);

/// "ENXIO error", "0": an errno and what was logged; lines when there are more than one.
std::string outcome_text(const std::string& number, const std::string& log, unsigned lines, unsigned warnings = 0);
/// What was measured, and after "instead of" what the table says where they differ.
std::string cell_text(const matrix_row& r, const matrix_cell& c);
/// "0, 2 domains, 5 calls, 1 line, DMA ok"
std::string caller_text(const caller_measurement& m);
/// "v6.0 on Linux 6.0, …": whose code the errnos of each set are in.
std::string kernels_text(const matrix& m);
/// The parts of the matrix that belong to a driver each.
std::vector<std::pair<std::string, matrix>> by_driver(const matrix& m);

} // namespace iommulab::errno_matrix
