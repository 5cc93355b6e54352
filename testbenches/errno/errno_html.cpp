// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_report.h"
#include "testbenches/errno/errno_summary.h"

#include <fmt/format.h>

#include <algorithm>

namespace iommulab::errno_matrix {
namespace {

constexpr const char* head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What a failed attach says</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #d9770633; --ok: #05966933; --bad: #dc262666; --log: #b45309; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; }
code { font-size: .95em; }
.changed { background: var(--soft); }
.cured { background: var(--ok); }
.differs { background: var(--bad); }
.log { color: var(--log); }
.quiet { opacity: .6; }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
)";

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text)
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    return out;
}

std::string outcome_html(const matrix_row& r, const matrix_cell& c) {
    if (!c.measured || !c.agrees())
        return escaped(cell_text(r, c));
    std::string text = "<code>" + escaped(c.measured->number) + "</code>";
    if (c.measured->lines != 0)
        text += fmt::format(" <span class=log>{} {}{}</span>", c.measured->lines, c.measured->log,
                            c.measured->warnings != 0 ? " + warning" : "");
    return text + (c.table.at_probe ? " at the probe" : "");
}

const char* style_of(const matrix_row& r, const matrix_cell& c) {
    if (!r.row->reachable() || !c.measured)
        return "quiet";
    if (!c.agrees())
        return "differs";
    const matrix_cell& first = r.rules.front().second;
    const bool same = first.measured && first.measured->number == c.measured->number &&
                      first.measured->log == c.measured->log && first.measured->lines == c.measured->lines;
    return same ? "" : "changed";
}

std::string header(const matrix& m, const std::vector<const char*>& before, const std::vector<const char*>& after) {
    std::string row = "<tr>";
    for (const char* text : before)
        row += fmt::format("<th>{}</th>", text);
    for (const sw::rule_set rules : m.rules)
        row += fmt::format("<th>{}</th>", name_of(rules));
    for (const char* text : after)
        row += fmt::format("<th>{}</th>", text);
    return row + "</tr>\n";
}

std::string rows_table(const matrix& m, const sw::driver_description* driver) {
    std::string all = "<div class=scroll><table>\n" + header(m, {"row", "what fails", "class", "patch"}, {});
    for (const matrix_row& r : m.rows) {
        if (r.driver != driver)
            continue;
        all += fmt::format("<tr><td id=\"{0}\">{0}</td><td>{1}<br><code class=quiet>{2}</code>{3}</td><td>{4}</td>"
                           "<td>{5}</td>",
                           r.row->id, escaped(r.row->condition), escaped(r.row->where),
                           r.row->reachable() ? "" : "<br>unreachable: " + escaped(r.row->unreachable_because),
                           sw::name_of(r.row->kind), r.row->patch);
        for (const auto& [rules, cell] : r.rules)
            all += fmt::format("<td class=\"{}\">{}</td>", style_of(r, cell), outcome_html(r, cell));
        all += "</tr>\n";
    }
    return all + "</table></div>\n";
}

std::string callers_table(const matrix& m, const sw::driver_description* driver) {
    std::string all =
        "<h3>What callers make of it</h3>\n<div class=scroll><table>\n" + header(m, {"row", "caller"}, {});
    for (const matrix_row& r : m.rows)
        for (std::size_t n = 0; r.driver == driver && r.has_callers() && n < m.callers.size(); ++n) {
            all += fmt::format("<tr><td>{}</td><td>{}</td>", r.row->id, escaped(m.callers[n]));
            const matrix_cell& first = r.rules.front().second;
            for (const auto& [rules, cell] : r.rules) {
                if (n >= cell.callers.size()) {
                    all += fmt::format("<td class=quiet>{}</td>",
                                       cell.table.at_probe ? "at the probe" : sw::name_of(cell.table.what));
                    continue;
                }
                const caller_measurement& c = cell.callers[n].second;
                const std::string before = n < first.callers.size() ? first.callers[n].second.number : c.number;
                const char* const style = !c.problem.empty()   ? "differs"
                                          : before == c.number ? ""
                                          : c.number == "0"    ? "cured"
                                                               : "changed";
                all += fmt::format("<td class=\"{}\">{}</td>", style, escaped(caller_text(c)));
            }
            all += "</tr>\n";
        }
    return all + "</table></div>\n";
}

} // namespace

std::string html_report(const matrix& m) {
    std::string all = std::string(head) + "<h1>What a failed attach says</h1>\n<ul>\n";
    for (const std::string& line : summary(m))
        all += "<li>" + escaped(line) + "</li>\n";
    all += "</ul>\n<p>Measured on the models; where a cell is red, the table says something else. A colour marks what "
           "differs from the first set of rules.</p>\n<p>Rules and the code below them: " +
           escaped(kernels_text(m)) + ".</p>\n";
    const sw::driver_description* last = nullptr;
    for (const matrix_row& r : m.rows) {
        if (r.driver == last)
            continue;
        last = r.driver;
        all += fmt::format("<h2>{}</h2>\n", escaped(last->name)) + rows_table(m, last);
        if (std::any_of(m.rows.begin(), m.rows.end(),
                        [&](const matrix_row& other) { return other.driver == last && other.has_callers(); }))
            all += callers_table(m, last);
    }
    return all + "</body>\n</html>\n";
}

} // namespace iommulab::errno_matrix
