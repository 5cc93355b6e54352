// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/software_report.h"

#include "testbenches/results/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace iommulab::scenarios {

using boost::json::object;
using results::count_text;
using results::counted;

namespace {

struct distribution {
    std::uint64_t count = 0, sum = 0, min = 0, p50 = 0, p99 = 0, max = 0;
    [[nodiscard]] double mean() const { return count ? static_cast<double>(sum) / static_cast<double>(count) : 0; }
};

/// Percentiles by nearest rank.
distribution of(std::vector<std::uint64_t> values) {
    distribution d;
    if (values.empty())
        return d;
    std::sort(values.begin(), values.end());
    const auto rank = [&](unsigned percent) { return values[(values.size() * percent + 99) / 100 - 1]; };
    d.count = values.size();
    d.sum = std::accumulate(values.begin(), values.end(), std::uint64_t{0});
    d.min = values.front();
    d.p50 = rank(50);
    d.p99 = rank(99);
    d.max = values.back();
    return d;
}

object json(const distribution& d) {
    return {{"count", d.count}, {"total", d.sum}, {"min", d.min}, {"mean", d.mean()},
            {"p50", d.p50},     {"p99", d.p99},   {"max", d.max}};
}

const char* name_of_mode(sw::domain_type type) {
    return type == sw::domain_type::dma ? "strict" : type == sw::domain_type::dma_fq ? "lazy" : "passthrough";
}

struct sums {
    std::uint64_t done = 0, failed = 0, wrong = 0, bytes = 0, refused = 0, begin_ns = ~std::uint64_t{0}, end_ns = 0;
    std::vector<std::uint64_t> map_ns, unmap_ns;
    explicit sums(const software_findings& s) {
        for (const queue_driver::statistics* q : s.queues) {
            done += q->done;
            failed += q->failed;
            wrong += q->wrong;
            bytes += q->bytes;
            refused += q->refused_maps;
            begin_ns = std::min(begin_ns, q->begin_ns);
            end_ns = std::max(end_ns, q->end_ns);
            map_ns.insert(map_ns.end(), q->map_ns.begin(), q->map_ns.end());
            unmap_ns.insert(unmap_ns.end(), q->unmap_ns.begin(), q->unmap_ns.end());
        }
    }
    [[nodiscard]] std::uint64_t took_ns() const { return end_ns > begin_ns ? end_ns - begin_ns : 0; }
    [[nodiscard]] double per_second(std::uint64_t n) const {
        return took_ns() ? static_cast<double>(n) * 1e9 / static_cast<double>(took_ns()) : 0;
    }
};

std::string time_text(double ns) {
    return results::time_text(ns * 1000);
}
std::string time_text(std::uint64_t ns) {
    return time_text(static_cast<double>(ns));
}

std::string row(const char* name, const distribution& d) {
    return fmt::format("  {}: {}, mean {}, p50 {}, p99 {}, max {}\n", name, counted(d.count, "call"),
                       time_text(d.mean()), time_text(d.p50), time_text(d.p99), time_text(d.max));
}

std::string reach_text(const software_findings& s, const distribution& window, const distribution& reached) {
    const exposure::found& r = *s.reach;
    if (s.what->domains == sw::domain_type::identity)
        return fmt::format("  reach: all of memory, always; {} of {} after an unmap landed\n", count_text(r.landed),
                           counted(r.tried, "try"));
    std::string text = fmt::format("  reach of {}: min {}, p50 {}, p99 {}, max {}; {} page-milliseconds\n",
                                   counted(r.pages, "unmapped page"), time_text(window.min), time_text(window.p50),
                                   time_text(window.p99), time_text(window.max),
                                   results::decimal_text(static_cast<double>(r.page_ns) / 1e6, 3));
    text +=
        fmt::format("  {} tried: {} landed before the invalidation, {} refused; the last to land came after {} at "
                    "most\n",
                    counted(r.tried, "unmap"), counted(r.landed, "try"), count_text(r.refused), time_text(reached.max));
    return text + fmt::format("  tries after the invalidation: {} refused, {} landed\n", count_text(r.refused_after),
                              count_text(r.landed_after));
}

} // namespace

