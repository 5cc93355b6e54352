// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/recording_run.h"

#include "models/core/iommu_module.h"
#include "testbenches/conformance/motion_replay.h"
#include "testbenches/conformance/replay.h"
#include "testbenches/conformance/simulated_machine.h"
#include "testbenches/iommu_testbench.h"
#include "testbenches/process/interruption.h"
#include "testbenches/scenario/access_log.h"
#include "testbenches/scenario/progress_line.h"
#include "testbenches/scenario/report.h"
#include "traces/recording.h"

#include <chrono>
#include <filesystem>
#include <stdexcept>

namespace iommulab::scenarios {

namespace {

using conformance::case_result;
using conformance::machine_mode;
using conformance::verdict;

std::uint64_t now_ps() {
    return static_cast<std::uint64_t>(sc_core::sc_time_stamp() / sc_core::sc_time(1, sc_core::SC_PS));
}

/// What the recording calls its devices, by source id.
std::map<std::uint32_t, std::string> device_names(const traces::recording& record) {
    std::map<std::uint32_t, std::string> names;
    if (!record.has_file("dma_requests.csv"))
        return names;
    traces::dma_requests_reader reader(record.file("dma_requests.csv"));
    for (traces::dma_request_row row; reader.next(row);)
        if (!row.device.empty())
            names.try_emplace(row.source_id, row.device);
    return names;
}

} // namespace

run_result run_recording(const scenario& s, const run_options& options) {
    const recording_description& d = *s.recording;
    const traces::recording record = traces::read_recording(d.folder);
    const iommu_testbench* known = find_iommu_testbench(record.iommu);
    if (!known || !known->make_dialect)
        throw std::runtime_error("no replay of recordings of " + record.iommu);
    const auto dialect = known->make_dialect();
    if (options.only_set_up)
        return {};

    platforms::platform_description platform = s.platform;
    for (auto& i : platform.iommus)
        if (i.name == d.iommu)
            std::swap(i, platform.iommus.front());
    conformance::machine_configuration wanted = conformance::recording_configuration(
        record, s.mode == simulation_mode::loosely_timed ? machine_mode::lt : machine_mode::at);
    conformance::simulated_machine_options machine_options;
    machine_options.platform = platform;
    machine_options.link_bytes_per_second = d.link_bytes_per_second;
    conformance::simulated_machine machine("machine", wanted, machine_options);

    std::map<std::uint32_t, std::string> names = device_names(record);
    access_log log(options.timeline);
    machine.on_access = [&](const conformance::dma_access& a, const conformance::dma_response& r,
                            std::uint64_t begin_ps, std::uint64_t end_ps) {
        const auto name = names.find(a.source_id);
        log.add(name == names.end() ? "" : name->second, a.source_id, a.iova, a.size_bytes, a.write, r.ok, begin_ps,
                end_ps);
    };
    std::optional<waveform_writer> waves;
    if (!options.vcd.empty()) {
        waves.emplace(options.vcd);
        machine.unit().trace(*waves);
        machine.hardware().memory(0).record(*waves, machine.hardware().memory(0).name());
    }

    progress_line progress(!options.quiet);
    conformance::motion_options motion;
    motion.mode = wanted.mode;
    motion.outstanding_per_source = d.outstanding;
    motion.largest_burst_bytes = d.largest_burst_bytes;
    motion.progress = [&](std::uint64_t done, std::uint64_t total) {
        progress.show("replaying " + record.name, done, total);
        if (process::interrupted())
            throw process::interruption();
    };
    const auto began = std::chrono::steady_clock::now();
    case_result result;
    findings f;
    try {
        result = conformance::replay_motion(machine, *dialect, record, motion);
        machine.settle();
    } catch (const process::interruption&) {
        f.ending = run_ending::interruption;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    progress.clear();

    f.what = &s;
    f.hardware = &machine.hardware();
    f.simulated_ps = now_ps();
    f.wall_seconds = took.count();
    if (waves)
        waves->finish(f.simulated_ps);
    log.close();
    iommu_findings& i = f.iommus.emplace_back();
    i.unit = &machine.unit();
    i.description = &machine.hardware().description().iommus.front();
    i.masters = std::move(names);
    if (known->read_faults)
        i.faults = known->read_faults(
            [&](std::uint64_t offset, unsigned bytes) { return machine.read_register("", offset, bytes); },
            [&](std::uint64_t address, std::vector<std::uint8_t>& data) { return machine.read_memory(address, data); },
            most_faults_kept);
    i.fault_records = i.faults.size();
    f.recording_failed = result.outcome == verdict::failed;
    f.notes.push_back("recording " + record.name + ": " +
                      (f.ending != run_ending::done ? "not replayed to its end"
                       : f.recording_failed         ? "FAILED: " + result.reason
                                                    : "every translation as recorded"));
    if (!result.summary.empty())
        f.notes.push_back("  " + result.summary);
    f.recording = {{"name", record.name},     {"outcome", conformance::to_string(result.outcome)},
                   {"checks", result.checks}, {"failures", result.failures},
                   {"reason", result.reason}, {"summary", result.summary}};
    return report(f, options);
}

} // namespace iommulab::scenarios
