// SPDX-License-Identifier: Apache-2.0
// The command line. Exit status: 0 done, 1 the run found what it was asked to look for, 2 bad input or use.
#include "platforms/data_files.h"
#include "platforms/platform_schema.h"
#include "testbenches/bench/bench.h"
#include "testbenches/cli/listings.h"
#include "testbenches/cli/models_command.h"
#include "testbenches/cli/options.h"
#include "testbenches/cli/terminal.h"
#include "testbenches/conformance/driven_machine.h"
#include "testbenches/conformance/replay.h"
#include "testbenches/conformance/simulated_machine.h"
#include "testbenches/errno/errno_command.h"
#include "testbenches/process/interruption.h"
#include "testbenches/process/standard_output.h"
#include "testbenches/process/whole_file.h"
#include "testbenches/results/json_text.h"
#include "testbenches/scenario/progress_line.h"
#include "testbenches/scenario/run.h"
#include "testbenches/scenario/scenario_schema.h"

#include <systemc>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace iommulab;

namespace {

constexpr int done = 0, found = 1, bad_input = 2;

struct run_arguments {
    std::string scenario, mode;
    bool list = false;
    cli::output result{.path = "out"};
    scenarios::read_options read;
    scenarios::run_options run;
};

struct replay_arguments {
    std::vector<std::string> paths;
    std::string mode = "at";
    cli::output result;
    conformance::replay_options options;
};

scenarios::scenario read(run_arguments& a) {
    if (!a.mode.empty()) // the last word is that of --set
        a.read.overrides.insert(a.read.overrides.begin(), "mode=" + a.mode);
    return scenarios::read_scenario(cli::find_scenario(a.scenario), a.read);
}

int run(run_arguments& a) {
    const bool json = a.result.format == "json";
    if (a.list) {
        std::cout << cli::list_scenarios(json);
        return done;
    }
    if (a.scenario.empty())
        throw std::invalid_argument("run: found no scenario, expected a file, or one of `iommulab run --list`");
    a.run.columns = cli::columns();
    a.run.unicode = cli::has_unicode();
    const scenarios::scenario s = read(a);
    process::catch_interruptions();
    scenarios::run_result result = scenarios::run(s, a.run);
    const std::string file = cli::output{"json", a.result.path}.file("result");
    cli::write_file(file, file.ends_with(".json") ? result.json : result.text);
    for (process::whole_file& other : result.files)
        other.keep();
    if (json) {
        std::cout << result.json;
    } else if (!a.run.quiet) {
        std::cout << result.text << "written: " << file;
        for (const std::string& other : {a.run.vcd, a.run.timeline})
            if (!other.empty())
                std::cout << ", " << other;
        std::cout << "\n";
    }
    return process::interrupted() ? process::interruption_status() : result.met ? done : found;
}

int check(run_arguments& a) {
    const std::string path = cli::find_scenario(a.scenario);
    if (fs::is_regular_file(path) && platforms::is_platform_file(path)) { // a pipe can be read once
        platforms::read_platform_file(path);
    } else {
        const scenarios::scenario s = read(a);
        for (const std::string& warning : s.warnings)
            std::cout << warning << "\n";
        std::cout.flush();
        scenarios::run_options set_up;
        set_up.quiet = set_up.only_set_up = true;
        scenarios::run(s, set_up);
    }
    std::cout << path << ": no errors\n";
    return done;
}

/// Of all cases, for programs.
int replay_json(const replay_arguments& a) {
    boost::json::array cases;
    conformance::replay_options options = a.options;
    options.finished = [&](const std::string& name, const conformance::case_result& r) {
        cases.push_back(boost::json::object{{"name", name},
                                            {"outcome", conformance::to_string(r.outcome)},
                                            {"checks", r.checks},
                                            {"failures", r.failures},
                                            {"summary", r.summary},
                                            {"reason", r.reason}});
    };
    std::ostringstream lines;
    const int status = conformance::run_replay(a.paths, options, conformance::simulated_machines(), lines, std::cerr);
    if (status != bad_input)
        a.result.write(results::to_text(boost::json::object{{"cases", std::move(cases)}}), "replay");
    return status;
}

int replay(replay_arguments& a) {
    a.options.mode = a.mode == "at"   ? conformance::machine_mode::at
                     : a.mode == "lt" ? conformance::machine_mode::lt
                                      : conformance::machine_mode::debug;
    for (std::string& path : a.paths)
        path = cli::find_replayable(path);
    a.options.disputes_file = platforms::find_data("testbenches/conformance/disputed.json");
    a.options.mappings = conformance::driven_machines();
    scenarios::progress_line progress(true);
    a.options.progress = [&](const std::string& name, std::uint64_t rows, std::uint64_t total) {
        progress.show(name, rows, total);
        if (process::interrupted())
            throw process::interruption();
    };
    process::catch_interruptions();
    if (a.result.format == "json")
        return replay_json(a);
    std::ostringstream lines;
    const int status = conformance::run_replay(a.paths, a.options, conformance::simulated_machines(),
                                               a.result.path.empty() ? std::cout : lines, std::cerr);
    if (!a.result.path.empty() && status != bad_input)
        a.result.write(lines.str(), "replay");
    return status;
}

int errnos(errno_matrix::errno_options& a, const cli::output& to, const std::string& junit_file) {
    scenarios::progress_line progress(true);
    a.progress = [&](std::size_t cases, std::size_t total) {
        progress.show("cases", cases, total);
        if (process::interrupted())
            throw process::interruption();
    };
    process::catch_interruptions();
    a.format = to.format;
    std::ostringstream report;
    std::string junit;
    const bool agrees = errno_matrix::run_errno(a, report, junit_file.empty() ? nullptr : &junit);
    progress.clear();
    to.write(report.str(), "errno");
    if (!junit_file.empty())
        cli::write_file(junit_file, junit);
    return agrees ? done : found;
}

/// The scenario's argument, which the caller may require.
CLI::Option* add_scenario_options(CLI::App& command, run_arguments& a) {
    command.add_option("--set", a.read.overrides, "replace a value: masters.nic.outstanding=4; may be repeated")
        ->type_name("KEY=VALUE")
        ->type_size(1)
        ->allow_extra_args(false);
    cli::add_seed(command, a.read.seed);
    cli::add_mode(command, a.mode, {"at", "lt"});
    return command.add_option("SCENARIO", a.scenario,
                              "a scenario's file, or the name of one that comes with the program");
}

int start(int argc, char** argv) {
    CLI::App app{"A laboratory for IOMMUs. Without arguments: runs the default scenario.", "iommulab"};
    app.require_subcommand(0, 1);
    app.set_version_flag("--version", IOMMULAB_VERSION);

    run_arguments run_args;
    auto* run_command = app.add_subcommand("run", "run a scenario");
    add_scenario_options(*run_command, run_args);
    cli::add_list(*run_command, run_args.list, "the scenarios that come with the program");
    cli::add_format(*run_command, run_args.result, {"text", "json"});
    cli::add_out(*run_command, run_args.result);
    run_command->add_option("--vcd", run_args.run.vcd, "write waveforms")->type_name("FILE");
    run_command->add_option("--timeline", run_args.run.timeline, "write the times of single accesses, up to a million")
        ->type_name("FILE");
    run_command->add_flag("--quiet", run_args.run.quiet, "say nothing");

    run_arguments check_args;
    auto* check_command = app.add_subcommand("check", "read a scenario and say what is wrong with it; run nothing");
    add_scenario_options(*check_command, check_args)->required();

    replay_arguments replay_args;
    auto* replay_command = app.add_subcommand("replay", "run conformance vectors and recordings");
    replay_command->add_option("PATH", replay_args.paths, "vector files, recordings' folders, or folders of them")
        ->required();
    cli::add_mode(*replay_command, replay_args.mode, {"at", "lt", "debug"});
    cli::add_only(*replay_command, replay_args.options.only, "cases");
    cli::add_format(*replay_command, replay_args.result, {"text", "json"});
    cli::add_out(*replay_command, replay_args.result);
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
    cli::add_only(*errno_command, errno_args.rows, "rows", ",--row");
    errno_command->add_flag("--callers", errno_args.callers, "also what VFIO, IOMMUFD and others make of it");
    cli::output errno_output;
    cli::add_format(*errno_command, errno_output, {"text", "json", "markdown", "html"});
    cli::add_out(*errno_command, errno_output);
    std::string errno_junit;
    errno_command->add_option("--junit", errno_junit, "write the outcomes as JUnit's XML too")->type_name("FILE");
    bool list_injections = false;
    errno_command->add_flag("--list-injections", list_injections,
                            "list where something can be made to fail, by driver; run nothing");

    bench::bench_options bench_args;
    cli::output bench_output;
    auto* bench_command = app.add_subcommand("bench", "simulation speed, as ratios to raw TLM-2.0 of the same process");
    cli::add_format(*bench_command, bench_output, {"text", "json"});
    cli::add_out(*bench_command, bench_output);
    cli::add_only(*bench_command, bench_args.only, "cases");
    cli::add_list(*bench_command, bench_args.list, "the cases");
    bench_command->add_option("--rounds", bench_args.rounds, "samples of each case")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    bench_command->add_option("--scale", bench_args.scale, "operations of a sample, as a factor")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 1000.0));

    std::string model;
    bool of_platforms = false;
    cli::output models_output;
    auto* models_command =
        app.add_subcommand("models", "list the models; with a name: its parameters, registers, ports, statistics");
    auto* const model_name = models_command->add_option("NAME", model, "a model");
    models_command->add_flag("--platforms", of_platforms, "list the platforms instead")->excludes(model_name);
    cli::add_format(*models_command, models_output, {"text", "json", "markdown"});
    cli::add_out(*models_command, models_output);

    cli::output reference_output{.format = "markdown", .path = ""};
    auto* reference_command = app.add_subcommand("reference", "print what a scenario may say, as Markdown");
    cli::add_out(*reference_command, reference_output);

    if (const std::string complaint = cli::complaint_about_names(app, argc, argv); !complaint.empty())
        throw std::invalid_argument("iommulab: " + complaint);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? done : bad_input;
    }
    if (*check_command)
        return check(check_args);
    if (*replay_command)
        return replay(replay_args);
    if (*errno_command && list_injections) {
        errno_matrix::list_injections(errno_args.drivers, std::cout);
        return done;
    }
    if (*errno_command)
        return errnos(errno_args, errno_output, errno_junit);
    if (*bench_command) {
        bench_args.json = bench_output.format == "json";
        std::ostringstream report;
        bench::run_bench(bench_args, report);
        bench_output.write(report.str(), "bench");
        return done;
    }
    if (*models_command) {
        const bool json = models_output.format == "json";
        models_output.write(of_platforms ? cli::list_platforms(json) : cli::models_text(model, models_output.format),
                            of_platforms ? "platforms" : "models");
        return done;
    }
    if (*reference_command) {
        reference_output.write(scenarios::scenario_reference(), "scenario-reference");
        return done;
    }
    if (!*run_command)
        run_args.scenario = "default";
    return run(run_args);
}

} // namespace

int sc_main(int argc, char** argv) {
    int status = bad_input;
    try {
        status = start(argc, argv);
        process::finish_standard_output();
        return process::interrupted() ? process::interruption_status() : status;
    } catch (const process::interruption& e) {
        std::cerr << e.what() << "\n";
        return process::interruption_status();
    } catch (const sc_core::sc_report& e) {
        std::cerr << "iommulab: " << e.what() << "\n";
    } catch (const std::exception& e) {
        std::cerr << e.what() << "\n";
    }
    return bad_input;
}

int main(int argc, char** argv) {
    process::open_standard_streams();
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    return sc_core::sc_elab_and_sim(argc, argv);
}
