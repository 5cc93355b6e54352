// SPDX-License-Identifier: Apache-2.0
#include "testbenches/cli/listings.h"

#include "platforms/data_files.h"
#include "platforms/settings/settings_node.h"
#include "testbenches/results/json_text.h"
#include "traces/input_error.h"
#include "traces/names.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace iommulab::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char *scenario_folder = "testbenches/scenarios", *platform_folder = "platforms";

std::string without_yaml(const std::string& name) {
    return name.ends_with(".yaml") ? name.substr(0, name.size() - 5) : name;
}

/// The YAML files of a data folder, without their ending.
std::vector<std::string> names_in(const char* folder) {
    std::vector<std::string> names = platforms::data_files(folder, ".yaml");
    std::ranges::transform(names, names.begin(), without_yaml);
    return names;
}

std::string first_line(const std::string& file) {
    const settings::node root = settings::read_yaml_file(file);
    const settings::node* const text = root.find("description");
    return text ? text->text.substr(0, text->text.find('\n')) : "";
}

std::string list(const char* what, const char* folder, bool json) {
    const std::vector<std::string> names = names_in(folder);
    std::size_t width = 0;
    for (const std::string& name : names)
        width = std::max(width, name.size());
    std::string text;
    boost::json::array all;
    for (const std::string& name : names) {
        const std::string file = platforms::find_data(fmt::format("{}/{}.yaml", folder, name)), line = first_line(file);
        text += fmt::format("{:<{}}  {}\n", name, width, line);
        all.push_back(boost::json::object{{"name", name}, {"file", file}, {"description", line}});
    }
    return json ? results::to_text(boost::json::object{{what, std::move(all)}}) : text;
}

} // namespace

std::string find_scenario(const std::string& name) {
    if (fs::exists(name) && !fs::is_directory(name)) // a pipe too
        return name;
    const std::vector<std::string> names = names_in(scenario_folder);
    const std::string wanted = without_yaml(name);
    std::vector<std::string> found, short_names = names;
    for (const std::string& n : names) {
        if (n == wanted) {
            found = {n};
            break;
        }
        const std::string last = fs::path(n).filename().string();
        short_names.push_back(last);
        if (last == wanted)
            found.push_back(n);
    }
    if (found.size() == 1)
        return platforms::find_data(fmt::format("{}/{}.yaml", scenario_folder, found.front()));
    if (found.size() > 1)
        throw input_error(name, 0, 0, "several scenarios of this name",
                          "one of " + fmt::format("{}", fmt::join(found, ", ")));
    const std::string near = nearest(fs::path(wanted).filename().string(), short_names);
    throw input_error(name, 0, 0, "no such file or scenario",
                      near.empty() ? "a scenario's file, or one of `iommulab run --list`" : quoted(near));
}

std::string find_replayable(const std::string& name) {
    if (!fs::exists(name))
        for (const char* folder : {"testbenches/conformance/", "testbenches/conformance/vectors/", "traces/"})
            for (const char* end : {"", ".json.gz"})
                if (const std::string path = platforms::find_data(folder + name + end); !path.empty())
                    return path;
    return name;
}

std::string list_scenarios(bool json) {
    return list("scenarios", scenario_folder, json);
}

std::string list_platforms(bool json) {
    return list("platforms", platform_folder, json);
}

} // namespace iommulab::cli
