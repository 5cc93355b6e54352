// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/replay.h"
#include "testbenches/conformance/simulated_machine.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <systemc>

using namespace iommulab;

namespace {

int start(int argc, char** argv) {
    CLI::App app{"iommulab: a laboratory for IOMMUs", "iommulab"};
    std::vector<std::string> paths;
    conformance::replay_options options;
    std::string mode = "at";
    auto* replay = app.add_subcommand("replay", "conformance vectors and recordings");
    replay->add_option("PATH", paths)->required();
    replay->add_option("--mode", mode)->check(CLI::IsMember({"at", "lt", "debug"}));
    replay->add_option("--only", options.only);
    replay->add_flag("--verbose", options.verbose);
    CLI11_PARSE(app, argc, argv);
    options.mode = mode == "at"   ? conformance::machine_mode::at
                   : mode == "lt" ? conformance::machine_mode::lt
                                  : conformance::machine_mode::debug;
    options.disputes_file = conformance::default_disputes();
    return conformance::run_replay(paths, options, conformance::simulated_machines(), std::cout, std::cerr);
}

} // namespace

int sc_main(int argc, char** argv) {
    return start(argc, argv);
}
