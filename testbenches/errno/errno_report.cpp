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

json::object outcome(const std::string& number, const std::string& log, unsigned lines) {
    return {{"errno", number_of(number)}, {"log", log}, {"lines", lines}};
}

json::object cell_json(const matrix_row& r, const matrix_cell& c) {
    json::object o;
    o["expected"] = c.table.what == sw::disposition::not_checked ? json::value(nullptr)
                                                                 : json::value(outcome(c.number, c.log(), c.lines()));
    o["measured"] = c.measured ? json::value(outcome(c.measured->number, c.measured->log, c.measured->lines))
                               : json::value(nullptr);
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
    static_cast<void>(r);
    return o;
}

std::string padded(const std::string& text, std::size_t width) {
    return text + std::string(width - std::min(width, text.size()), ' ');
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

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (const auto& row : rows)
        for (std::size_t n = 0; n < row.size(); ++n)
            widths[n] = std::max(widths[n], row[n].size());
    std::string all;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t n = 0; n < row.size(); ++n)
            line += "  " + padded(row[n], widths[n]);
        line.erase(line.find_last_not_of(' ') + 1);
        all += line + "\n";
    }
    return all;
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

/// The part of the matrix that belongs to a driver.
std::vector<std::pair<std::string, matrix>> by_driver(const matrix& m) {
    std::vector<std::pair<std::string, matrix>> all;
    for (const matrix_row& r : m.rows) {
        if (all.empty() || all.back().first != r.driver->name)
            all.push_back({r.driver->name, {{}, m.rules, m.callers}});
        all.back().second.rows.push_back(r);
    }
    return all;
}

} // namespace

std::string outcome_text(const std::string& number, const std::string& log, unsigned lines) {
    std::string text = number;
    if (log != "none" && lines != 0)
        text += " " + log + (lines > 1 ? " x" + std::to_string(lines) : "");
    return text;
}

std::string cell_text(const matrix_row& r, const matrix_cell& c) {
    if (!r.row->reachable())
        return "unreachable";
    if (!c.measured)
        return "not checked";
    const std::string found = outcome_text(c.measured->number, c.measured->log, c.measured->lines);
    if (c.agrees())
        return found;
    return found + " INSTEAD OF " + outcome_text(c.number, c.log(), c.lines()) +
           (c.measured->problem.empty() ? "" : " (" + c.measured->problem + ")");
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
                         {"class", sw::name_of(r.row->kind)},
                         {"patch", patch_of(*r.row)},
                         {"reachable", r.row->reachable()}};
        if (!r.row->reachable())
            row["unreachable_because"] = r.row->unreachable_because;
        json::object rules;
        for (const auto& [name, cell] : r.rules)
            rules[name_of(name)] = cell_json(r, cell);
        row["rules"] = std::move(rules);
        rows.push_back(std::move(row));
    }
    json::array lines;
    for (const std::string& line : summary(m))
        lines.emplace_back(line);
    return results::to_text(json::object{{"rows", std::move(rows)}, {"summary", std::move(lines)}});
}

std::string text_report(const matrix& m) {
    std::string all;
    for (const auto& [driver, part] : by_driver(m)) {
        all += driver + "\n" + aligned(cells_of(part));
        for (const matrix_row& r : part.rows)
            if (!r.row->reachable())
                all += fmt::format("  {} is unreachable: {}\n", r.row->id, r.row->unreachable_because);
        if (has_callers(part))
            all += "\n" + driver + ": what callers make of it\n" + aligned(caller_cells(part));
        all += "\n";
    }
    for (const std::string& line : summary(m))
        all += line + "\n";
    return all;
}

std::string markdown_report(const matrix& m) {
    std::string all = "# What a failed attach says\n\n";
    for (const std::string& line : summary(m))
        all += "- " + line + "\n";
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
