// SPDX-License-Identifier: Apache-2.0
// The matrix for terminals.
#include "testbenches/errno/errno_report.h"
#include "testbenches/errno/errno_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace iommulab::errno_matrix {
namespace {

constexpr std::size_t columns = 100;

/// Lines of at most so many characters, broken at blanks; all but the first are indented.
std::string wrapped(std::string text, std::size_t indent) {
    std::string all;
    while (text.size() > columns) {
        const std::size_t at = text.rfind(' ', columns);
        if (at == std::string::npos || at <= indent)
            break;
        all += text.substr(0, at) + "\n";
        text = std::string(indent, ' ') + text.substr(at + 1);
    }
    return all + text + "\n";
}

std::string aligned(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t n = 0; n < cells.size(); ++n)
        line += "  " + fmt::format("{:<{}}", cells[n], widths[n]);
    return line.erase(line.find_last_not_of(' ') + 1) + "\n";
}

/// "E2+W": two error lines and a warning.
std::string lines_text(const measurement& m) {
    std::string text;
    if (m.lines != 0)
        text = static_cast<char>(std::toupper(m.log.front())) + (m.lines > 1 ? std::to_string(m.lines) : "");
    if (m.warnings != 0)
        text += (text.empty() ? "W" : "+W");
    return text;
}

std::string short_cell(const matrix_row& r, const matrix_cell& c) {
    if (!r.row->reachable() || !c.measured)
        return "-";
    const std::string lines = lines_text(*c.measured);
    return c.measured->number + (lines.empty() ? "" : " " + lines) + (c.table.at_probe ? "*" : "");
}

std::string rows_text(const matrix& m) {
    std::vector<std::vector<std::string>> table{{"row", "class", "patch"}};
    for (const sw::rule_set rules : m.rules)
        table.front().emplace_back(name_of(rules));
    for (const matrix_row& r : m.rows) {
        table.push_back({r.row->id, sw::name_of(r.row->kind), r.row->patch});
        for (const auto& [rules, cell] : r.rules)
            table.back().push_back(short_cell(r, cell));
    }
    std::vector<std::size_t> widths(table.front().size());
    for (const auto& row : table)
        for (std::size_t n = 0; n < row.size(); ++n)
            widths[n] = std::max(widths[n], row[n].size());
    std::string all = aligned(table.front(), widths);
    const std::size_t indent = 4 + widths.front();
    for (std::size_t n = 0; n < m.rows.size(); ++n) {
        const matrix_row& r = m.rows[n];
        const auto more = [&](const std::string& text) { all += wrapped(std::string(indent, ' ') + text, indent + 2); };
        all += aligned(table[n + 1], widths);
        more(std::string(r.row->where) + ": " + r.row->condition);
        if (!r.row->reachable())
            more(std::string("unreachable: ") + r.row->unreachable_because);
        for (const auto& [rules, cell] : r.rules)
            if (!cell.agrees())
                more(std::string(name_of(rules)) + ": " + cell_text(r, cell));
    }
    return all;
}

/// Names of the sets of rules in a group: "all", or who, or all but one.
std::string group_text(const std::vector<sw::rule_set>& group, const std::vector<sw::rule_set>& all) {
    if (group.size() == all.size())
        return all.size() == 1 ? name_of(all.front()) : "all";
    std::vector<std::string> names;
    for (const sw::rule_set r : group)
        names.emplace_back(name_of(r));
    if (all.size() > 2 && group.size() + 1 == all.size())
        for (const sw::rule_set r : all)
            if (std::find(group.begin(), group.end(), r) == group.end())
                return std::string("all but ") + name_of(r);
    return fmt::format("{}", fmt::join(names, " "));
}

/// What callers make of the rows; sets of rules under which it is the same share a line.
std::string callers_text(const matrix& m) {
    const std::vector<std::size_t> widths{5, 15, 26, 12, 7, 5, 5, 7};
    std::string all = aligned({"row", "caller", "rules", "errno", "domains", "calls", "lines", "DMA"}, widths);
    for (const matrix_row& r : m.rows)
        for (std::size_t n = 0; n < m.callers.size(); ++n) {
            std::vector<std::pair<const caller_measurement*, std::vector<sw::rule_set>>> groups;
            for (const auto& [rules, cell] : r.rules) {
                if (n >= cell.callers.size())
                    continue;
                const caller_measurement& found = cell.callers[n].second;
                const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& g) {
                    return caller_text(*g.first) == caller_text(found);
                });
                if (same == groups.end())
                    groups.push_back({&found, {rules}});
                else
                    same->second.push_back(rules);
            }
            for (const auto& [found, rules] : groups) {
                all += aligned({r.row->id, m.callers[n], group_text(rules, m.rules),
                                found->number + (found->at_claim ? "!" : ""), std::to_string(found->domains),
                                std::to_string(found->attach_calls), std::to_string(found->error_lines), found->dma},
                               widths);
                if (!found->problem.empty())
                    all += wrapped("         no result: " + found->problem, 11);
            }
        }
    return all;
}

std::string key_text(const matrix& m) {
    std::string all = "Key\n";
    const auto line = [&](const char* name, const std::string& text) {
        all += wrapped(fmt::format("  {:<12}{}", name, text), 14);
    };
    line("rules", kernels_text(m) + "; v6.0 is before the series \"Define EINVAL as device/domain incompatibility\", "
                                    "v6.2 after it");
    line("class", "what fails: incompatible (another domain may do), busy, device, memory, resource, other");
    line("patch", "P1 to P6: the patch of the series that changes the row");
    line("ENXIO E", "the errno that attach returns (0: success), and what it logs: A alert, E error, W warning, "
                    "D debug; E2: two lines");
    line("*", "when the device is probed, not at the attach");
    line("-", "under these rules nobody looks, or nobody gets there");
    if (m.callers.empty())
        return all;
    line("caller", "who attaches on behalf of user space, or as a driver:");
    for (const sw::caller_description& c : sw::callers())
        all += wrapped(fmt::format("    {:<17}{}", c.name, c.text), 21);
    line("EPERM!", "the claim of the group failed already, and nothing was attached");
    line("domains", "of the address space afterwards");
    line("calls", "of attach_dev, those of rollbacks included");
    line("lines", "logged as errors meanwhile");
    line("DMA", "of the device to what is mapped: ok, fault, wrong; untried: nothing is mapped");
    return all;
}

} // namespace

std::string text_report(const matrix& m) {
    std::string all;
    for (const auto& [driver, part] : by_driver(m)) {
        all += driver + "\n" + rows_text(part);
        if (std::any_of(part.rows.begin(), part.rows.end(), [](const matrix_row& r) { return r.has_callers(); }))
            all += "\n" + driver + ": what callers make of it\n" + callers_text(part);
        all += "\n";
    }
    all += key_text(m) + "\n";
    for (const std::string& line : summary(m))
        all += wrapped(line, 2);
    return all;
}

} // namespace iommulab::errno_matrix
