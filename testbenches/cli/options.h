// SPDX-License-Identifier: Apache-2.0
// The options that more than one command has: what each means is said once, here.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::cli {

/// --seed N: of everything random.
void add_seed(CLI::App& command, std::optional<std::uint64_t>& seed);
/// --mode: how accesses are made.
void add_mode(CLI::App& command, std::string& mode, const std::vector<std::string>& modes);
/// --only NAME: those of this name or, where there are none, those whose name contains it (chosen() in
/// traces/names.h); may be repeated. `others`: further names of the option, each with a comma before it.
void add_only(CLI::App& command, std::vector<std::string>& only, const std::string& what,
              const std::string& others = "");
/// --list: say what there is, and do nothing.
void add_list(CLI::App& command, bool& list, const std::string& what);

/// Where a command's result goes, and in which form.
struct output {
    std::string format = "text";
    std::string path; ///< as --out says; empty: standard output

    /// The file for a result called `name`: the path itself when it ends as files of results do, else NAME and the
    /// format's ending in the folder of that path.
    [[nodiscard]] std::string file(const std::string& name) const;
    /// Writes `text` there, or to standard output. Throws input_error when it can't be written.
    void write(const std::string& text, const std::string& name) const;
};
/// --format, and --json for --format json.
void add_format(CLI::App& command, output& to, const std::vector<std::string>& formats);
/// --out PATH: a file or a folder.
void add_out(CLI::App& command, output& to);

/// Writes a file, and the folder that it lies in. Throws input_error.
void write_file(const std::string& path, const std::string& text);

/// What is wrong with the names of the command and of its options, with the nearest; empty: nothing.
std::string complaint_about_names(const CLI::App& app, int argc, const char* const* argv);

} // namespace iommulab::cli
