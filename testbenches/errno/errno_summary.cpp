// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_summary.h"

#include "sw/drivers/drivers.h"
#include "testbenches/results/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace iommulab::errno_matrix {
namespace {

using results::counted;
using sw::failure_class;
using sw::rule_set;

std::string listed(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& n : names)
        all += (all.empty() ? "" : ", ") + n;
    return all;
}

std::string with_list(std::string text, const std::vector<std::string>& names) {
    return names.empty() ? text : text + ": " + listed(names);
}

/// What the errno of a class should be, as the series documents attach_dev; empty: anything but EINVAL will do.
const char* meaning_of(failure_class kind) {
    switch (kind) {
    case failure_class::incompatible:
        return "EINVAL";
    case failure_class::busy:
        return "EBUSY";
    case failure_class::memory:
        return "ENOMEM";
    case failure_class::resource:
        return "ENOSPC";
    case failure_class::device:
    case failure_class::other:
        break;
    }
    return "";
}

/// Error lines of a cell.
unsigned error_lines(const matrix_cell& c) {
    return c.measured && c.measured->log == "error" ? c.measured->lines : 0;
}

void add_changes(const matrix& m, rule_set before, rule_set after, std::vector<std::string>& lines) {
    std::vector<std::string> meaning, unchanged;
    unsigned lines_before = 0, lines_after = 0, kept = 0;
    for (const matrix_row& r : m.rows) {
        const matrix_cell *const b = r.under(before), *const a = r.under(after);
        if (!b || !a || (!b->measured && !a->measured))
            continue;
        const auto found = [](const matrix_cell& c) {
            return c.measured ? c.measured->number : std::string(name_of(c.table.what));
        };
        const std::string from = found(*b), to = found(*a);
        if (from != to)
            meaning.push_back(fmt::format("{} {} to {}", r.row->id, from, to));
        lines_before += error_lines(*b);
        lines_after += error_lines(*a);
        kept += error_lines(*b) != 0 && error_lines(*a) != 0 ? 1 : 0;
    }
    lines.push_back(with_list(fmt::format("Changed meaning from {} to {}: {}", name_of(before), name_of(after),
                                          counted(meaning.size(), "failure")),
                              meaning));
    lines.push_back(fmt::format("Error lines: {} under {}, {} under {}: {} vanished; after {} an error is still logged",
                                lines_before, name_of(before), lines_after, name_of(after),
                                lines_before - std::min(lines_before, lines_after), counted(kept, "failure")));
}

void add_callers(const matrix& m, rule_set before, rule_set after, std::vector<std::string>& lines) {
    if (m.callers.empty()) {
        lines.emplace_back("Callers: not run (--callers)");
        return;
    }
    std::vector<std::string> cured, changed, worse;
    std::map<std::string, int> error_lines_less;
    for (std::size_t n = 0; n < m.callers.size(); ++n) {
        std::vector<std::string> rows, values;
        int less = 0;
        for (const matrix_row& r : m.rows) {
            const matrix_cell *const b = r.under(before), *const a = r.under(after);
            if (!b || !a || n >= b->callers.size() || n >= a->callers.size())
                continue;
            const caller_measurement &x = b->callers[n].second, &y = a->callers[n].second;
            less += static_cast<int>(x.error_lines) - static_cast<int>(y.error_lines);
            if (x.number == y.number)
                continue;
            if (y.number == "0")
                rows.emplace_back(r.row->id);
            else if (x.number == "0")
                worse.push_back(fmt::format("{} at {}", m.callers[n], r.row->id));
            else
                values.push_back(fmt::format("{} {} to {}", r.row->id, x.number, y.number));
        }
        if (!rows.empty())
            cured.push_back(fmt::format("{} at {}", m.callers[n], fmt::join(rows, " ")));
        if (!values.empty())
            changed.push_back(fmt::format("{} at {}", m.callers[n], fmt::join(values, " ")));
        if (less != 0)
            error_lines_less[m.callers[n]] = less;
    }
    lines.push_back(with_list(fmt::format("Callers that stop failing: {}", cured.size()), cured));
    lines.push_back(with_list(fmt::format("Callers that begin to fail: {}", worse.size()), worse));
    lines.push_back(with_list(fmt::format("Callers that fail with another errno: {}", changed.size()), changed));
    std::vector<std::string> less;
    for (const auto& [name, count] : error_lines_less)
        less.push_back(fmt::format("{} {}", name, count));
    lines.push_back(less.empty() ? "Error lines that callers no longer cause: none"
                                 : "Error lines that callers no longer cause: " + listed(less));
}

void add_misleading(const matrix& m, rule_set rules, std::vector<std::string>& lines) {
    std::vector<std::string> false_soft, false_hard, other, quiet;
    for (const matrix_row& r : m.rows) {
        const matrix_cell* const c = r.under(rules);
        if (!c || !c->measured)
            continue;
        const std::string& found = c->measured->number;
        const std::string meaning = meaning_of(r.row->kind);
        const std::string item = fmt::format("{} {}{}{}", r.row->id, found, meaning.empty() ? "" : " for ", meaning);
        if (found == "0")
            quiet.emplace_back(r.row->id);
        else if (r.row->kind == failure_class::incompatible) {
            if (found != meaning)
                false_hard.push_back(item);
        } else if (found == "EINVAL")
            false_soft.push_back(item);
        else if (!meaning.empty() && found != meaning)
            other.push_back(item);
    }
    lines.push_back(with_list(fmt::format("EINVAL that is no incompatibility under {} (a futile retry): {}",
                                          name_of(rules), false_soft.size()),
                              false_soft));
    lines.push_back(with_list(
        fmt::format("Incompatibility that is not EINVAL under {} (no retry): {}", name_of(rules), false_hard.size()),
        false_hard));
    lines.push_back(
        with_list(fmt::format("Other errnos that mislead under {}: {}", name_of(rules), other.size()), other));
    lines.push_back(with_list(fmt::format("Failures that attach does not report at all: {}", quiet.size()), quiet));
}

} // namespace

std::vector<std::string> summary(const matrix& whole) {
    // The series is about what attach_dev of drivers says; what the core itself fails with is counted only.
    matrix m = whole;
    std::erase_if(m.rows, [](const matrix_row& r) { return r.row->scope != sw::failure_scope::attach; });
    std::vector<std::string> lines;
    std::size_t unreachable = 0;
    for (const matrix_row& r : m.rows)
        unreachable += r.row->reachable() ? 0 : 1;
    const std::size_t of_the_core = whole.rows.size() - m.rows.size();
    lines.push_back(fmt::format("{} of attach, {} of them unreachable{}; {} run, {} not as the table has it",
                                counted(m.rows.size(), "failure"), unreachable,
                                of_the_core == 0 ? "" : fmt::format("; {} of the core itself", of_the_core),
                                counted(whole.measured(), "case"), whole.differing()));
    const auto has = [&](rule_set r) { return std::find(m.rules.begin(), m.rules.end(), r) != m.rules.end(); };
    const rule_set after = has(rule_set::v6_2) ? rule_set::v6_2 : m.rules.back();
    if (has(rule_set::v6_0) && after != rule_set::v6_0) {
        add_changes(m, rule_set::v6_0, after, lines);
        add_callers(m, rule_set::v6_0, after, lines);
    } else {
        lines.emplace_back("What changed needs the rules v6.0 and those of after");
    }
    add_misleading(m, after, lines);
    return lines;
}

} // namespace iommulab::errno_matrix
