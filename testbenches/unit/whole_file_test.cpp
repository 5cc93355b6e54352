// SPDX-License-Identifier: Apache-2.0
// Rule: under a file's name stands all of it, or what stood there before.
#include "testbenches/process/whole_file.h"
#include "traces/input_error.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace iommulab::process {
namespace {

namespace fs = std::filesystem;

class whole_files : public testing::Test {
  protected:
    whole_files() { fs::create_directories(folder_); }
    ~whole_files() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
    static void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
    static std::string text(const std::string& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    [[nodiscard]] std::ptrdiff_t files() const {
        return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
    }
    const fs::path folder_ = fs::temp_directory_path() / ("iommulab-whole-" + std::to_string(getpid()));
};

TEST_F(whole_files, replace_what_was_there_when_they_are_kept) {
    put(path("f"), "earlier");
    chmod(path("f").c_str(), 0640);
    {
        whole_file f(path("f"));
        put(f.scratch(), "new");
        EXPECT_EQ(text(path("f")), "earlier");
        f.keep();
    }
    EXPECT_EQ(text(path("f")), "new");
    struct stat now {};
    stat(path("f").c_str(), &now);
    EXPECT_EQ(now.st_mode & 0777, 0640U);
    EXPECT_EQ(files(), 1);
}

TEST_F(whole_files, leave_what_was_there_when_they_are_not) {
    put(path("f"), "earlier");
    {
        whole_file f(path("f")), g(path("g"));
        put(f.scratch(), "new");
        const whole_file moved(std::move(g));
    }
    EXPECT_EQ(text(path("f")), "earlier");
    EXPECT_EQ(files(), 1);
}

TEST_F(whole_files, go_where_a_link_leads) {
    put(path("f"), "earlier");
    fs::create_symlink("f", path("link"));
    write_whole(path("link"), "new");
    EXPECT_TRUE(fs::is_symlink(path("link")));
    EXPECT_EQ(text(path("f")), "new");
}

TEST_F(whole_files, that_cannot_be_are_refused_by_name) {
    EXPECT_THROW(whole_file(path("nowhere/f")), input_error);
    EXPECT_THROW(whole_file(folder_.string()), input_error);
    EXPECT_THROW(write_whole("/dev/full", "text"), input_error);
    write_whole("/dev/null", "text");
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
    try {
        write_whole(path("nowhere/f"), "text");
    } catch (const input_error& e) {
        EXPECT_EQ(e.file(), path("nowhere/f"));
    }
}

} // namespace
} // namespace iommulab::process
