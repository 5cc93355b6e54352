// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_command.h"

#include "testbenches/errno/errno_report.h"
#include "traces/input_error.h"
#include "traces/names.h"

#include <ostream>
#include <stdexcept>

namespace iommulab::errno_matrix {
namespace {

sw::rule_set rules_named(const std::string& name) {
    if (const auto rules = sw::rule_set_named(name))
        return *rules;
    std::vector<std::string> all;
    for (const sw::rule_set rules : sw::all_rule_sets)
        all.emplace_back(name_of(rules));
    throw std::invalid_argument("--rules: found " + quoted(name) + ", expected " + one_of(name, all));
}

} // namespace

bool run_errno(const errno_options& options, std::ostream& out) {
    matrix_request request{options.drivers, options.rows, {}, options.callers};
    for (const std::string& name : options.rules)
        request.rules.push_back(rules_named(name));
    const matrix m = run_matrix(request, options.progress);
    const std::string report = options.format == "json"       ? json_report(m)
                               : options.format == "markdown" ? markdown_report(m)
                               : options.format == "html"     ? html_report(m)
                                                              : text_report(m);
    out << report;
    return m.agrees();
}

} // namespace iommulab::errno_matrix
