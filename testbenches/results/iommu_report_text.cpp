// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/figures.h"
#include "testbenches/results/iommu_report.h"
#include "testbenches/results/report_summary.h"
#include "testbenches/results/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::results {

namespace {

constexpr unsigned narrowest_columns = 80;
constexpr std::size_t readable_first_column = 16;

/// How much a table says, for lack of room: all; short numbers; fewer of them.
enum class detail { full, brief, least };

/// One line of a table about masters: a master, several of them, or all.
struct row_summary {
    std::string label;
    outcome_counts outcomes{};
    std::uint64_t accesses = 0;
    latency_profile latency;

    void add(const master_summary& m) {
        accesses += m.accesses();
        for (std::size_t i = 0; i < access_outcomes; ++i)
            outcomes[i] += m.outcomes[i];
        latency.merge(m.latency);
    }
};

/// The masters in the order of their ids; the smallest ones in one row when there are too many; all at the end.
std::vector<row_summary> rows_of(const report_summary& sum, std::size_t most) {
    std::map<std::string, unsigned> uses;
    for (const auto& m : sum.masters)
        ++uses[m.name];
    std::vector<std::uint64_t> sizes;
    for (const auto& m : sum.masters)
        sizes.push_back(m.accesses());
    std::ranges::sort(sizes, std::greater<>());
    const std::size_t single = sizes.size() <= most ? sizes.size() : std::max<std::size_t>(most, 1) - 1;
    const std::uint64_t smallest = single == sizes.size() || single == 0 ? 0 : sizes[single - 1];

    std::vector<row_summary> rows;
    row_summary others, all;
    std::size_t other_masters = 0;
    for (const auto& m : sum.masters) {
        all.add(m);
        if (rows.size() < single && m.accesses() >= smallest) {
            auto& row = rows.emplace_back();
            row.label = uses[m.name] > 1 ? fmt::format("{} 0x{:x}", m.name, m.source_id) : m.name;
            row.add(m);
        } else {
            others.add(m);
            ++other_masters;
        }
    }
    if (other_masters) {
        others.label = counted(other_masters, "other");
        rows.push_back(std::move(others));
    }
    if (sum.masters.size() > 1) {
        all.label = "all";
        rows.push_back(std::move(all));
    }
    return rows;
}

/// Where there is no TLB, nothing misses it.
const char* outcome_text(const iommu_report& report, access_outcome outcome) {
    return outcome == access_outcome::miss && !report.has_tlb && !report.has_micro_tlb ? "translated"
                                                                                       : text_of(outcome);
}

text_table outcome_table(const iommu_report& report, const std::vector<row_summary>& rows,
                         const outcome_counts& outcomes, detail d) {
    const bool brief = d != detail::full;
    std::vector<std::string> header{"master", "accesses"};
    for (std::size_t i = 0; i < access_outcomes; ++i)
        if (outcomes[i])
            header.emplace_back(outcome_text(report, static_cast<access_outcome>(i)));
    text_table table(std::move(header));
    for (const auto& row : rows) {
        std::vector<std::string> cells{row.label, count_text(row.accesses, brief)};
        for (std::size_t i = 0; i < access_outcomes; ++i)
            if (outcomes[i]) {
                const auto share = share_text(static_cast<double>(row.outcomes[i]), static_cast<double>(row.accesses));
                cells.push_back(
                    d == detail::least ? share : fmt::format("{} {:>6}", count_text(row.outcomes[i], brief), share));
            }
        table.add(std::move(cells));
    }
    return table;
}

/// One line of a table of latencies.
struct latency_row {
    std::string label;
    latency_profile::summary s;
};

std::vector<double> latencies_of(const latency_profile::summary& s, detail d) {
    if (d == detail::least)
        return {s.min_ps, s.mean_ps, s.p50_ps, s.p99_ps, s.max_ps};
    return {s.min_ps, s.mean_ps, s.p50_ps, s.p90_ps, s.p99_ps, s.p999_ps, s.max_ps};
}

time_unit unit_of(const std::vector<latency_row>& rows) {
    std::vector<double> all;
    for (const auto& row : rows)
        std::ranges::copy(latencies_of(row.s, detail::full), std::back_inserter(all));
    return unit_for(all);
}

/// In `unit`; where there is less room each with its own.
text_table latency_table(const char* what, const std::vector<latency_row>& rows, const time_unit& unit, detail d) {
    text_table table(d == detail::least ? std::vector<std::string>{what, "accesses", "min", "mean", "p50", "p99", "max"}
                                        : std::vector<std::string>{what, "accesses", "min", "mean", "p50", "p90", "p99",
                                                                   "p99.9", "max"});
    for (const auto& row : rows) {
        std::vector<std::string> cells{row.label, count_text(row.s.count, d != detail::full)};
        for (const double ps : latencies_of(row.s, d))
            cells.push_back(d == detail::full ? unit.text(ps) : time_text(ps));
        table.add(std::move(cells));
    }
    return table;
}

class text_report {
  public:
    text_report(const iommu_report& report, const text_style& style)
        : report_(report),
          unicode_(style.unicode),
          columns_(std::max(style.columns, narrowest_columns)),
          sum_(summarise(report)),
          rows_(rows_of(sum_, style.masters)) {}

