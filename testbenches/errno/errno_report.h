// SPDX-License-Identifier: Apache-2.0
// The matrix for readers and for programs.
#pragma once

#include "testbenches/errno/errno_matrix.h"

#include <string>

namespace iommulab::errno_matrix {

std::string text_report(const matrix& m);
std::string markdown_report(const matrix& m);
/// {"rows": [{"id", "driver", "condition", "class", "patch", "reachable", "rules": {NAME: {"expected", "measured",
/// "callers"}}}], "summary": [...]}; success is the number 0, any other errno its name.
std::string json_report(const matrix& m);
/// One page that needs nothing else: no script, no font, no address of the network.
std::string html_report(const matrix& m);

/// "ENXIO error", "0": an errno and what was logged; lines when there are more than one.
std::string outcome_text(const std::string& number, const std::string& log, unsigned lines);
/// What was measured, and after "instead of" what the table says where they differ.
std::string cell_text(const matrix_row& r, const matrix_cell& c);
/// "0, 2 domains, 5 calls, 1 line, DMA ok"
std::string caller_text(const caller_measurement& m);

} // namespace iommulab::errno_matrix
