// SPDX-License-Identifier: Apache-2.0
// The command line. Exit status: 0 done, 1 the run found what it was asked to look for, 2 bad input or use.
#include "platforms/data_files.h"
#include "testbenches/bench/bench.h"
#include "testbenches/cli/models_command.h"
#include "testbenches/cli/terminal.h"
#include "testbenches/conformance/driven_machine.h"
#include "testbenches/conformance/replay.h"
#include "testbenches/conformance/simulated_machine.h"
#include "testbenches/errno/errno_command.h"
#include "testbenches/scenario/progress_line.h"
#include "testbenches/scenario/run.h"
#include "testbenches/scenario/scenario_schema.h"
#include "traces/input_error.h"

#include <systemc>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace iommulab;

namespace {

constexpr int done = 0, found = 1, bad_input = 2;

struct run_arguments {
    std::string scenario = "default";
    std::string out = "out";
    scenarios::read_options read;
    scenarios::run_options run;
    std::uint64_t seed = 0;
};

struct replay_arguments {
    std::vector<std::string> paths;
    std::string mode = "at";
    conformance::replay_options options;
};

/// A scenario's file: a path, or the name of one that comes with the program.
std::string scenario_file(const std::string& name) {
    if (fs::is_regular_file(name))
        return name;
    if (name.find('/') == std::string::npos)
        for (const char* end : {".yaml", ""})
            if (const std::string path = platforms::find_data("testbenches/scenarios/" + name + end); !path.empty())
                return path;
    return name; // reading it says what is wrong
}

/// Removes a file that a failed run left half written.
class unfinished_file {
  public:
    explicit unfinished_file(const std::string& path) : path_(path), there_before_(!path.empty() && fs::exists(path)) {}
    ~unfinished_file() {
        std::error_code ignored;
        if (!path_.empty() && !finished_ && !there_before_)
            fs::remove(path_, ignored);
    }
    void finished() { finished_ = true; }

  private:
    std::string path_;
    bool there_before_, finished_ = false;
};

void write_results(const std::string& folder, const std::string& json) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        throw input_error(folder, 0, 0, error.message(), "a folder that can be written");
    const std::string path = (fs::path(folder) / "result.json").string();
    std::ofstream out(path, std::ios::binary);
    out << json;
    out.close();
    if (!out)
        throw input_error(path, 0, 0, "a write error", "a file that can be written");
}

int run(run_arguments& a) {
    a.run.columns = cli::columns();
    a.run.unicode = cli::has_unicode();
    const scenarios::scenario s = scenarios::read_scenario(scenario_file(a.scenario), a.read);
    unfinished_file vcd(a.run.vcd), timeline(a.run.timeline);
    const scenarios::run_result result = scenarios::run(s, a.run);
    write_results(a.out, result.json);
    vcd.finished();
    timeline.finished();
    if (!a.run.quiet) {
        std::cout << result.text;
        std::cout << "written: " << (fs::path(a.out) / "result.json").string();
        for (const std::string& other : {a.run.vcd, a.run.timeline})
            if (!other.empty())
                std::cout << ", " << other;
        std::cout << "\n";
    }
    return result.met ? done : found;
}

int check(const run_arguments& a) {
    const std::string path = scenario_file(a.scenario);
    scenarios::read_scenario(path, a.read);
    std::cout << path << ": no errors\n";
    return done;
}

int replay(replay_arguments& a) {
    a.options.mode = a.mode == "at"   ? conformance::machine_mode::at
                     : a.mode == "lt" ? conformance::machine_mode::lt
                                      : conformance::machine_mode::debug;
    a.options.disputes_file = platforms::find_data("testbenches/conformance/disputed.json");
    a.options.mappings = conformance::driven_machines();
    scenarios::progress_line progress(true);
    a.options.progress = [&](const std::string& name, std::uint64_t rows, std::uint64_t total) {
        progress.show(name, rows, total);
    };
    return conformance::run_replay(a.paths, a.options, conformance::simulated_machines(), std::cout, std::cerr);
}

int errnos(errno_matrix::errno_options& a) {
    scenarios::progress_line progress(true);
    a.progress = [&](std::size_t cases, std::size_t total) { progress.show("cases", cases, total); };
    std::ostringstream report;
    const bool agrees = errno_matrix::run_errno(a, report);
    progress.clear();
    std::cout << report.str();
    return agrees ? done : found;
}

void add_scenario_options(CLI::App& command, run_arguments& a) {
    command.add_option("SCENARIO", a.scenario, "a scenario's file, or the name of one that comes with the program")
        ->required();
    command.add_option("--set", a.read.overrides, "replace a value: masters.nic.outstanding=4; may be repeated")
        ->type_name("KEY=VALUE")
        ->type_size(1)
        ->allow_extra_args(false);
    command.add_option("--seed", a.seed, "of everything random")->type_name("N");
}

