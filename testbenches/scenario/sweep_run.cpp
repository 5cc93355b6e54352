// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/sweep_run.h"

#include "testbenches/process/interruption.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/text_table.h"
#include "testbenches/scenario/progress_line.h"
#include "testbenches/scenario/sweep.h"
#include "testbenches/software/isolated.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <set>
#include <stdexcept>

namespace iommulab::scenarios {

using boost::json::array;
using boost::json::object;

namespace {

/// What the sweep measures, out of a point's result.
double measured(const sweep& s, const std::string& result) {
    const boost::json::value all = boost::json::parse(result);
    for (const boost::json::value& m : all.at("masters").as_array()) {
        if (m.at("name").as_string() != s.master)
            continue;
        if (m.at("address_errors").to_number<std::uint64_t>() + m.at("other_errors").to_number<std::uint64_t>() != 0)
            throw std::runtime_error("requests of " + s.master + " ended with errors");
        if (s.measure == sweep_measure::bandwidth)
            return m.at("bytes_per_second").to_number<double>() * 1e-9;
        const char* latency = s.measure == sweep_measure::read_latency ? "read_latency_ns" : "write_latency_ns";
        return m.at(latency).at("mean").to_number<double>();
    }
    throw std::runtime_error("no master " + s.master + " in the result");
}

struct curve_result {
    const sweep::curve* what;
    std::vector<std::optional<double>> model; ///< nothing: the sweep was interrupted before
    std::vector<std::string> unmet;           ///< values at which the scenario's own expectations were broken
    std::size_t worst = 0;                    ///< point with the largest error
    std::optional<double> worst_percent;      ///< nothing was published

