// SPDX-License-Identifier: Apache-2.0
#include "platforms/data_files.h"

#include "traces/input_error.h"
#include "traces/names.h"

#include <cstdlib>
#include <filesystem>
#include <set>

namespace iommulab::platforms {

namespace fs = std::filesystem;

namespace {

bool is_there(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

std::vector<fs::path> roots() {
    std::vector<fs::path> all;
    if (const char* given = std::getenv("IOMMULAB_DATA"); given && *given)
        all.emplace_back(given);
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (!error)
        all.push_back(program.parent_path().parent_path() / "share" / "iommulab");
    all.emplace_back(IOMMULAB_SOURCE_FOLDER);
    return all;
}

} // namespace

std::string find_data(std::string_view path) {
    for (const fs::path& root : roots())
        if (is_there(root / path))
            return (root / path).string();
    return {};
}

std::vector<std::string> data_files(std::string_view folder, std::string_view end) {
    std::set<std::string> found; // the same one may lie in several
    for (const fs::path& root : roots()) {
        std::error_code error;
        for (fs::recursive_directory_iterator at(root / folder, error), last; !error && at != last; at.increment(error))
            if (at->is_regular_file(error) && at->path().string().ends_with(end))
                found.insert(fs::relative(at->path(), root / folder, error).string());
    }
    return {found.begin(), found.end()};
}

std::string expected_file(std::string_view folder, const std::string& wrong, const std::string& otherwise) {
    std::vector<std::string> names; // without what all have
    for (const std::string& file : data_files(folder, ".yaml"))
        names.push_back(fs::path(file).stem().string());
    const std::string near = nearest(fs::path(wrong).stem().string(), names);
    return near.empty() ? otherwise : quoted(near + ".yaml");
}

std::string find_beside(const std::string& file, const std::string& name, std::string_view kind) {
    const fs::path beside = fs::path(file).parent_path() / name; // an absolute name replaces the folder
    std::error_code error;
    if (is_there(beside) && !fs::equivalent(beside, file, error)) // a file that has the other's name is not meant
        return beside.string();
    const std::string data = find_data((fs::path(kind) / name).string());
    return data.empty() ? beside.string() : data;
}

} // namespace iommulab::platforms
