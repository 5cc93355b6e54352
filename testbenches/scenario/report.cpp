// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/report.h"

#include "models/core/iommu_module.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/json_text.h"
#include "testbenches/results/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace iommulab::scenarios {

using boost::json::array;
using boost::json::object;
using results::count_text;
using results::counted;
using results::time_text;

namespace {

constexpr std::size_t most_faults_shown = 8;

double ns(std::uint64_t ps) {
    return static_cast<double>(ps) / 1000;
}

std::uint64_t counter_of(const iommu_module& unit, std::string_view name) {
    for (const counter& c : unit.counters())
        if (name == c.name)
            return *c.value;
    return 0;
}

std::uint64_t faults_of(const iommu_module& unit) {
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
    r.has_micro_tlb = i.unit->parameters().micro_tlb.entries != 0;
    r.has_tlb = i.unit->parameters().tlb.entries != 0;
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
            {"cut", !m.finished()},
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
            {"write_latency_ns", latency_json(m.write_latency())},
            {"failed_latency_ns", latency_json(m.failed_latency())}};
}

object iommu_json(const iommu_findings& i) {
    object o = results::to_json(report_of(i));
    array invalidations;
    for (const measured_invalidation& m : i.invalidations)
        invalidations.push_back(object{{"name", m.name},
                                       {"done", m.done},
                                       {"cut", m.done < m.wanted},
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

std::string broken_text(const findings::judgement& j) {
    std::string measured = results::measure_text(j.name, j.measured), limit = results::measure_text(j.name, j.limit);
    if (measured == limit) { // they differ in digits that people don't need elsewhere
        measured = std::to_string(j.measured);
        limit = std::to_string(j.limit) + (j.name.ends_with("_ps") ? " ps" : "");
    }
    return fmt::format("broken expectation {}: found {}, expected at {} {}\n", results::measure_name(j.name), measured,
                       j.is_maximum ? "most" : "least", limit);
}

std::vector<findings::judgement> judge(const findings& f) {
    std::uint64_t faults = 0, errors = 0, wrong = 0, requests = 0;
    latency_profile all;
    for (const iommu_findings& i : f.iommus) {
        faults += faults_of(*i.unit);
        for (const auto& [key, profile] : i.unit->statistics().all()) {
            if (succeeded(key.outcome))
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

/// "nic 100 of 4,000, disk 3": which masters, of those with a count.
struct named_counts {
    std::string text;
    std::uint64_t sum = 0, total = 0;
    void add(const std::string& name, std::uint64_t count, std::uint64_t of) {
        sum += count;
        total += of;
        if (count != 0)
            text += (text.empty() ? "" : ", ") + name + " " + count_text(count);
    }
};

/// By source id: accesses that failed, and all.
std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> failed_of(const iommu_module& unit) {
    std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> counts;
    for (const auto& [key, profile] : unit.statistics().all()) {
        counts[key.source_id].second += profile.count();
        counts[key.source_id].first += succeeded(key.outcome) ? 0 : profile.count();
    }
    return counts;
}

/// What nobody may overlook, before everything else.
std::string alarms_text(const findings& f) {
    named_counts wrong, failed;
    for (std::size_t n = 0; n < f.masters.size(); ++n) {
        const dma_master::statistics& c = f.masters[n]->counted();
        wrong.add(f.what->masters[n].name, c.wrong_requests, c.reads);
        failed.add(f.what->masters[n].name, c.address_errors + c.other_errors, c.requests);
    }
    if (f.masters.empty())
        for (const iommu_findings& i : f.iommus)
            for (const auto& [source_id, counts] : failed_of(*i.unit)) {
                const auto name = i.masters.find(source_id);
                failed.add(name != i.masters.end() ? name->second : fmt::format("{:#x}", source_id), counts.first,
                           counts.second);
            }
    std::string text;
    if (wrong.sum != 0)
        text += fmt::format("WRONG DATA: {} of {} reads did not find what had been written: {}\n",
                            count_text(wrong.sum), count_text(wrong.total), wrong.text);
    if (failed.sum != 0)
        text += fmt::format("failed: {} of {} {}: {}\n", count_text(failed.sum), count_text(failed.total),
                            f.masters.empty() ? "accesses" : "requests", failed.text);
    return text;
}

const char* name_of(run_ending ending) {
    switch (ending) {
    case run_ending::done:
        break;
    case run_ending::time_limit:
        return "limits.time";
    case run_ending::interruption:
        return "interrupted";
    }
    return "done";
}

/// What had not come to its end when the run did.
std::string cut_text(const findings& f) {
    std::string text;
    if (f.ending == run_ending::time_limit)
        text = fmt::format("cut by limits.time, {} after the firmware was done\n",
                           time_text(static_cast<double>(f.what->limit_ps)));
    else if (f.ending == run_ending::interruption)
        text = "interrupted: what follows is what there was by then\n";
    for (std::size_t n = 0; n < f.masters.size(); ++n)
        if (!f.masters[n]->finished()) {
            const std::uint64_t most = f.what->masters[n].parameters.max_requests;
            text +=
                fmt::format("  {} did not finish: its counts are cut, after {}{} requests\n", f.what->masters[n].name,
                            count_text(f.masters[n]->counted().requests), most == 0 ? "" : " of " + count_text(most));
        }
    for (const iommu_findings& i : f.iommus)
        for (const measured_invalidation& m : i.invalidations)
            if (m.done < m.wanted)
                text += fmt::format("  {} was cut after {} of {} rounds\n", m.name, count_text(m.done),
                                    count_text(m.wanted));
    return text;
}

std::string masters_text(const findings& f, const run_options& options) {
    if (f.masters.empty())
        return {};
    std::vector<latency_profile::summary> latencies;
    std::vector<double> times;
    for (const dma_master* m : f.masters) {
        latency_profile both;
        both.merge(m->read_latency());
        both.merge(m->write_latency());
        latencies.push_back(both.summarise());
        times.insert(times.end(), {latencies.back().mean_ps, latencies.back().p99_ps});
    }
    const results::time_unit unit = results::unit_for(times);
    results::text_table table({"master", "requests", "MB", "GB/s", fmt::format("mean {}", unit.name),
                               fmt::format("p99 {}", unit.name), "errors"});
    for (std::size_t n = 0; n < f.masters.size(); ++n) {
        const dma_master::statistics& c = f.masters[n]->counted();
        table.add({f.what->masters[n].name, count_text(c.requests),
                   results::decimal_text(static_cast<double>(c.bytes) / 1e6, 1),
                   results::gigabytes_text(c.bytes_per_second()), unit.text(latencies[n].mean_ps),
                   unit.text(latencies[n].p99_ps), count_text(c.address_errors + c.other_errors)});
    }
    return "masters\n" + table.text(options.columns, options.unicode) + "\n";
}

std::string invalidations_text(const iommu_findings& i) {
    const std::uint64_t commands = counter_of(*i.unit, "invalidations"),
                        waits = counter_of(*i.unit, "synchronisations");
    const std::uint64_t entries = counter_of(*i.unit, "invalidated_entries");
    const bool has_tlb = i.unit->parameters().tlb.entries != 0;
    if (commands == 0 || (!has_tlb && entries == 0 && waits == 0 && i.invalidations.empty())) // nothing to tell of
        return {};
    std::string text = "invalidations\n";
    text += fmt::format("  {} took {} out of {}caches\n", counted(commands, "invalidation"), counted(entries, "entry"),
                        has_tlb ? "TLBs and " : "");
    const auto each = [](std::uint64_t total_ps, std::uint64_t count) {
        return time_text(static_cast<double>(total_ps) / static_cast<double>(count));
    };
    const auto total = [](std::uint64_t ps) { return time_text(static_cast<double>(ps)); };
    if (waits != 0) {
        const std::uint64_t wait_ps = counter_of(*i.unit, "synchronisation_wait_ps");
        text += fmt::format("  {} waited {} for accesses in flight, {} on average\n", counted(waits, "synchronisation"),
                            total(wait_ps), each(wait_ps, waits));
        if (const std::uint64_t busy_ps = counter_of(*i.unit, "command_busy_ps"); busy_ps != 0)
            text += fmt::format("  the command queue was worked on for {}, {} for each synchronisation\n",
                                total(busy_ps), each(busy_ps, waits));
    }
    for (const measured_invalidation& m : i.invalidations)
        if (m.done != 0)
            text += fmt::format("  {}: {}, {} each on average, {} at most, from command to completion\n", m.name,
                                counted(m.done, "round"), each(m.total_ps, m.done), total(m.longest_ps));
    return text + "\n";
}

std::string faults_text(const iommu_findings& i, const run_options& options) {
    const std::uint64_t faults = faults_of(*i.unit);
    if (faults == 0 && i.faults.empty())
        return {};
    std::string text =
        fmt::format("faults\n  {} refused, {}\n", counted(faults, "access"), counted(i.fault_records, "record"));
    for (std::size_t n = 0; n < std::min(i.faults.size(), most_faults_shown); ++n)
        text += "    " + results::cut(i.faults[n], options.columns - 4, options.unicode) + "\n";
    if (i.faults.size() > most_faults_shown)
        text += fmt::format("    ... {} more in result.json\n", count_text(i.faults.size() - most_faults_shown));
    return text + "\n";
}

std::string memories_text(const findings& f) {
    std::string text;
    for (std::size_t n = 0; n < f.hardware->memories(); ++n) {
        const memory& m = f.hardware->memory(n);
        const memory::statistics c = m.counted();
        text += fmt::format("  {}: {}, {}", f.what->platform.memories[n].name, counted(c.reads, "read"),
                            counted(c.writes, "write"));
        if (const dram_timing::statistics* d = m.dram_counted())
            text += fmt::format("; rows: {}, {}, {}", counted(d->row_hits, "hit"), counted(d->row_misses, "miss"),
                                counted(d->row_conflicts, "conflict"));
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
    o["ended"] = name_of(f.ending);
    o["simulated_ns"] = ns(f.simulated_ps);
    if (s.recording)
        o["recording"] = f.recording;
    else
        o["firmware_ns"] = ns(f.firmware_ps);
    if (!f.software.empty())
        o["software"] = f.software;

    std::uint64_t accesses = 0;
    for (const iommu_findings& i : f.iommus)
        for (const auto& [source_id, counts] : failed_of(*i.unit))
            accesses += counts.second;
    out.text = fmt::format("{} on {}, {}\n", s.name, s.platform.name,
                           s.mode == simulation_mode::loosely_timed ? "loosely timed" : "cycle-approximate");
    if (!s.text.empty())
        out.text += s.text + "\n";
    out.text += alarms_text(f) + cut_text(f);
    array warnings;
    for (const std::string& warning : s.warnings) {
        warnings.emplace_back(warning);
        out.text += warning + "\n";
    }
    o["warnings"] = std::move(warnings);
    for (const std::string& note : f.notes)
        out.text += note + "\n";
    out.text += fmt::format("{} in {} of simulated time\n\n", counted(accesses, "access"),
                            time_text(static_cast<double>(f.simulated_ps)));

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
            out.text += broken_text(j);
    }
    out.met &= !f.recording_failed;
    for (const dma_master* m : f.masters)
        out.met &= m->counted().wrong_requests == 0;
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
