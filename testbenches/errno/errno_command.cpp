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

bool run_errno(const errno_options& options, std::ostream& out, std::string* junit) {
    matrix_request request{options.drivers, options.rows, {}, options.callers};
    for (const std::string& name : options.rules)
        request.rules.push_back(rules_named(name));
    const matrix m = run_matrix(request, options.progress);
    const std::string report = options.format == "json"       ? json_report(m)
                               : options.format == "markdown" ? markdown_report(m)
                               : options.format == "html"     ? html_report(m)
                                                              : text_report(m);
    out << report;
    if (junit)
        *junit = junit_report(m);
    return m.agrees();
}

void list_injections(const std::vector<std::string>& drivers, std::ostream& out) {
    for (const sw::driver_description* d : drivers_named(drivers)) {
        out << d->name << "\n";
        for (const sw::injection_point& p : d->injection_points)
            out << "  " << p.name << "\n      " << p.text
                << (p.number == sw::linux_errno::none ? "" : std::string(": ") + name_of(p.number))
                << (p.by_hardware ? " (by hardware)" : "") << "\n";
    }
}

} // namespace iommulab::errno_matrix