int start(int argc, char** argv) {
    CLI::App app{"A laboratory for IOMMUs. Without arguments: runs the default scenario.", "iommulab"};
    app.require_subcommand(0, 1);
    app.set_version_flag("--version", IOMMULAB_VERSION);

    run_arguments run_args;
    auto* run_command = app.add_subcommand("run", "run a scenario");
    add_scenario_options(*run_command, run_args);
    run_command->add_option("--out", run_args.out, "folder for result.json")->capture_default_str()->type_name("DIR");
    run_command->add_option("--vcd", run_args.run.vcd, "write waveforms")->type_name("FILE");
    run_command->add_option("--timeline", run_args.run.timeline, "write the times of single accesses, up to a million")
        ->type_name("FILE");
    run_command->add_flag("--quiet", run_args.run.quiet, "say nothing");

    run_arguments check_args;
    auto* check_command = app.add_subcommand("check", "read a scenario and say what is wrong with it; run nothing");
    add_scenario_options(*check_command, check_args);

    replay_arguments replay_args;
    auto* replay_command = app.add_subcommand("replay", "run conformance vectors and recordings");
    replay_command->add_option("PATH", replay_args.paths, "vector files, recordings' folders, or folders of them")
        ->required();
    replay_command->add_option("--mode", replay_args.mode, "how accesses are made")
        ->capture_default_str()
        ->check(CLI::IsMember({"at", "lt", "debug"}));
    replay_command->add_option("--only", replay_args.options.only, "run this case alone; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
    replay_command->add_flag("--verbose", replay_args.options.verbose, "a line for each row and step");
    replay_command->add_option("--junit", replay_args.options.junit_file, "write the outcomes as JUnit's XML too")
        ->type_name("FILE");

    errno_matrix::errno_options errno_args;
    auto* errno_command =
        app.add_subcommand("errno", "provoke every failure of attach, and compare with the tables of the drivers");
    errno_command
        ->add_option("--driver", errno_args.drivers, "of this driver alone (core: the core itself); may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
    errno_command->add_option("--rules", errno_args.rules, "under this set of rules alone; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
    errno_command->add_option("--row", errno_args.rows, "this row alone, as S3-3; may be repeated")
        ->type_name("ID")
        ->allow_extra_args(false);
    errno_command->add_flag("--callers", errno_args.callers, "also what VFIO, IOMMUFD and others make of it");
    errno_command->add_option("--format", errno_args.format, "of the output")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "json", "markdown", "html"}));
    errno_command->add_option("--out", errno_args.out, "a file instead of standard output")->type_name("FILE");

    bench::bench_options bench_args;
    auto* bench_command = app.add_subcommand("bench", "simulation speed, as ratios to raw TLM-2.0 of the same process");
    bench_command->add_flag("--json", bench_args.json, "print JSON");
    bench_command->add_option("--only", bench_args.only, "the case of this name, or those whose name contains it")
        ->type_name("NAME");
    bench_command->add_option("--rounds", bench_args.rounds, "samples of each case")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    bench_command->add_option("--scale", bench_args.scale, "operations of a sample, as a factor")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 1000.0));

    std::string model, format = "text";
    auto* models_command =
        app.add_subcommand("models", "list the models; with a name: its parameters, registers, ports, statistics");
    models_command->add_option("NAME", model, "a model");
    models_command->add_option("--format", format, "of the output")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "json"}));

    auto* reference_command = app.add_subcommand("reference", "print what a scenario may say, as Markdown");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? done : bad_input;
    }
    if (*check_command) {
        if (check_command->count("--seed") != 0)
            check_args.read.seed = check_args.seed;
        return check(check_args);
    }
    if (*replay_command)
        return replay(replay_args);
    if (*errno_command)
        return errnos(errno_args);
    if (*bench_command) {
        if (bench::run_bench(bench_args, std::cout))
            return done;
        std::cerr << "--only: found " << bench_args.only << ", which no case's name contains\n";
        return bad_input;
    }
    if (*models_command)
        return cli::show_models(model, format == "json");
    if (*reference_command) {
        std::cout << scenarios::scenario_reference();
        return done;
    }
    if (run_command->count("--seed") != 0)
        run_args.read.seed = run_args.seed;
    return run(run_args);
}

} // namespace

int sc_main(int argc, char** argv) {
    try {
        return start(argc, argv);
    } catch (const sc_core::sc_report& e) {
        std::cerr << "iommulab: " << e.what() << "\n";
    } catch (const std::exception& e) {
        std::cerr << e.what() << "\n";
    }
    return bad_input;
}

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    return sc_core::sc_elab_and_sim(argc, argv);
}