    [[nodiscard]] std::optional<double> error_percent(std::size_t point) const {
        if (what->published.empty() || !what->published[point] || !model[point])
            return std::nullopt;
        return (*model[point] / *what->published[point] - 1) * 100;
    }
    [[nodiscard]] bool met(std::size_t point) const {
        const auto e = error_percent(point);
        return !e || !what->tolerance_percent[point] || std::abs(*e) <= *what->tolerance_percent[point];
    }
    /// Points that are further off than they may be, and broken expectations.
    [[nodiscard]] std::size_t broken() const {
        std::size_t n = unmet.size();
        for (std::size_t point = 0; point < model.size(); ++point)
            n += !met(point);
        return n;
    }
    void judge() {
        for (std::size_t n = 0; n < model.size(); ++n)
            if (const auto e = error_percent(n); e && (!worst_percent || std::abs(*e) > std::abs(*worst_percent))) {
                worst = n;
                worst_percent = e;
            }
    }
};

object to_json(const sweep& s, const curve_result& r) {
    array points;
    for (std::size_t n = 0; n < s.values.size(); ++n) {
        object p{{"at", s.values[n]}, {"model", r.model[n] ? boost::json::value(*r.model[n]) : nullptr}};
        if (const auto e = r.error_percent(n)) {
            p["published"] = *r.what->published[n];
            p["error_percent"] = *e;
            if (r.what->tolerance_percent[n])
                p["tolerance_percent"] = *r.what->tolerance_percent[n];
        }
        points.push_back(std::move(p));
    }
    object o{{"name", r.what->name}, {"text", r.what->text}, {"points", std::move(points)}, {"met", r.broken() == 0}};
    if (r.worst_percent) {
        o["worst_error_percent"] = *r.worst_percent;
        o["worst_at"] = s.values[r.worst];
    }
    return o;
}

/// One table of the curves from `first` up to `end`.
results::text_table table_of(const sweep& s, const std::vector<curve_result>& all, std::size_t first, std::size_t end) {
    const auto value = [&](double v) {
        return results::decimal_text(v, s.measure == sweep_measure::bandwidth ? 3 : 1);
    };
    std::vector<std::string> header{""};
    for (std::size_t c = first; c < end; ++c) {
        header.push_back(all[c].what->name);
        if (!all[c].what->published.empty())
            header.insert(header.end(), {"published", "error"});
    }
    results::text_table table(header);
    for (std::size_t n = 0; n < s.values.size(); ++n) {
        std::vector<std::string> row{s.values[n]};
        for (std::size_t c = first; c < end; ++c) {
            row.push_back(all[c].model[n] ? value(*all[c].model[n]) : "-");
            if (all[c].what->published.empty())
                continue;
            const auto e = all[c].error_percent(n);
            row.push_back(e ? value(*all[c].what->published[n]) : "-");
            row.push_back(e ? fmt::format("{:+.1f}%{}", *e, all[c].met(n) ? "" : "!") : "-");
        }
        table.add(std::move(row));
    }
    return table;
}

std::string to_text(const scenario& s, const std::vector<curve_result>& all, const run_options& options) {
    const sweep& w = *s.swept;
    std::string out =
        fmt::format("{}: {} of {} in {}, by {}\n", s.name, name_of(w.measure), w.master, unit_of(w.measure), w.vary);
    if (!s.text.empty())
        out += s.text + "\n";
    if (process::interrupted())
        out += "interrupted: what was not measured by then is -\n";
    for (const std::string& warning : s.warnings)
        out += warning + "\n";
    out += "\n";
    for (std::size_t first = 0, end = 0; first < all.size(); first = end) {
        end = first + 1;
        while (end < all.size() &&
               table_of(w, all, first, end + 1).fits(options.columns, results::text_table::least_first_column))
            ++end;
        out += table_of(w, all, first, end).text(options.columns, options.unicode) + "\n";
    }
    for (const curve_result& r : all) {
        out += r.what->name + ": ";
        if (r.worst_percent)
            out += fmt::format("worst error {:+.2f}% at {}", *r.worst_percent, w.values[r.worst]);
        else
            out += "nothing published";
        if (const std::size_t off = r.broken() - r.unmet.size(); off != 0)
            out += fmt::format("; {} beyond the tolerance", off);
        for (const std::string& value : r.unmet)
            out += "; broken expectations at " + value;
        out += "\n";
        if (!r.what->text.empty())
            out += "  " + r.what->text + "\n";
    }
    return out + "\n";
}

} // namespace

run_result run_sweep(const scenario& s, const run_options& options) {
    const sweep& w = *s.swept;
    std::vector<std::function<std::string()>> jobs;
    for (const sweep::curve& c : w.curves)
        for (const scenario& point : c.points)
            jobs.emplace_back([&w, &point, &options] {
                run_options quiet;
                quiet.quiet = true;
                quiet.only_set_up = options.only_set_up;
                const run_result one = run(point, quiet);
                if (options.only_set_up)
                    return std::string();
                return fmt::format("{} {}", one.met ? 1 : 0, measured(w, one.json));
            });
    const auto began = std::chrono::steady_clock::now();
    progress_line progress(!options.quiet);
    const auto results =
        software::run_isolated(jobs, [&](std::size_t done) { progress.show(s.name + ": points", done, jobs.size()); });
    progress.clear();

    if (options.only_set_up) {
        std::set<std::string> refused;
        for (const software::isolated_result& r : results)
            if (!r.failure.empty())
                refused.insert(r.failure);
        if (refused.empty())
            return {};
        std::string text;
        for (const std::string& line : refused)
            text += (text.empty() ? "" : "\n") + line;
        throw std::runtime_error(text);
    }
    std::vector<curve_result> all;
    auto next = results.begin();
    for (const sweep::curve& c : w.curves) {
        curve_result& r = all.emplace_back();
        r.what = &c;
        for (const std::string& value : w.values) {
            if (next->failure == software::interrupted_job) {
                r.model.emplace_back();
                ++next;
                continue;
            }
            if (!next->failure.empty())
                throw std::runtime_error(next->failure + " (" + c.name + " at " + w.vary + "=" + value + ")");
            if (next->text.front() != '1')
                r.unmet.push_back(value);
            r.model.push_back(std::stod(next->text.substr(2)));
            ++next;
        }
        r.judge();
    }

    run_result out;
    array curves;
    for (const curve_result& r : all) {
        curves.push_back(to_json(w, r));
        out.met &= r.broken() == 0;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    out.text = to_text(s, all, options);
    out.json = results::to_text(object{{"scenario", s.name},
                                       {"vary", w.vary},
                                       {"measure", name_of(w.measure)},
                                       {"unit", unit_of(w.measure)},
                                       {"ended", process::interrupted() ? "interrupted" : "done"},
                                       {"curves", std::move(curves)},
                                       {"met", out.met},
                                       {"wall", object{{"seconds", took.count()}}}});
    return out;
}

} // namespace iommulab::scenarios
