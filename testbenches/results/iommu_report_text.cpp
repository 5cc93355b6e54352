// SPDX-License-Identifier: Apache-2.0
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
    latency_profile latency;

    void add(const master_summary& m) {
        for (std::size_t i = 0; i < access_outcomes; ++i)
            outcomes[i] += m.outcomes[i];
        latency.merge(m.latency);
    }
};

std::string plural(std::uint64_t count, std::string_view one) {
    return fmt::format("{} {}{}", count_text(count), one, count == 1 ? "" : one.ends_with('s') ? "es" : "s");
}

std::string page_text(unsigned log2_page) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return fmt::format("{} {}", std::uint64_t{1} << log2_page % 10, units[log2_page / 10 % std::size(units)]);
}

/// The masters in the order of their ids; the smallest ones in one row when there are too many; all at the end.
std::vector<row_summary> rows_of(const report_summary& sum, std::size_t most) {
    std::map<std::string, unsigned> uses;
    for (const auto& m : sum.masters)
        ++uses[m.name];
    std::vector<std::uint64_t> sizes;
    for (const auto& m : sum.masters)
        sizes.push_back(m.latency.count());
    std::ranges::sort(sizes, std::greater<>());
    const std::size_t single = sizes.size() <= most ? sizes.size() : std::max<std::size_t>(most, 1) - 1;
    const std::uint64_t smallest = single == sizes.size() || single == 0 ? 0 : sizes[single - 1];

    std::vector<row_summary> rows;
    row_summary others, all;
    std::size_t other_masters = 0;
    for (const auto& m : sum.masters) {
        all.add(m);
        if (rows.size() < single && m.latency.count() >= smallest) {
            auto& row = rows.emplace_back();
            row.label = uses[m.name] > 1 ? fmt::format("{} 0x{:x}", m.name, m.source_id) : m.name;
            row.add(m);
        } else {
            others.add(m);
            ++other_masters;
        }
    }
    if (other_masters) {
        others.label = plural(other_masters, "other");
        rows.push_back(std::move(others));
    }
    if (sum.masters.size() > 1) {
        all.label = "all";
        rows.push_back(std::move(all));
    }
    return rows;
}

text_table outcome_table(const std::vector<row_summary>& rows, const outcome_counts& outcomes, detail d) {
    const bool brief = d != detail::full;
    std::vector<std::string> header{"master", "accesses"};
    for (std::size_t i = 0; i < access_outcomes; ++i)
        if (outcomes[i])
            header.emplace_back(text_of(static_cast<access_outcome>(i)));
    text_table table(std::move(header));
    for (const auto& row : rows) {
        const std::uint64_t accesses = row.latency.count();
        std::vector<std::string> cells{row.label, count_text(accesses, brief)};
        for (std::size_t i = 0; i < access_outcomes; ++i)
            if (outcomes[i]) {
                const auto share = share_text(static_cast<double>(row.outcomes[i]), static_cast<double>(accesses));
                cells.push_back(
                    d == detail::least ? share : fmt::format("{} {:>6}", count_text(row.outcomes[i], brief), share));
            }
        table.add(std::move(cells));
    }
    return table;
}

std::vector<std::string> latency_cells(const std::string& label, const latency_profile& profile, detail d) {
    const bool brief = d != detail::full;
    const auto s = profile.summarise();
    std::vector<double> values{s.min_ps, s.mean_ps, s.p50_ps, s.p90_ps, s.p99_ps, s.p999_ps, s.max_ps};
    if (d == detail::least)
        values = {s.min_ps, s.mean_ps, s.p50_ps, s.p99_ps, s.max_ps};
    std::vector<std::string> cells{label, count_text(s.count, brief)};
    for (const double ps : values)
        cells.push_back(ns_text(ps, brief));
    return cells;
}

