// SPDX-License-Identifier: Apache-2.0
#include "platforms/settings/keys.h"
#include "testbenches/scenario/sweep.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace iommulab::scenarios {

using settings::key;
using settings::schema;
using settings::section;
using namespace settings::keys;

namespace {

constexpr std::size_t most_points = 10'000;

const schema& curve_schema() {
    static const schema s{
        "curve",
        "One setting of everything else, for which the sweep is made.",
        {
            text("text", "for people: what was fitted, what predicted"),
            values("set", "settings as `--set` has them: `iommus.NAME.preset=...`, first to last"),
            values("published", "measured on hardware, in the unit of the measure, one for each value; `-`: none"),
            text("tolerance_percent", "a point that is further off makes the exit status 1; without it none does"),
            values("tolerances_percent", "the same, one for each value; `-`: none"),
        }};
    return s;
}

/// Nothing for what is no decimal number.
std::optional<double> decimal(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<double> published(const section::plain_value& v) {
    if (v.text == "-")
        return std::nullopt;
    const std::optional<double> value = decimal(v.text);
    if (!value || *value <= 0)
        v.where.fail(iommulab::quoted(v.text) + " in published", "a positive number, or - for none");
    return value;
}

std::optional<double> tolerance(const std::string& text, const settings::place& where) {
    if (text == "-")
        return std::nullopt;
    const std::optional<double> value = decimal(text);
    if (!value || *value < 0)
        where.fail(iommulab::quoted(text), "a number from 0, or - for none");
    return value;
}

sweep::curve read_curve(const section::member& m, std::size_t values) {
    const section& s = *m.value;
    sweep::curve c;
    c.name = m.name;
    c.text = s.text("text");
    for (const section::plain_value& v : s.values("set"))
        c.settings.push_back(v.text);
    for (const section::plain_value& v : s.values("published"))
        c.published.push_back(published(v));
    if (!c.published.empty() && c.published.size() != values)
        s.where("published")
            .fail(std::to_string(c.published.size()) + " published figures",
                  std::to_string(values) + ", one for each of values");
    for (const char* name : {"tolerance_percent", "tolerances_percent"})
        if (s.has(name) && c.published.empty())
            s.where(name).fail("a tolerance without published figures", "the key published");
    c.tolerance_percent.resize(values);
    if (s.has("tolerance_percent"))
        std::fill(c.tolerance_percent.begin(), c.tolerance_percent.end(),
                  tolerance(s.text("tolerance_percent"), s.where("tolerance_percent")));
    if (s.has("tolerances_percent")) {
        const auto& each = s.values("tolerances_percent");
        if (each.size() != values || s.has("tolerance_percent"))
            s.where("tolerances_percent")
                .fail(std::to_string(each.size()) + " tolerances",
                      std::to_string(values) + ", one for each of values, and no tolerance_percent");
        for (std::size_t n = 0; n < values; ++n)
            c.tolerance_percent[n] = tolerance(each[n].text, each[n].where);
    }
    return c;
}

} // namespace

const char* unit_of(sweep_measure measure) {
    return measure == sweep_measure::bandwidth ? "GB/s" : "ns";
}

const char* name_of(sweep_measure measure) {
    switch (measure) {
    case sweep_measure::read_latency:
        return "read_latency";
    case sweep_measure::write_latency:
        return "write_latency";
    case sweep_measure::bandwidth:
        return "bandwidth";
    }
    return "unknown";
}

const schema& sweep_schema() {
    static const schema s{
        "sweep",
        "A further key of a scenario: runs it for each value of one setting, once for each curve, and compares what a "
        "master measures with published figures.",
        {
            text("vary", "dotted path of the setting: `masters.nic.traffic.size`").needed(),
            values("values", "that it takes").needed(),
            choice("measure", "mean latency of a master's requests in ns, or what it moves in GB/s",
                   {"read_latency", "write_latency", "bandwidth"})
                .needed(),
            text("master", "whose").needed(),
            named("curves", "by name", curve_schema()).needed(),
        }};
    return s;
}

sweep read_sweep_keys(const settings::node& map) {
    const section s(map, sweep_schema());
    sweep out;
    out.vary = s.text("vary");
    out.master = s.text("master");
    out.measure = static_cast<sweep_measure>(s.number("measure"));
    for (const section::plain_value& v : s.values("values"))
        out.values.push_back(v.text);
    if (out.values.empty())
        s.where("values").fail("no values", "at least one");
    for (const section::member& m : s.members("curves"))
        out.curves.push_back(read_curve(m, out.values.size()));
    if (out.curves.empty())
        s.where("curves").fail("no curves", "at least one");
    if (out.curves.size() * out.values.size() > most_points)
        s.where().fail(std::to_string(out.curves.size() * out.values.size()) + " points",
                       "at most " + std::to_string(most_points));
    return out;
}

void check_measurable(const sweep& s, const scenario& point, const settings::place& where) {
    const auto is_it = [&](const master_description& m) { return m.name == s.master; };
    if (std::none_of(point.masters.begin(), point.masters.end(), is_it))
        where.fail(iommulab::quoted(s.master) + " for master", "one of the scenario's masters");
}

} // namespace iommulab::scenarios
