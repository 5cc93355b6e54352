// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_report.h"

#include "testbenches/errno/errno_summary.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/markdown_table.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace iommulab::errno_matrix {
namespace {

namespace json = boost::json;

json::value number_of(const std::string& name) {
    return name == "0" ? json::value(0) : json::value(name);
}

/// "P5" is 5; rows that no patch touches have null.
json::value patch_of(const sw::failure_row& row) {
    int n = 0;
    const char* const text = row.patch;
    if (*text == 'P' && std::from_chars(text + 1, text + std::strlen(text), n).ec == std::errc())
        return n;
    return nullptr;
}

json::object outcome(const std::string& number, const std::string& log, unsigned lines, unsigned warnings) {
    return {{"errno", number_of(number)}, {"log", log}, {"lines", lines}, {"warnings", warnings}};
}

bool is_looked_at(const matrix_cell& c) {
    return c.table.what != sw::disposition::not_checked && c.table.what != sw::disposition::not_reached;
}

json::object cell_json(const matrix_cell& c) {
    json::object o;
    o["expected"] =
        is_looked_at(c) ? json::value(outcome(c.number, c.log(), c.lines(), c.table.warnings)) : json::value(nullptr);
    o["measured"] =
        c.measured ? json::value(outcome(c.measured->number, c.measured->log, c.measured->lines, c.measured->warnings))
                   : json::value(nullptr);
    o["at_probe"] = c.table.at_probe;
    if (c.measured && !c.measured->problem.empty())
        o["problem"] = c.measured->problem;
    if (!c.callers.empty()) {
        json::object callers;
        for (const auto& [name, m] : c.callers) {
            json::object one{{"errno", number_of(m.number)},   {"domains", m.domains},
                             {"attach_calls", m.attach_calls}, {"error_lines", m.error_lines},
                             {"attach_ns", m.attach_ns},       {"dma", m.dma},
                             {"at_claim", m.at_claim}};
            if (!m.problem.empty())
                one["problem"] = m.problem;
            callers[name] = std::move(one);
        }
        o["callers"] = std::move(callers);
    }
    return o;
}

/// A row's cells: id, class, patch, one a rule set, condition.
std::vector<std::vector<std::string>> cells_of(const matrix& m) {
    std::vector<std::vector<std::string>> rows{{"row", "class", "patch"}};
    for (const sw::rule_set rules : m.rules)
        rows[0].emplace_back(name_of(rules));
    rows[0].emplace_back("condition");
    for (const matrix_row& r : m.rows) {
        std::vector<std::string> row{r.row->id, sw::name_of(r.row->kind), r.row->patch};
        for (const auto& [rules, cell] : r.rules)
            row.push_back(cell_text(r, cell));
        row.emplace_back(r.row->condition);
        rows.push_back(std::move(row));
    }
    return rows;
}

/// What callers make of the rows, one line a row and caller.
std::vector<std::vector<std::string>> caller_cells(const matrix& m) {
    std::vector<std::vector<std::string>> rows{{"row", "caller"}};
    for (const sw::rule_set rules : m.rules)
        rows[0].emplace_back(name_of(rules));
    for (const matrix_row& r : m.rows)
        for (std::size_t n = 0; n < m.callers.size(); ++n) {
            std::vector<std::string> row{r.row->id, m.callers[n]};
            bool any = false;
            for (const auto& [rules, cell] : r.rules) {
                any |= n < cell.callers.size();
                row.push_back(n < cell.callers.size() ? caller_text(cell.callers[n].second) : "-");
            }
            if (any)
                rows.push_back(std::move(row));
        }
    return rows;
}

bool has_callers(const matrix& m) {
    return std::any_of(m.rows.begin(), m.rows.end(), [](const matrix_row& r) { return r.has_callers(); });
}

} // namespace