    std::string text() {
        title();
        if (sum_.accesses()) {
            put_table("Who was answered where", "",
                      [&](detail d) { return outcome_table(report_, rows_, sum_.outcomes, d); });
            std::vector<latency_row> by_master, by_page;
            for (const auto& row : rows_)
                if (row.latency.count())
                    by_master.push_back({row.label, row.latency.summarise()});
            if (sum_.failed.count())
                by_master.push_back({"failed ones", sum_.failed.summarise()});
            put_latencies("Latency of an access", "master", by_master);
            for (const auto& [log2_page, profile] : sum_.by_log2_page)
                by_page.push_back({bytes_text(std::uint64_t{1} << log2_page), profile.summarise()});
            if (by_page.size() > 1)
                put_latencies("Latency by page size", "page", by_page);
            section("Where the time went", "mean of each outcome, in the order in which an access meets them");
            bool first = true;
            for (std::size_t i = 0; i < access_outcomes; ++i) {
                if (!sum_.outcomes[i])
                    continue;
                out_ += first ? "" : "\n";
                first = false;
                breakdown(static_cast<access_outcome>(i));
            }
        }
        counters();
        return std::move(out_);
    }

  private:
    void line(const std::string& text) { out_ += cut(text, columns_, unicode_) + '\n'; }

    void title() {
        const std::uint64_t accesses = sum_.accesses();
        line(
            report_.name + (report_.model.empty() ? "" : " (" + report_.model + ")") + ": " +
            (accesses ? counted(accesses, "access") + " by " + counted(sum_.masters.size(), "master") : "no accesses"));
    }

    void section(const std::string& heading, const std::string& unit) {
        out_ += '\n';
        line(unit.empty() ? heading : heading + " (" + unit + ")");
    }

    /// The table with the most to say that fits; `unit` is that of the full one.
    template <typename Make>
    void put_table(const std::string& heading, const std::string& unit, Make&& make) {
        detail d = detail::full;
        text_table table = make(d);
        if (!table.fits(columns_, readable_first_column))
            table = make(d = detail::brief);
        if (!table.fits(columns_, text_table::least_first_column))
            table = make(d = detail::least);
        section(heading, d == detail::full ? unit : "");
        out_ += table.text(columns_, unicode_);
    }

    void put_latencies(const std::string& heading, const char* what, const std::vector<latency_row>& rows) {
        const time_unit unit = unit_of(rows);
        put_table(heading, unit.name, [&](detail d) { return latency_table(what, rows, unit, d); });
    }

    /// One line a part, each bar beginning where the one above ends: an access's way through time.
    void breakdown(access_outcome outcome) {
        const auto s = sum_.by_outcome[static_cast<std::size_t>(outcome)].summarise();
        const std::uint64_t all_ps = sum_.all.summarise().sum_ps + sum_.failed.summarise().sum_ps;
        line(fmt::format("  {}: {} each, {}, {} of all time", outcome_text(report_, outcome), time_text(s.mean_ps),
                         counted(s.count, "access"),
                         share_text(static_cast<double>(s.sum_ps), static_cast<double>(all_ps))));
        const time_unit unit = unit_for({&s.mean_ps, 1});
        const auto time_of = [&](std::size_t part) { return unit.text(s.mean_part_ps[part]) + " " + unit.name; };
        std::size_t label_width = 0, time_width = 0;
        for (std::size_t i = 0; i < time_parts; ++i)
            if (s.sum_part_ps[i]) {
                label_width = std::max(label_width, width_of(text_of(static_cast<time_part>(i))));
                time_width = std::max(time_width, time_of(i).size());
            }
        const std::size_t used = 4 + label_width + 2 + time_width + 2 + 6 + 2;
        const std::size_t bar_columns = columns_ > used ? columns_ - used : 0;
        double begin = 0;
        for (std::size_t i = 0; i < time_parts; ++i) {
            if (s.sum_part_ps[i] == 0)
                continue;
            const double end = begin + s.mean_part_ps[i];
            line(fmt::format("    {:<{}}  {:>{}}  {:>6}  {}", text_of(static_cast<time_part>(i)), label_width,
                             time_of(i), time_width, share_text(s.mean_part_ps[i], s.mean_ps),
                             stretch(begin, end, s.mean_ps, bar_columns, unicode_)));
            begin = end;
        }
    }

    void counters() {
        std::size_t name_width = 0, value_width = 0;
        for (const auto& c : report_.counters)
            if (*c.value) {
                name_width = std::max(name_width, width_of(measure_name(c.name)));
                value_width = std::max(value_width, measure_text(c.name, *c.value).size());
            }
        if (name_width == 0)
            return;
        section("Counters", "those that are not zero");
        for (const auto& c : report_.counters)
            if (*c.value)
                line(fmt::format("  {:<{}}  {:>{}}  {}", measure_name(c.name), name_width,
                                 measure_text(c.name, *c.value), value_width, c.text));
    }

    const iommu_report& report_;
    bool unicode_;
    std::size_t columns_;
    report_summary sum_;
    std::vector<row_summary> rows_;
    std::string out_;
};

} // namespace

std::string to_text(const iommu_report& report, const text_style& style) {
    return text_report(report, style).text();
}

} // namespace iommulab::results
