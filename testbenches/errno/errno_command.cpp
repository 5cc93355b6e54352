// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_command.h"

#include "testbenches/errno/errno_report.h"
#include "traces/input_error.h"

#include <filesystem>
#include <fstream>
#include <ostream>
#include <stdexcept>

namespace iommulab::errno_matrix {
namespace {

sw::rule_set rules_named(const std::string& name) {
    if (const auto rules = sw::rule_set_named(name))
        return *rules;
    std::string all;
    for (const sw::rule_set rules : sw::all_rule_sets)
        all += (all.empty() ? "" : ", ") + std::string(name_of(rules));
    throw std::invalid_argument("--rules: found '" + name + "', expected one of " + all);
}

void write(const std::string& path, const std::string& text) {
    const bool there_before = std::filesystem::exists(path);
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (file)
        return;
    std::error_code ignored;
    if (!there_before)
        std::filesystem::remove(path, ignored);
    throw input_error(path, 0, 0, "a write error", "a file that can be written");
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
    if (options.out.empty())
        out << report;
    else
        write(options.out, report);
    return m.agrees();
}

} // namespace iommulab::errno_matrix