void report_software(const software_findings& s, findings& into) {
    const sums all(s);
    const distribution map = of(all.map_ns), unmap = of(all.unmap_ns), window = of(s.reach->window_ns),
                       reached = of(s.reach->reached_ns);
    const exposure::found& r = *s.reach;
    const bool lazy = s.what->domains == sw::domain_type::dma_fq;
    const double cpu_ns = static_cast<double>(all.took_ns()) * s.what->cpus;
    const double share = cpu_ns > 0 ? static_cast<double>(map.sum + unmap.sum) / cpu_ns : 0;

    object& o = into.software;
    o["mode"] = name_of_mode(s.what->domains);
    o["cpus"] = s.what->cpus;
    o["queues"] = s.queues.size();
    o["requests"] = all.done;
    o["failed"] = all.failed;
    o["wrong_buffers"] = all.wrong;
    o["refused_maps"] = all.refused;
    o["bytes"] = all.bytes;
    o["duration_ns"] = all.took_ns();
    o["requests_per_second"] = all.per_second(all.done);
    o["bytes_per_second"] = all.per_second(all.bytes);
    o["map_ns"] = json(map);
    o["unmap_ns"] = json(unmap);
    o["map_and_unmap_share_of_cpus"] = share;
    o["invalidation_commands"] = s.commands;
    o["invalidation_waits"] = s.synchronisations;
    o["addresses"] = object{{"allocations", s.addresses.allocations},
                            {"cache_hits", s.addresses.cache_hits},
                            {"tree_searches", s.addresses.tree_searches},
                            {"tree_steps", s.addresses.tree_steps},
                            {"above_4g", s.addresses.above_4g},
                            {"refused", s.addresses.refused},
                            {"lock_waits", s.lock_waits}};
    o["flush_queue"] = object{{"queued", s.flushes.queued},
                              {"flushes_full", s.flushes.flushes_full},
                              {"flushes_timer", s.flushes.flushes_timer},
                              {"most_stale_on_a_cpu", s.flushes.most_stale_on_a_cpu}};
    o["reach"] = object{{"bounded", s.what->domains != sw::domain_type::identity},
                        {"unmaps", r.unmaps},
                        {"pages", r.pages},
                        {"window_ns", json(window)},
                        {"page_milliseconds", static_cast<double>(r.page_ns) / 1e6},
                        {"tried_unmaps", r.tried},
                        {"landed", r.landed},
                        {"refused", r.refused},
                        {"reached_ns", json(reached)},
                        {"landed_after_invalidation", r.landed_after},
                        {"refused_after_invalidation", r.refused_after}};
    o["error_lines"] = s.error_lines;

    std::string& t = into.software_text;
    t = fmt::format("software, {}, {}, {}\n", name_of_mode(s.what->domains), counted(s.what->cpus, "CPU"),
                    counted(s.queues.size(), "queue"));
    t += fmt::format("  {} in {}: {} a second, {}\n", counted(all.done, "request"), time_text(all.took_ns()),
                     results::decimal_text(all.per_second(all.done), 0), results::rate_text(all.per_second(all.bytes)));
    t += row("map", map) + row("unmap", unmap);
    t += fmt::format("  map and unmap take {:.1f}% of the CPUs\n", share * 100);
    t += fmt::format("  {}, {} for them\n", counted(s.commands, "invalidation"), counted(s.synchronisations, "wait"));
    if (s.addresses.allocations != 0)
        t += fmt::format("  addresses: {} of {} from caches, {} of {:.1f} steps, {} for the lock\n",
                         count_text(s.addresses.cache_hits), count_text(s.addresses.allocations),
                         counted(s.addresses.tree_searches, "tree search"),
                         s.addresses.tree_searches ? static_cast<double>(s.addresses.tree_steps) /
                                                         static_cast<double>(s.addresses.tree_searches)
                                                   : 0.0,
                         counted(s.lock_waits, "wait"));
    if (lazy)
        t += fmt::format("  flushes: {} of full queues, {} by timer; at most {} stale on a CPU\n",
                         count_text(s.flushes.flushes_full), count_text(s.flushes.flushes_timer),
                         counted(s.flushes.most_stale_on_a_cpu, "unmap"));
    t += reach_text(s, window, reached);
    if (all.failed + all.wrong + all.refused + s.error_lines != 0)
        t += fmt::format("  {} failed, {} wrong, {} refused, {}\n", counted(all.failed, "request"),
                         counted(all.wrong, "buffer"), counted(all.refused, "map"),
                         counted(s.error_lines, "error line"));
    t += "\n";

    const auto& e = s.what->expected;
    const auto add = [&](const char* name, std::optional<std::uint64_t> limit, std::uint64_t measured, bool maximum) {
        if (limit)
            into.more_judged.push_back({name, *limit, measured, maximum});
    };
    add("software.landed_after_invalidation", 0, r.landed_after, true);
    add("software.wrong_buffers", 0, all.wrong, true);
    add("software.failed", 0, all.failed, true);
    add("software.max_reach_ps", e.max_reach_ps, window.max * 1000, true);
    add("software.min_landed", e.min_landed, r.landed, false);
    add("software.max_landed", e.max_landed, r.landed, true);
    add("software.min_throughput", e.min_bytes_per_second, static_cast<std::uint64_t>(all.per_second(all.bytes)),
        false);
    add("software.max_mean_unmap_ps", e.max_mean_unmap_ps, static_cast<std::uint64_t>(unmap.mean() * 1000), true);
}

} // namespace iommulab::scenarios
