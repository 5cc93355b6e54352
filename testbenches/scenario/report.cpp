// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/report.h"

#include "models/core/iommu.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace iommulab::scenarios {

using boost::json::array;
using boost::json::object;
using results::count_text;
using results::ns_text;

namespace {

constexpr std::size_t most_faults_shown = 8;

double ns(std::uint64_t ps) {
    return static_cast<double>(ps) / 1000;
}

std::uint64_t counted(const iommulab::iommu& unit, std::string_view name) {
    for (const counter& c : unit.counters())
        if (name == c.name)
            return *c.value;
    return 0;
}

std::uint64_t faults_of(const iommulab::iommu& unit) {
    std::uint64_t faults = 0;
    for (const auto& [key, profile] : unit.statistics().all())
        if (key.outcome == access_outcome::fault)
            faults += profile.count();
    return faults;
}

results::iommu_report report_of(const iommu_findings& i) {
    results::iommu_report r;
    r.name = i.description->name;
    r.model = i.description->model + (i.description->preset.empty() ? "" : ", " + i.description->preset);
    r.accesses = &i.unit->statistics();
    r.counters = i.unit->counters();
    r.master_names = i.masters;
    return r;
}

// --- JSON
// ----------------------------------------------------------------------------------------------------------------

object counters_json(const std::vector<counter>& counters) {
    object o;
    for (const counter& c : counters)
        o[c.name] = *c.value;
    return o;
}

object latency_json(const latency_profile& profile) {
    const latency_profile::summary s = profile.summarise();
    return {{"count", s.count},       {"min", s.min_ps / 1000}, {"mean", s.mean_ps / 1000},  {"p50", s.p50_ps / 1000},
            {"p90", s.p90_ps / 1000}, {"p99", s.p99_ps / 1000}, {"p99_9", s.p999_ps / 1000}, {"max", s.max_ps / 1000}};
}

object master_json(const dma_master& m, const master_description& d) {
    const dma_master::statistics& c = m.counted();
    return {{"name", d.name},
            {"source_id", d.parameters.source_id},
            {"finished", m.finished()},
            {"requests", c.requests},
            {"reads", c.reads},
            {"writes", c.writes},
            {"bytes", c.bytes},
            {"ok", c.ok},
            {"address_errors", c.address_errors},
            {"other_errors", c.other_errors},
            {"wrong_reads", c.wrong_requests},
            {"first_begin_ns", ns(c.first_begin_ps)},
            {"last_end_ns", ns(c.last_end_ps)},
            {"bytes_per_second", c.bytes_per_second()},
            {"read_latency_ns", latency_json(m.read_latency())},
            {"write_latency_ns", latency_json(m.write_latency())}};
}

object iommu_json(const iommu_findings& i) {
    object o = results::to_json(report_of(i));
    array invalidations;
    for (const measured_invalidation& m : i.invalidations)
        invalidations.push_back(object{{"name", m.name},
                                       {"done", m.done},
                                       {"mean_ns", m.done ? ns(m.total_ps) / static_cast<double>(m.done) : 0},
                                       {"longest_ns", ns(m.longest_ps)}});
    o["invalidation_rounds"] = std::move(invalidations);
    o["fault_records"] = i.fault_records;
    array faults;
    for (const std::string& f : i.faults)
        faults.push_back(boost::json::string(f));
    o["faults"] = std::move(faults);
    return o;
}

// --- expectations
// --------------------------------------------------------------------------------------------------------

bool is_met(const findings::judgement& j) {
    return j.is_maximum ? j.measured <= j.limit : j.measured >= j.limit;
}

std::vector<findings::judgement> judge(const findings& f) {
    std::uint64_t faults = 0, errors = 0, wrong = 0, requests = 0;
    latency_profile all;
    for (const iommu_findings& i : f.iommus) {
        faults += faults_of(*i.unit);
        for (const auto& [key, profile] : i.unit->statistics().all()) {
            all.merge(profile);
            if (f.masters.empty())
                requests += profile.count();
        }
    }
    for (const dma_master* m : f.masters) {
        errors += m->counted().address_errors + m->counted().other_errors;
        wrong += m->counted().wrong_requests;
        requests += m->counted().requests;
    }
    const auto mean_ps = static_cast<std::uint64_t>(all.summarise().mean_ps);
    const expectations& e = f.what->expected;
    std::vector<findings::judgement> out = f.more_judged;
    const auto add = [&](const char* name, const std::optional<std::uint64_t>& limit, std::uint64_t measured,
                         bool is_maximum) {
        if (limit)
            out.push_back({name, *limit, measured, is_maximum});
    };
    add("max_faults", e.max_faults, faults, true);
    add("min_faults", e.min_faults, faults, false);
    add("max_errors", e.max_errors, errors, true);
    add("max_wrong_reads", e.max_wrong_reads, wrong, true);
    add("max_mean_latency_ps", e.max_mean_latency_ps, mean_ps, true);
    add("min_requests", e.min_requests, requests, false);
    return out;
}

// --- text
// ----------------------------------------------------------------------------------------------------------------

std::string masters_text(const findings& f, const run_options& options) {
    if (f.masters.empty())
        return {};
    results::text_table table({"master", "requests", "MB", "GB/s", "mean ns", "p99 ns", "errors"});
    for (std::size_t n = 0; n < f.masters.size(); ++n) {
        const dma_master::statistics& c = f.masters[n]->counted();
        latency_profile both;
        both.merge(f.masters[n]->read_latency());
        both.merge(f.masters[n]->write_latency());
        const latency_profile::summary s = both.summarise();
        table.add({f.what->masters[n].name, count_text(c.requests),
                   fmt::format("{:.1f}", static_cast<double>(c.bytes) / 1e6),
                   fmt::format("{:.2f}", c.bytes_per_second() / 1e9), ns_text(s.mean_ps), ns_text(s.p99_ps),
                   count_text(c.address_errors + c.other_errors)});
    }
    return "masters\n" + table.text(options.columns, options.unicode) + "\n";
}

std::string invalidations_text(const iommu_findings& i) {
    const std::uint64_t commands = counted(*i.unit, "invalidations"), waits = counted(*i.unit, "synchronisations");
    if (commands == 0)
        return {};
    std::string text = "invalidations\n";
    text += fmt::format("  {} invalidations took {} entries out of TLBs and caches\n", count_text(commands),
                        count_text(counted(*i.unit, "invalidated_entries")));
    const std::uint64_t wait_ps = counted(*i.unit, "synchronisation_wait_ps");
    text += fmt::format("  {} synchronisations waited {} ns for accesses in flight, {} ns on average\n",
                        count_text(waits), ns_text(static_cast<double>(wait_ps)),
                        ns_text(waits ? static_cast<double>(wait_ps) / static_cast<double>(waits) : 0));
    if (const std::uint64_t busy_ps = counted(*i.unit, "command_busy_ps"); busy_ps != 0 && waits != 0)
        text += fmt::format("  the command queue was worked on for {} ns, {} ns for each synchronisation\n",
                            ns_text(static_cast<double>(busy_ps)),
                            ns_text(static_cast<double>(busy_ps) / static_cast<double>(waits)));
    for (const measured_invalidation& m : i.invalidations)
        if (m.done != 0)
            text += fmt::format("  {}: {} rounds, {} ns each on average, {} ns at most, from command to completion\n",
                                m.name, count_text(m.done),
                                ns_text(static_cast<double>(m.total_ps) / static_cast<double>(m.done)),
                                ns_text(static_cast<double>(m.longest_ps)));
    return text + "\n";
}

std::string faults_text(const iommu_findings& i, const run_options& options) {
    const std::uint64_t faults = faults_of(*i.unit);
    if (faults == 0 && i.faults.empty())
        return {};
    std::string text =
        fmt::format("faults\n  {} accesses refused, {} records\n", count_text(faults), count_text(i.fault_records));
    for (std::size_t n = 0; n < std::min(i.faults.size(), most_faults_shown); ++n)
        text += "    " + results::cut(i.faults[n], options.columns - 4, options.unicode) + "\n";
    if (i.faults.size() > most_faults_shown)
        text += fmt::format("    ... {} more in result.json\n", i.faults.size() - most_faults_shown);
    return text + "\n";
}

std::string memories_text(const findings& f) {
    std::string text;
    for (std::size_t n = 0; n < f.hardware->memories(); ++n) {
        const memory& m = f.hardware->memory(n);
        const memory::statistics c = m.counted();
        text += fmt::format("  {}: {} reads, {} writes", f.what->platform.memories[n].name, count_text(c.reads),
                            count_text(c.writes));
        if (const dram_timing::statistics* d = m.dram_counted())
            text += fmt::format("; rows: {} hits, {} misses, {} conflicts", count_text(d->row_hits),
                                count_text(d->row_misses), count_text(d->row_conflicts));
        text += "\n";
    }
    return "memory\n" + text + "\n";
}

} // namespace