text_table latency_table(const char* what, detail d) {
    if (d == detail::least)
        return text_table({what, "accesses", "min", "mean", "p50", "p99", "max"});
    return text_table({what, "accesses", "min", "mean", "p50", "p90", "p99", "p99.9", "max"});
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
        if (sum_.all.count()) {
            section("Who was answered where", "");
            put_table([&](detail d) { return outcome_table(rows_, sum_.outcomes, d); });
            section("Latency of an access", "ns");
            put_table([&](detail d) {
                auto table = latency_table("master", d);
                for (const auto& row : rows_)
                    table.add(latency_cells(row.label, row.latency, d));
                return table;
            });
            if (sum_.by_log2_page.size() > 1) {
                section("Latency by page size", "ns");
                put_table([&](detail d) {
                    auto table = latency_table("page", d);
                    for (const auto& [log2_page, profile] : sum_.by_log2_page)
                        table.add(latency_cells(page_text(log2_page), profile, d));
                    return table;
                });
            }
            section("Where the time went", "mean of each outcome, ns, in the order in which an access meets them");
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
        const std::uint64_t accesses = sum_.all.count();
        line(report_.name + (report_.model.empty() ? "" : " (" + report_.model + ")") + ": " +
             (accesses ? plural(accesses, "access") + " by " + plural(sum_.masters.size(), "master") : "no accesses"));
    }

    void section(const std::string& heading, const std::string& unit) {
        out_ += '\n';
        line(unit.empty() ? heading : heading + " (" + unit + ")");
    }

    /// The table with the most to say that fits.
    template <typename Make>
    void put_table(Make&& make) {
        text_table table = make(detail::full);
        if (!table.fits(columns_, readable_first_column))
            table = make(detail::brief);
        if (!table.fits(columns_, text_table::least_first_column))
            table = make(detail::least);
        out_ += table.text(columns_, unicode_);
    }

    /// One line a part, each bar beginning where the one above ends: an access's way through time.
    void breakdown(access_outcome outcome) {
        const auto s = sum_.by_outcome[static_cast<std::size_t>(outcome)].summarise();
        const auto all = sum_.all.summarise();
        line(fmt::format("  {}: {} ns each, {}, {} of all time", text_of(outcome), ns_text(s.mean_ps),
                         plural(s.count, "access"),
                         share_text(static_cast<double>(s.sum_ps), static_cast<double>(all.sum_ps))));
        std::size_t label_width = 0, ns_width = 0;
        for (std::size_t i = 0; i < time_parts; ++i)
            if (s.sum_part_ps[i]) {
                label_width = std::max(label_width, width_of(text_of(static_cast<time_part>(i))));
                ns_width = std::max(ns_width, ns_text(s.mean_part_ps[i]).size());
            }
        const std::size_t used = 4 + label_width + 2 + ns_width + 2 + 6 + 2;
        const std::size_t bar_columns = columns_ > used ? columns_ - used : 0;
        double begin = 0;
        for (std::size_t i = 0; i < time_parts; ++i) {
            if (s.sum_part_ps[i] == 0)
                continue;
            const double end = begin + s.mean_part_ps[i];
            line(fmt::format("    {:<{}}  {:>{}}  {:>6}  {}", text_of(static_cast<time_part>(i)), label_width,
                             ns_text(s.mean_part_ps[i]), ns_width, share_text(s.mean_part_ps[i], s.mean_ps),
                             stretch(begin, end, s.mean_ps, bar_columns, unicode_)));
            begin = end;
        }
    }

    void counters() {
        std::size_t name_width = 0, value_width = 0;
        for (const auto& c : report_.counters)
            if (*c.value) {
                name_width = std::max(name_width, width_of(c.name));
                value_width = std::max(value_width, count_text(*c.value).size());
            }
        if (name_width == 0)
            return;
        section("Counters", "those that are not zero");
        for (const auto& c : report_.counters)
            if (*c.value)
                line(
                    fmt::format("  {:<{}}  {:>{}}  {}", c.name, name_width, count_text(*c.value), value_width, c.text));
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