std::vector<std::pair<std::string, matrix>> by_driver(const matrix& m) {
    std::vector<std::pair<std::string, matrix>> all;
    for (const matrix_row& r : m.rows) {
        if (all.empty() || all.back().first != r.driver->name)
            all.push_back({r.driver->name, {{}, m.rules, m.callers}});
        all.back().second.rows.push_back(r);
    }
    return all;
}

std::string outcome_text(const std::string& number, const std::string& log, unsigned lines, unsigned warnings) {
    std::string text = number;
    if (log != "none" && lines != 0)
        text += " " + log + (lines > 1 ? " x" + std::to_string(lines) : "");
    if (warnings != 0)
        text += (lines != 0 ? " + " : " ") + std::string("warning");
    return text;
}

std::string cell_text(const matrix_row& r, const matrix_cell& c) {
    if (!r.row->reachable())
        return "unreachable";
    if (!c.measured)
        return name_of(c.table.what);
    const std::string found =
        outcome_text(c.measured->number, c.measured->log, c.measured->lines, c.measured->warnings) +
        (c.table.at_probe ? ", at the probe" : "");
    if (c.agrees())
        return found;
    return found + " INSTEAD OF " + outcome_text(c.number, c.log(), c.lines(), c.table.warnings) +
           (c.measured->problem.empty() ? "" : " (" + c.measured->problem + ")");
}

std::string kernels_text(const matrix& m) {
    std::string all;
    for (const sw::rule_set rules : m.rules)
        all += fmt::format("{}{} on Linux {}", all.empty() ? "" : ", ", name_of(rules), name_of(base_of(rules)));
    return all;
}

std::string caller_text(const caller_measurement& m) {
    if (!m.problem.empty())
        return "no result: " + m.problem;
    return fmt::format("{}{}, {}, {}, {}, DMA {}", m.number, m.at_claim ? " at claim" : "",
                       results::counted(m.domains, "domain"), results::counted(m.attach_calls, "call"),
                       results::counted(m.error_lines, "line"), m.dma);
}

std::string json_report(const matrix& m) {
    json::array rows;
    for (const matrix_row& r : m.rows) {
        json::object row{{"id", r.row->id},
                         {"driver", r.driver->name},
                         {"condition", r.row->condition},
                         {"function", r.row->where},
                         {"class", sw::name_of(r.row->kind)},
                         {"patch", patch_of(*r.row)},
                         {"reachable", r.row->reachable()}};
        if (!r.row->reachable())
            row["unreachable_because"] = r.row->unreachable_because;
        json::object rules;
        for (const auto& [name, cell] : r.rules)
            rules[name_of(name)] = cell_json(cell);
        row["rules"] = std::move(rules);
        rows.push_back(std::move(row));
    }
    json::array lines;
    for (const std::string& line : summary(m))
        lines.emplace_back(line);
    json::object kernels;
    for (const sw::rule_set rules : m.rules)
        kernels[name_of(rules)] = name_of(base_of(rules));
    return results::to_text(
        json::object{{"rows", std::move(rows)}, {"kernels", std::move(kernels)}, {"summary", std::move(lines)}});
}

std::string markdown_report(const matrix& m) {
    std::string all = "# What a failed attach says\n\n";
    for (const std::string& line : summary(m))
        all += "- " + line + "\n";
    all += "- Rules and the code below them: " + kernels_text(m) + "\n";
    for (const auto& [driver, part] : by_driver(m)) {
        all += "\n## " + driver + "\n\n" + results::markdown_table(cells_of(part));
        bool first = true;
        for (const matrix_row& r : part.rows)
            if (!r.row->reachable()) {
                all += fmt::format("{}- {} is unreachable: {}\n", first ? "\n" : "", r.row->id,
                                   r.row->unreachable_because);
                first = false;
            }
        if (has_callers(part))
            all += "\n### Callers of " + driver + "\n\n" + results::markdown_table(caller_cells(part));
    }
    return all;
}

} // namespace iommulab::errno_matrix