run_result report(const findings& f, const run_options& options) {
    const scenario& s = *f.what;
    run_result out;
    object o;
    o["scenario"] = s.name;
    o["platform"] = s.platform.name;
    o["mode"] = s.mode == simulation_mode::loosely_timed ? "lt" : "at";
    o["seed"] = s.seed;
    o["simulated_ns"] = ns(f.simulated_ps);
    if (s.recording)
        o["recording"] = f.recording;
    else
        o["firmware_ns"] = ns(f.firmware_ps);
    if (!f.software.empty())
        o["software"] = f.software;

    std::uint64_t accesses = 0;
    for (const iommu_findings& i : f.iommus)
        for (const auto& [key, profile] : i.unit->statistics().all())
            accesses += profile.count();
    out.text = fmt::format("{} on {}, {}\n", s.name, s.platform.name,
                           s.mode == simulation_mode::loosely_timed ? "loosely timed" : "cycle-approximate");
    if (!s.text.empty())
        out.text += s.text + "\n";
    for (const std::string& note : f.notes)
        out.text += note + "\n";
    out.text += fmt::format("{} accesses in {} ns of simulated time\n\n", count_text(accesses),
                            ns_text(static_cast<double>(f.simulated_ps)));

    array iommus, masters, memories, expected;
    for (const iommu_findings& i : f.iommus) {
        iommus.push_back(iommu_json(i));
        out.text += results::to_text(report_of(i), {.columns = options.columns, .unicode = options.unicode}) + "\n";
        out.text += invalidations_text(i) + faults_text(i, options);
    }
    for (std::size_t n = 0; n < f.masters.size(); ++n)
        masters.push_back(master_json(*f.masters[n], s.masters[n]));
    out.text += masters_text(f, options) + f.software_text + memories_text(f);
    for (std::size_t n = 0; n < f.hardware->memories(); ++n)
        memories.push_back(object{{"name", s.platform.memories[n].name},
                                  {"counters", counters_json(f.hardware->memory(n).counters())}});
    o["iommus"] = std::move(iommus);
    o["masters"] = std::move(masters);
    o["memories"] = std::move(memories);
    o["interconnect"] = counters_json(f.hardware->bus().counters());

    for (const findings::judgement& j : judge(f)) {
        expected.push_back(object{{"name", j.name}, {"limit", j.limit}, {"measured", j.measured}, {"met", is_met(j)}});
        out.met &= is_met(j);
        if (!is_met(j))
            out.text += fmt::format("broken expectation {}: found {}, expected at {} {}\n", j.name, j.measured,
                                    j.is_maximum ? "most" : "least", j.limit);
    }
    out.met &= !f.recording_failed;
    o["expectations"] = std::move(expected);
    o["met"] = out.met;
    // all that differs from run to run
    o["wall"] =
        object{{"seconds", f.wall_seconds},
               {"accesses_per_second", f.wall_seconds > 0 ? static_cast<double>(accesses) / f.wall_seconds : 0}};
    out.json = results::to_text(boost::json::value(std::move(o)));
    return out;
}

} // namespace iommulab::scenarios
