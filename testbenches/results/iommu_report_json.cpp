// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/iommu_report.h"
#include "testbenches/results/report_summary.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cmath>
#include <utility>

namespace iommulab::results {

namespace {

namespace json = boost::json;

/// Nanoseconds as the double that is nearest to three decimals.
double ns_of(std::uint64_t ps) {
    return static_cast<double>(ps) / 1000.0;
}
double ns_of(double ps) {
    return std::round(ps) / 1000.0;
}

std::uint64_t page_bytes(unsigned log2_page) {
    return log2_page ? std::uint64_t{1} << log2_page : 0;
}

json::object outcomes_of(const iommu_report& report, const outcome_counts& counts) {
    json::object outcomes;
    for (std::size_t i = 0; i < access_outcomes; ++i)
        if (has_outcome(report, static_cast<access_outcome>(i), counts[i]))
            outcomes[name_of(static_cast<access_outcome>(i))] = counts[i];
    return outcomes;
}

json::object latency_of(const latency_profile& profile) {
    const auto s = profile.summarise();
    const auto means = round_means(s);
    json::object mean_parts, total_parts;
    for (std::size_t i = 0; i < time_parts; ++i) {
        if (s.sum_part_ps[i] == 0)
            continue;
        const char* name = name_of(static_cast<time_part>(i));
        mean_parts[name] = ns_of(means.part_ps[i]);
        total_parts[name] = s.sum_part_ps[i];
    }
    json::object latency;
    latency["count"] = s.count;
    latency["total_ps"] = s.sum_ps;
    latency["ns"] = json::object{{"min", ns_of(s.min_ps)}, {"mean", ns_of(means.mean_ps)}, {"p50", ns_of(s.p50_ps)},
                                 {"p90", ns_of(s.p90_ps)}, {"p99", ns_of(s.p99_ps)},       {"p99_9", ns_of(s.p999_ps)},
                                 {"max", ns_of(s.max_ps)}};
    latency["mean_parts_ns"] = std::move(mean_parts);
    latency["total_parts_ps"] = std::move(total_parts);
    return latency;
}

} // namespace

json::object to_json(const iommu_report& report) {
    const report_summary sum = summarise(report);
    json::object result;
    result["name"] = report.name;
    result["model"] = report.model;
    result["accesses"] = sum.accesses();
    result["outcomes"] = outcomes_of(report, sum.outcomes);
    result["latency"] = latency_of(sum.all);
    result["failed_latency"] = latency_of(sum.failed);

    json::array masters, by_outcome, by_page_size, profiles;
    for (const auto& m : sum.masters)
        masters.push_back(json::object{{"source_id", m.source_id},
                                       {"name", m.name},
                                       {"accesses", m.accesses()},
                                       {"outcomes", outcomes_of(report, m.outcomes)},
                                       {"latency", latency_of(m.latency)},
                                       {"failed_latency", latency_of(m.failed)}});
    for (std::size_t i = 0; i < access_outcomes; ++i)
        if (sum.outcomes[i])
            by_outcome.push_back(json::object{{"outcome", name_of(static_cast<access_outcome>(i))},
                                              {"latency", latency_of(sum.by_outcome[i])}});
    for (const auto& [log2_page, profile] : sum.by_log2_page)
        by_page_size.push_back(json::object{{"page_bytes", page_bytes(log2_page)}, {"latency", latency_of(profile)}});
    if (report.accesses)
        for (const auto& [key, profile] : report.accesses->all())
            if (profile.count())
                profiles.push_back(json::object{{"source_id", key.source_id},
                                                {"outcome", name_of(key.outcome)},
                                                {"page_bytes", page_bytes(key.log2_page)},
                                                {"latency", latency_of(profile)}});
    json::object counters;
    for (const auto& c : report.counters)
        counters[c.name] = *c.value;

    result["masters"] = std::move(masters);
    result["by_outcome"] = std::move(by_outcome);
    result["by_page_size"] = std::move(by_page_size);
    result["profiles"] = std::move(profiles);
    result["counters"] = std::move(counters);
    return result;
}

} // namespace iommulab::results
