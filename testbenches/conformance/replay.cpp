// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/replay.h"

#include "platforms/iommu_model.h"
#include "testbenches/conformance/disputes.h"
#include "testbenches/conformance/map_history.h"
#include "testbenches/conformance/maps_replay.h"
#include "testbenches/conformance/motion_replay.h"
#include "testbenches/conformance/snapshot_replay.h"
#include "testbenches/conformance/vector_runner.h"
#include "testbenches/iommu_testbench.h"
#include "testbenches/process/interruption.h"
#include "testbenches/process/whole_file.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/junit.h"
#include "traces/input_error.h"
#include "traces/line_reader.h"
#include "traces/names.h"
#include "traces/recording.h"
#include "traces/vectors.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <utility>

namespace iommulab::conformance {

namespace fs = std::filesystem;

namespace {

/// Addresses outside a recording's memory that it has accesses to (doorbells of interrupt controllers) get memory in
/// blocks of this size. 64 KiB: the frame of a GIC ITS (Arm GICv3, IHI 0069, 12.10).
constexpr std::uint64_t device_block_bytes = 0x10000;
/// No IOMMU of today puts out wider addresses (Arm, x86: 52 bits); what a recording lists beyond is no memory.
constexpr unsigned widest_output_bits = 52;

bool is_vector_file(const fs::path& path) {
    return path.string().ends_with(".json") || path.string().ends_with(".json.gz");
}

std::string stem(const std::string& path) {
    std::string name = fs::path(path).filename().string();
    return name.substr(0, name.find(".json"));
}

/// The memory of a recording: that of its snapshots, and a block around every address beside it that an access went to.
std::vector<traces::memory_range> memory_of(const traces::recording& record) {
    std::set<traces::memory_range> ranges;
    for (const traces::snapshot& state : record.snapshots) {
        if (state.memory.size_bytes != 0) {
            ranges.insert(state.memory);
        }
    }
    const std::set<traces::memory_range> memory = ranges;
    const auto add = [&](std::uint64_t address) {
        const bool inside =
            std::any_of(memory.begin(), memory.end(), [&](const auto& range) { return range.contains(address, 1); });
        if (!inside && address >> widest_output_bits == 0) {
            ranges.insert({address & ~(device_block_bytes - 1), device_block_bytes});
        }
    };
    for (const traces::snapshot& state : record.snapshots) {
        traces::expected_reader rows(state.file("expected.csv"));
        for (traces::expected_row row; rows.next(row);) {
            if (row.ok) {
                add(row.pa);
            }
        }
    }
    if (record.has_file("dma_trace.csv")) {
        traces::dma_trace_reader rows(record.file("dma_trace.csv"));
        for (traces::dma_row row; rows.next(row);) {
            if (row.result == traces::recorded_result::ok || row.result == traces::recorded_result::bypass) {
                add(row.pa);
            }
        }
    }
    return {ranges.begin(), ranges.end()};
}

std::unique_ptr<recording_dialect> dialect_of(const traces::recording& record) {
    const iommu_testbench* known = find_iommu_testbench(record.iommu);
    if (known && known->make_dialect)
        return known->make_dialect();
    std::string all;
    for (const iommu_testbench* t : iommu_testbenches())
        if (t->make_dialect)
            all += (all.empty() ? "" : ", ") + std::string(platforms::find_iommu_model(t->model)->recorded_name());
    throw input_error(record.folder, 0, 0, "a recording of " + record.iommu,
                      "one of an IOMMU that can be replayed: " + all);
}

/// A case: its name, how to make the machine it needs, and how to run it.
struct replay_case {
    std::string group;
    std::string name;
    std::function<void()> prepare;
    std::function<case_result()> run;
};

class replay {
  public:
    replay(const replay_options& options, const machine_factory& factory, std::ostream& out)
        : options_(options), factory_(factory), out_(out) {
        if (!options.disputes_file.empty()) {
            disputes_ = dispute_list(options.disputes_file);
        }
    }

