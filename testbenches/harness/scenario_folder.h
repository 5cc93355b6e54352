// SPDX-License-Identifier: Apache-2.0
// Scenarios that a test writes, in a folder of its own that is gone at the end.
#pragma once

#include "testbenches/scenario/run.h"
#include "testbenches/scenario/scenario_schema.h"
#include "traces/input_error.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace iommulab::harness {

class scenario_folder : public testing::Test {
  protected:
    scenario_folder() { std::filesystem::create_directories(folder_); }
    ~scenario_folder() override { std::filesystem::remove_all(folder_); }

    /// Writes a file of the folder; its path.
    std::string write(const std::string& name, const std::string& text) {
        const std::string path = (folder_ / name).string();
        std::ofstream(path) << text;
        return path;
    }
    scenarios::scenario read(const std::string& text, const scenarios::read_options& options = {}) {
        return scenarios::read_scenario(write("s.yaml", text), options);
    }
    /// What reading it says, with the folder's name taken off; "no error".
    std::string message(const std::string& text, const scenarios::read_options& options = {}) {
        try {
            read(text, options);
        } catch (const input_error& e) {
            std::string what = e.what();
            const std::string prefix = folder_.string() + "/";
            for (std::size_t at; (at = what.find(prefix)) != std::string::npos;)
                what.erase(at, prefix.size());
            return what;
        }
        return "no error";
    }
    /// result.json of a run.
    static boost::json::value result(const scenarios::scenario& s) {
        scenarios::run_options quiet;
        quiet.quiet = true;
        return boost::json::parse(scenarios::run(s, quiet).json);
    }

    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("iommulab-scenario-" + std::to_string(getpid()));
};

} // namespace iommulab::harness
