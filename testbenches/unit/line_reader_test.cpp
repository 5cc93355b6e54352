// SPDX-License-Identifier: Apache-2.0
// Input without an end, with too much behind its compression, and such that can't be read.
#include "traces/input_error.h"
#include "traces/json_document.h"
#include "traces/line_reader.h"
#include "traces/vectors.h"

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace iommulab::traces {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class input_limits : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("iommulab-limits-" + std::to_string(::getpid()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    /// `count` times `piece`, compressed.
    std::string bomb(const std::string& piece, std::size_t count) {
        const std::string path = (folder_ / "bomb.json.gz").string();
        std::ofstream file(path, std::ios::binary);
        boost::iostreams::filtering_ostream out;
        out.push(boost::iostreams::gzip_compressor(boost::iostreams::gzip_params(1)));
        out.push(file);
        for (std::size_t i = 0; i < count; ++i) {
            out << piece;
        }
        return path;
    }

    fs::path folder_;
};

template <class Action>
std::string refusal(Action&& action) {
    try {
        action();
    } catch (const input_error& error) {
        return error.what();
    }
    return "";
}

TEST_F(input_limits, what_is_behind_compression_counts) {
    const std::string path = bomb(std::string(1 << 20, ' ') + '\n', 65);
    EXPECT_LT(fs::file_size(path), 1u << 20);
    EXPECT_EQ(refusal([&] { read_vectors(path); }),
              path + ":64: found more than 64 MiB of text, expected a smaller file");
    EXPECT_THAT(refusal([&] { read_text(bomb("a\n", 1 << 20), 1 << 20); }), HasSubstr("more than 1 MiB"));
    EXPECT_EQ(read_text(bomb("a\n", 1 << 19), 1 << 20).size(), 1u << 20);
}

TEST_F(input_limits, input_without_an_end_has_one) {
    EXPECT_THAT(refusal([] { read_json("/dev/zero"); }), HasSubstr("/dev/zero:1: found "));
    std::string line;
    EXPECT_THAT(refusal([&] { line_reader("/dev/zero").next(line); }), HasSubstr("a line beyond 64 MiB"));
}

TEST_F(input_limits, a_failed_read_is_not_the_end) {
    // the first page of a process is never mapped: reading it fails
    EXPECT_THAT(refusal([] { read_text("/proc/self/mem"); }), HasSubstr("/proc/self/mem: found a read error: "));
}

TEST_F(input_limits, a_pipe_is_read_as_a_file) {
    const std::string path = (folder_ / "pipe").string();
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    std::thread writer([&] {
        std::ofstream out(path);
        out << "a" << std::flush << "bc\nd";
    });
    EXPECT_EQ(read_text(path), "abc\nd\n");
    writer.join();
}

TEST_F(input_limits, a_byte_order_mark_is_no_text) {
    const std::string path = (folder_ / "mark").string();
    std::ofstream(path) << "\xef\xbb\xbf{}\n\xef\xbb\xbf";
    EXPECT_EQ(read_text(path), "{}\n\xef\xbb\xbf\n");
}

} // namespace
} // namespace iommulab::traces
