// SPDX-License-Identifier: Apache-2.0
#include "testbenches/errno/errno_matrix.h"

#include "sw/drivers/drivers.h"
#include "testbenches/errno/core_cases.h"
#include "testbenches/software/isolated.h"
#include "traces/input_error.h"
#include "traces/names.h"

#include <boost/json.hpp>

#include <algorithm>
#include <stdexcept>

namespace iommulab::errno_matrix {
namespace {

namespace json = boost::json;

std::string text(const measurement& m) {
    return json::serialize(json::object{
        {"number", m.number}, {"log", m.log}, {"lines", m.lines}, {"warnings", m.warnings}, {"problem", m.problem}});
}
std::string text(const caller_measurement& m) {
    return json::serialize(json::object{{"number", m.number},
                                        {"at_claim", m.at_claim},
                                        {"domains", m.domains},
                                        {"attach_calls", m.attach_calls},
                                        {"error_lines", m.error_lines},
                                        {"attach_ns", m.attach_ns},
                                        {"dma", m.dma}});
}
std::string word(const json::object& o, const char* key) {
    return json::value_to<std::string>(o.at(key));
}

measurement measurement_of(const software::isolated_result& r) {
    if (!r.failure.empty())
        return {"?", "?", 0, 0, r.failure};
    const json::value v = json::parse(r.text);
    const json::object& o = v.as_object();
    return {word(o, "number"), word(o, "log"), o.at("lines").to_number<unsigned>(),
            o.at("warnings").to_number<unsigned>(), word(o, "problem")};
}
caller_measurement caller_measurement_of(const software::isolated_result& r) {
    caller_measurement m;
    if (!r.failure.empty()) {
        m.number = "?";
        m.problem = r.failure;
        return m;
    }
    const json::value v = json::parse(r.text);
    const json::object& o = v.as_object();
    m.number = word(o, "number");
    m.at_claim = o.at("at_claim").as_bool();
    m.domains = o.at("domains").to_number<unsigned>();
    m.attach_calls = o.at("attach_calls").to_number<unsigned>();
    m.error_lines = o.at("error_lines").to_number<unsigned>();
    m.attach_ns = o.at("attach_ns").to_number<std::uint64_t>();
    m.dma = word(o, "dma");
    return m;
}

const sw::provocation* provocation_of(const sw::driver_description& d, const std::string& id) {
    if (d.provocations)
        for (const sw::provocation& p : d.provocations())
            if (id == p.row)
                return &p;
    return nullptr;
}

/// What a row lets expect.
std::string expected_number(const sw::driver_description& d, const sw::failure_outcome& o, const sw::provocation* p) {
    if (o.what == sw::disposition::crashes)
        return crash_name;
    if (o.what == sw::disposition::passed_on && p)
        for (const sw::injection_point& point : d.injection_points)
            if (std::string(p->inject) == point.name)
                return name_of(point.number);
    return name_of(o.number);
}

/// Those that there are, and the core as one more.
std::vector<const sw::driver_description*> listed_drivers() {
    std::vector<const sw::driver_description*> all;
    for (const sw::driver_description& d : sw::drivers())
        all.push_back(&d);
    all.push_back(&core_as_driver());
    return all;
}

bool is_core(const sw::driver_description& d) {
    return &d == &core_as_driver();
}

matrix select(const matrix_request& request) {
    matrix m;
    m.rules = request.rules.empty() ? std::vector(sw::all_rule_sets.begin(), sw::all_rule_sets.end()) : request.rules;
    if (request.callers)
        for (const sw::caller_description& c : sw::callers())
            m.callers.emplace_back(c.name);
    std::vector<std::string> ids;
    std::vector<matrix_row> rows;
    for (const sw::driver_description* listed : drivers_named(request.drivers)) {
        const sw::driver_description& d = *listed;
        for (const sw::failure_row& row : d.failures) {
            if (row.scope != (is_core(d) ? sw::failure_scope::core : sw::failure_scope::attach))
                continue;
            ids.emplace_back(row.id);
            matrix_row r{&d, &row, {}};
            const sw::provocation* const p = provocation_of(d, row.id);
            for (const sw::rule_set rules : m.rules) {
                const sw::failure_outcome& o = row.outcome(rules);
                r.rules.emplace_back(
                    rules,
                    matrix_cell{
                        o, is_core(d) ? name_of(expected_of_core(row, rules)) : expected_number(d, o, p), {}, {}});
            }
            rows.push_back(std::move(r));
        }
    }
    const std::vector<bool> wanted = chosen(ids, request.rows, "--only");
    for (std::size_t n = 0; n < rows.size(); ++n)
        if (wanted[n])
            m.rows.push_back(std::move(rows[n]));
    return m;
}

} // namespace

std::vector<const sw::driver_description*> drivers_named(const std::vector<std::string>& wanted) {
    std::vector<const sw::driver_description*> all = listed_drivers();
    std::vector<std::string> names;
    for (const sw::driver_description* d : all)
        names.emplace_back(d->name);
    for (const std::string& name : wanted)
        if (std::find(names.begin(), names.end(), name) == names.end())
            throw std::invalid_argument("--driver: found " + quoted(name) + ", expected " + one_of(name, names));
    std::erase_if(all, [&](const sw::driver_description* d) {
        return !wanted.empty() && std::find(wanted.begin(), wanted.end(), d->name) == wanted.end();
    });
    return all;
}

bool matrix_cell::agrees() const {
    return !measured || (measured->problem.empty() && measured->number == number && measured->log == log() &&
                         measured->lines == lines() && measured->warnings == table.warnings);
}

const matrix_cell* matrix_row::under(sw::rule_set wanted) const {
    for (const auto& [name, cell] : rules)
        if (name == wanted)
            return &cell;
    return nullptr;
}

bool matrix_row::has_callers() const {
    return std::any_of(rules.begin(), rules.end(), [](const auto& cell) { return !cell.second.callers.empty(); });
}

std::size_t matrix::measured() const {
    std::size_t n = 0;
    for (const matrix_row& r : rows)
        for (const auto& [name, cell] : r.rules)
            n += cell.measured ? 1 : 0;
    return n;
}
std::size_t matrix::differing() const {
    std::size_t n = 0;
    for (const matrix_row& r : rows)
        for (const auto& [name, cell] : r.rules)
            n += cell.agrees() ? 0 : 1;
    return n;
}
bool matrix::agrees() const {
    return differing() == 0;
}

matrix run_matrix(const matrix_request& request, const std::function<void(std::size_t, std::size_t)>& progress) {
    matrix m = select(request);
    std::vector<std::function<std::string()>> jobs;
    std::vector<std::function<void(const software::isolated_result&)>> takers;
    for (matrix_row& r : m.rows) {
        if (!r.row->reachable())
            continue;
        const sw::driver_description& d = *r.driver;
        const sw::provocation* const p = provocation_of(d, r.row->id);
        for (auto& [rules, cell] : r.rules) {
            // Nobody looks, or nobody gets there: what would fail instead may be undefined.
            if (cell.table.what == sw::disposition::not_checked || cell.table.what == sw::disposition::not_reached)
                continue;
            if (is_core(d)) { // callers meet the core's failures in stories, not one by one
                if (const core_case* const c = core_case_of(r.row->id)) {
                    jobs.emplace_back([c, under = rules] { return text(measure_core(*c, under)); });
                    takers.emplace_back([cell = &cell](const software::isolated_result& result) {
                        cell->measured = measurement_of(result);
                    });
                } else {
                    cell.measured = measurement{"?", "?", 0, 0, "no case meets this row"};
                }
                continue;
            }
            if (!p) {
                cell.measured = measurement{"?", "?", 0, 0, "the driver does not say how to meet this row"};
                continue;
            }
            jobs.emplace_back([&d, &row = *r.row, p, under = rules] { return text(measure(d, row, *p, under)); });
            takers.emplace_back(
                [cell = &cell](const software::isolated_result& result) { cell->measured = measurement_of(result); });
            if (!request.callers || cell.table.at_probe) // nobody can take such a device
                continue;
            for (const sw::caller_description& by : sw::callers())
                cell.callers.emplace_back(by.name, caller_measurement{});
            for (std::size_t n = 0; n < cell.callers.size(); ++n) {
                jobs.emplace_back(
                    [&d, p, under = rules, &by = sw::callers()[n]] { return text(measure_caller(d, *p, under, by)); });
                takers.emplace_back([cell = &cell, n](const software::isolated_result& result) {
                    cell->callers[n].second = caller_measurement_of(result);
                });
            }
        }
    }
    const auto results = software::run_isolated(jobs, [&](std::size_t done) {
        if (progress)
            progress(done, jobs.size());
    });
    for (std::size_t n = 0; n < results.size(); ++n)
        takers[n](results[n]);
    return m;
}

} // namespace iommulab::errno_matrix
