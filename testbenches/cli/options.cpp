// SPDX-License-Identifier: Apache-2.0
#include "testbenches/cli/options.h"

#include "testbenches/process/whole_file.h"
#include "traces/input_error.h"
#include "traces/names.h"
#include "traces/number.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <utility>

namespace iommulab::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> endings{
    {{"text", ".txt"}, {"json", ".json"}, {"markdown", ".md"}, {"html", ".html"}}};

} // namespace

void add_seed(CLI::App& command, std::optional<std::uint64_t>& seed) {
    command
        .add_option_function<std::string>(
            "--seed",
            [&seed](const std::string& text) {
                seed = traces::parse_number(text);
                if (!seed)
                    throw CLI::ValidationError("--seed", "found " + quoted(text) + ", expected 0 to 2^64 - 1");
            },
            "of everything random")
        ->type_name("N");
}

void add_mode(CLI::App& command, std::string& mode, const std::vector<std::string>& modes) {
    command
        .add_option("--mode", mode,
                    "how accesses are made: cycle-approximate (at), loosely timed (lt)" +
                        std::string(std::ranges::count(modes, "debug") != 0 ? ", transport_dbg (debug)" : ""))
        ->check(CLI::IsMember(modes))
        ->type_name("MODE");
}

void add_only(CLI::App& command, std::vector<std::string>& only, const std::string& what, const std::string& others) {
    command
        .add_option("--only" + others, only,
                    what + " of this name alone, or else those whose name contains it; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
}

void add_list(CLI::App& command, bool& list, const std::string& what) {
    command.add_flag("--list", list, "list " + what + ", and do nothing");
}

void add_format(CLI::App& command, output& to, const std::vector<std::string>& formats) {
    auto* const format = command.add_option("--format", to.format, "of what is printed, or written with --out")
                             ->capture_default_str()
                             ->check(CLI::IsMember(formats))
                             ->type_name("FORMAT");
    command
        .add_flag_callback(
            "--json", [&to] { to.format = "json"; }, "the same as --format json")
        ->excludes(format);
}

void add_out(CLI::App& command, output& to) {
    command
        .add_option("--out", to.path,
                    "where the result is written: a file if it ends in .txt, .json, .md or .html, else a folder")
        ->capture_default_str()
        ->type_name("PATH");
}

std::string output::file(const std::string& name) const {
    const auto is_end = [](std::string_view wanted) {
        return [wanted](const auto& e) { return e.first == wanted || e.second == wanted; };
    };
    const std::string extension = fs::path(path).extension().string();
    if (!fs::is_directory(path) && std::ranges::any_of(endings, is_end(extension)))
        return path;
    const auto* const of_format = std::ranges::find_if(endings, is_end(format));
    return (fs::path(path) / (name + std::string(of_format->second))).string();
}

void output::write(const std::string& text, const std::string& name) const {
    if (path.empty())
        std::cout << text;
    else
        write_file(file(name), text);
}

void write_file(const std::string& path, const std::string& text) {
    std::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    if (!folder.empty())
        fs::create_directories(folder, error);
    if (error)
        throw input_error(folder.string(), 0, 0, error.message(), "a folder that can be written");
    process::write_whole(path, text);
}

std::string complaint_about_names(const CLI::App& app, int argc, const char* const* argv) {
    if (argc < 2 || *argv[1] == '-')
        return {};
    std::vector<std::string> commands, options;
    const CLI::App* command = nullptr;
    for (const CLI::App* known : app.get_subcommands(nullptr)) {
        commands.push_back(known->get_name());
        if (known->get_name() == argv[1])
            command = known;
    }
    if (command == nullptr)
        return "found command " + quoted(argv[1]) + ", expected " + one_of(argv[1], commands);
    for (const CLI::Option* option : command->get_options())
        for (const std::string& name : option->get_lnames())
            options.push_back("--" + name);
    for (int n = 2; n < argc; ++n) {
        const std::string_view all = argv[n], name = all.substr(0, all.find('='));
        if (name == "--")
            break;
        if (name.starts_with("--") && std::ranges::find(options, name) == options.end())
            return "found option " + quoted(std::string(name)) + " of " + command->get_name() + ", expected " +
                   one_of(name, options);
    }
    return {};
}

} // namespace iommulab::cli