    void add(const std::string& path) {
        std::error_code ignored;
        if (!fs::is_directory(path, ignored)) {
            add_vectors(path);
            return;
        }
        if (traces::is_recording(path)) {
            add_recording(path);
            return;
        }
        std::vector<fs::path> entries;
        for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
            if (is_vector_file(entry.path()) || traces::is_recording(entry.path().string())) {
                entries.push_back(entry.path());
            }
        }
        if (entries.empty()) {
            throw input_error(path, 0, 0, "a folder without vectors and recordings",
                              "a vector file or a recording's folder");
        }
        std::sort(entries.begin(), entries.end());
        for (const fs::path& entry : entries) {
            add(entry.string());
        }
    }

    void prepare() {
        std::vector<std::string> names;
        for (const replay_case& c : cases_) {
            names.push_back(c.group + '/' + c.name);
        }
        const std::vector<bool> wanted = chosen(names, options_.only, "--only");
        std::erase_if(cases_, [&, n = std::size_t{0}](const replay_case&) mutable { return !wanted[n++]; });
        for (const replay_case& c : cases_) {
            c.prepare();
        }
    }

    int run() {
        std::map<verdict, std::uint64_t> counts;
        std::uint64_t rows = 0;
        for (const replay_case& c : cases_) {
            if (process::interrupted()) {
                out_ << "interrupted\n";
                break;
            }
            const case_result result = c.run();
            ++counts[result.outcome];
            rows += result.disputed;
            report(c, result);
        }
        out_ << results::count_text(counts[verdict::passed]) << " passed, "
             << results::count_text(counts[verdict::failed]) << " failed, "
             << results::count_text(counts[verdict::disputed]) << " disputed";
        if (counts[verdict::skipped] != 0) {
            out_ << ", " << results::count_text(counts[verdict::skipped]) << " skipped";
        }
        if (rows != 0) {
            out_ << "; " << results::counted(rows, "row") << " of recordings disputed";
        }
        out_ << '\n';
        if (!options_.junit_file.empty()) {
            write_junit();
        }
        return counts[verdict::failed] == 0 ? 0 : 1;
    }

  private:
    /// A case on a machine that it may share with others.
    void add_case(const std::string& group, const std::string& name, const machine_configuration& configuration,
                  const std::function<case_result(machine&)>& run) {
        cases_.push_back({group, name,
                          [this, configuration] {
                              auto& place = machines_[configuration];
                              if (place == nullptr) {
                                  place = factory_(configuration);
                              }
                          },
                          [this, configuration, name, run] {
                              case_result result = run(*machines_[configuration]);
                              if (const dispute* const known = disputes_.find(configuration.variant, name);
                                  known != nullptr && result.outcome == verdict::failed) {
                                  result.outcome = verdict::disputed;
                                  result.reason = known->section + ": " + known->reason + "; " + result.reason;
                              }
                              return result;
                          }});
    }

    void add_vectors(const std::string& path) {
        const auto file = std::make_shared<traces::vector_file>(traces::read_vectors(path));
        for (const traces::test_vector& vector : file->vectors) {
            add_case(stem(path), vector.name, configuration_of(*file, vector, options_.mode),
                     [file, &vector, mode = options_.mode](machine& target) {
                         return run_vector(target, *file, vector, mode);
                     });
        }
    }

    void add_recording(const std::string& path) {
        const auto record = std::make_shared<traces::recording>(traces::read_recording(path));
        const std::shared_ptr<recording_dialect> dialect = dialect_of(*record);
        const machine_configuration configuration = recording_configuration(*record, options_.mode);
        for (const traces::snapshot& state : record->snapshots) {
            add_case(record->name, state.name, configuration,
                     [record, dialect, &state, mode = options_.mode](machine& target) {
                         return replay_snapshot(target, *dialect, state, mode);
                     });
        }
        if (record->has_file("dma_trace.csv")) {
            add_case(record->name, "motion", configuration, [this, record, dialect](machine& target) {
                motion_options motion{options_.mode, options_.outstanding_per_source, options_.largest_burst_bytes, {}};
                motion.progress = progress_of(record->name + "/motion");
                return replay_motion(target, *dialect, *record, motion);
            });
        }
        if (record->has_file("map_trace.txt") && options_.mappings) {
            add_maps(record, configuration);
        }
    }

