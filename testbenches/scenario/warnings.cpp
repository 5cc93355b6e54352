// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/warnings.h"

#include "testbenches/scenario/shared_spaces.h"
#include "traces/number.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace iommulab::scenarios {

using firmware::translation_kind;
using settings::place;
using settings::section;
using traces::hex;

namespace {

/// First and last address.
using range = std::pair<std::uint64_t, std::uint64_t>;

void warn(scenario& s, const place& where, const std::string& text) {
    std::string line = *where.file;
    if (where.line != 0)
        line += fmt::format(":{}:{}", where.line, where.column);
    line += ": warning: " + text;
    if (std::find(s.warnings.begin(), s.warnings.end(), line) == s.warnings.end())
        s.warnings.push_back(std::move(line));
}

/// The first part of `wanted` that none of `ranges`, sorted, covers.
std::optional<range> first_hole(range wanted, const std::vector<range>& ranges) {
    for (const auto& [first, last] : ranges) {
        if (last < wanted.first)
            continue;
        if (first > wanted.first)
            return range{wanted.first, std::min(wanted.second, first - 1)};
        if (last >= wanted.second)
            return std::nullopt;
        wanted.first = last + 1;
    }
    return wanted;
}

std::string text_of(const range& r) {
    return hex(r.first) + " to " + hex(r.second);
}

std::vector<range> memory_of(const scenario& s) {
    std::vector<range> all;
    for (const platforms::memory_description& m : s.platform.memories)
        for (const memory_range& r : m.parameters.ranges)
            all.emplace_back(r.base, r.base + (r.size_bytes - 1));
    if (const auto& d = s.platform.doorbell)
        all.emplace_back(d->base, d->base + (d->size_bytes - 1));
    std::sort(all.begin(), all.end());
    return all;
}

void warn_of(scenario& s, const section& of, std::initializer_list<const char*> names, const std::string& why) {
    for (const char* name : names)
        if (of.has(name))
            warn(s, of.where(name), std::string(name) + " has no effect " + why);
}

} // namespace

void warn_of_ignored_settings(const section& s, scenario& into) {
    const bool loose = into.mode == simulation_mode::loosely_timed;
    for (const section::member& m : s.members("masters")) {
        if (loose)
            warn_of(into, *m.value, {"outstanding", "in_order", "posted_writes"},
                    "in mode lt: one access after the other");
        else
            warn_of(into, *m.value, {"quantum", "dmi"}, "in mode at");
        if (m.value->members("map").empty())
            warn_of(into, *m.value, {"granule", "levels"}, "without a map");
    }
    if (s.has("recording") && loose)
        warn_of(into, s.child("recording"), {"outstanding", "link"}, "in mode lt: one access after the other");
    if (!s.has("software"))
        return;
    const section& software = s.child("software");
    if (loose)
        for (const section::member& m : software.members("devices"))
            warn_of(into, *m.value, {"outstanding"}, "in mode lt: one access after the other");
    if (software.has("probe")) {
        const section& probe = software.child("probe");
        if (probe.number("every") == 0)
            warn_of(into, probe, {"interval"}, "where no page is tried");
        else if (software.text("mode") != "lazy")
            warn_of(into, probe, {"interval"}, "in mode " + software.text("mode") + ": nothing is left to try again");
    }
}

void warn_of_addresses(scenario& s) {
    const std::vector<range> memory = memory_of(s);
    for (const master_description& m : s.masters) {
        std::vector<range> reached;
        for (std::size_t n = 0; n < m.maps.size(); ++n) {
            const firmware::mapping& map = m.maps[n];
            reached.emplace_back(map.iova, map.iova + (map.size_bytes - 1));
            if (const auto hole = first_hole({map.address, map.address + (map.size_bytes - 1)}, memory))
                warn(s, m.where.maps[n].second, "a map to " + text_of(*hole) + ", where no memory is");
        }
        if (const auto& d = s.platform.doorbell) // some IOMMUs let messages pass
            reached.emplace_back(d->base, d->base + (d->size_bytes - 1));
        std::sort(reached.begin(), reached.end());
        const bool translated = m.translation != translation_kind::bypass;
        for (const auto& window : m.requests.windows)
            if (const auto hole = first_hole(window, translated ? reached : memory))
                warn(s, m.where.traffic,
                     "traffic of " + m.name + " to " + text_of(*hole) +
                         (translated ? ", which no map covers" : ", where no memory is"));
    }
}

} // namespace iommulab::scenarios