    /// What software did with its mappings, done again by the driver for this IOMMU.
    void add_maps(const std::shared_ptr<traces::recording>& record, const machine_configuration& configuration) {
        struct maps_case {
            map_history history;
            std::unique_ptr<mapping_machine> target;
        };
        const auto maps = std::make_shared<maps_case>();
        cases_.push_back(
            {record->name, "maps",
             [this, record, configuration, maps] {
                 maps->history = read_map_history(*record);
                 maps->target = options_.mappings({configuration, maps->history.devices});
             },
             [this, record, maps] {
                 if (maps->target == nullptr) {
                     case_result none;
                     none.outcome = verdict::skipped;
                     none.reason = "no driver for " + record->iommu;
                     return none;
                 }
                 maps_options how{options_.mode != machine_mode::debug, progress_of(record->name + "/maps")};
                 return replay_maps(*maps->target, *record, maps->history, how);
             }});
    }

    std::function<void(std::uint64_t, std::uint64_t)> progress_of(const std::string& name) const {
        if (!options_.progress) {
            return {};
        }
        return [this, name](std::uint64_t done, std::uint64_t total) { options_.progress(name, done, total); };
    }

    void report(const replay_case& c, const case_result& result) {
        if (options_.finished) {
            options_.finished(c.group + '/' + c.name, result);
        }
        if (!options_.junit_file.empty()) {
            add_to_junit(c, result);
        }
        out_ << to_string(result.outcome) << ' ' << c.group << '/' << c.name;
        if (!result.summary.empty()) {
            out_ << ": " << result.summary;
        }
        if (!result.reason.empty()) {
            out_ << ": " << result.reason;
        }
        out_ << '\n';
        if (options_.verbose) {
            for (const std::string& line : result.details) {
                out_ << "  " << line << '\n';
            }
        }
        out_.flush();
    }

    void add_to_junit(const replay_case& c, const case_result& result) {
        if (junit_.empty() || junit_.back().name != c.group) {
            junit_.push_back({c.group, {}});
        }
        using outcome = results::junit_outcome;
        results::junit_case told{c.name, outcome::passed, result.reason, result.summary};
        if (result.outcome == verdict::failed) {
            told.outcome = outcome::failed;
            for (const std::string& line : result.details) {
                if (line.starts_with("failed: ")) {
                    told.details += '\n' + line;
                }
            }
        } else if (result.outcome != verdict::passed) {
            told.outcome = outcome::skipped;
            told.message = std::string(to_string(result.outcome)) + ": " + result.reason;
        }
        junit_.back().cases.push_back(std::move(told));
    }

    void write_junit() const {
        process::write_whole(options_.junit_file, results::junit_text("iommulab replay", junit_));
    }

    const replay_options& options_;
    const machine_factory& factory_;
    std::ostream& out_;
    dispute_list disputes_;
    std::vector<replay_case> cases_;
    std::vector<results::junit_suite> junit_;
    std::map<machine_configuration, std::unique_ptr<machine>> machines_;
};

} // namespace

int run_replay(const std::vector<std::string>& paths, const replay_options& options, const machine_factory& factory,
               std::ostream& out, std::ostream& errors) {
    try {
        if (paths.empty()) {
            throw std::runtime_error("nothing to replay: give vector files or recordings' folders");
        }
        replay all(options, factory, out);
        for (const std::string& path : paths) {
            all.add(path);
        }
        all.prepare();
        return all.run();
    } catch (const process::interruption&) {
        throw;
    } catch (const std::exception& error) {
        errors << error.what() << '\n';
        return 2;
    }
}

machine_configuration recording_configuration(const traces::recording& record, machine_mode mode) {
    return {record.iommu, "recording", mode, dialect_of(record)->id_registers(record), memory_of(record)};
}

std::string default_disputes() {
    std::error_code ignored;
    const std::string path = IOMMULAB_CONFORMANCE_DIR "/disputed.json";
    return fs::exists(path, ignored) ? path : "";
}

} // namespace iommulab::conformance
