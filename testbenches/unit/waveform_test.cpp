// SPDX-License-Identifier: Apache-2.0
#include "models/core/waveform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <vector>

namespace iommulab {
namespace {

using testing::HasSubstr;

class waveform : public testing::Test {
  public:
    ~waveform() override { std::filesystem::remove_all(folder_); }

  protected:
    waveform() : folder_(std::filesystem::temp_directory_path() / ("waveform_test." + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
    }
    [[nodiscard]] std::string path(const char* name = "wave.vcd") const { return (folder_ / name).string(); }
    [[nodiscard]] static std::string contents(const std::string& file_path) {
        std::ifstream file(file_path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] std::string written() const { return contents(path()); }
    /// What follows the initial values.
    [[nodiscard]] std::string changes() const {
        const std::string text = written(), marker = "$dumpvars\n";
        const auto initial = text.find(marker);
        const auto end = text.find("$end\n", initial);
        return end == std::string::npos ? "no $dumpvars" : text.substr(end + 5);
    }

  private:
    std::filesystem::path folder_;
};

TEST_F(waveform, header_scopes_and_initial_values) {
    {
        waveform_writer vcd(path());
        vcd.add("platform.smmu", "busy", 1);
        vcd.add("platform.smmu.walkers", "active", 4, 0x25); // cut to 4 bits
        vcd.add("platform", "CR[3].X", 32, 0);
        vcd.add("platform.smmu", "ASID[3]", 16, 0x8001);
        vcd.add("", "reset", 1, 1);
        vcd.finish(0);
    }
    EXPECT_EQ(written(), "$version iommulab $end\n"
                         "$timescale 1 ps $end\n"
                         "$var wire 1 % reset $end\n"
                         "$scope module platform $end\n"
                         "$var wire 32 # CR_3_X [31:0] $end\n"
                         "$scope module smmu $end\n"
                         "$var wire 1 ! busy $end\n"
                         "$var wire 16 $ ASID_3 [15:0] $end\n"
                         "$scope module walkers $end\n"
                         "$var wire 4 \" active [3:0] $end\n"
                         "$upscope $end\n$upscope $end\n$upscope $end\n"
                         "$enddefinitions $end\n"
                         "#0\n$dumpvars\n0!\nb101 \"\nb0 #\nb1000000000000001 $\n1%\n$end\n");
}

TEST_F(waveform, only_changes_are_written_and_the_last_one_of_a_time_counts) {
    waveform_writer vcd(path());
    const auto a = vcd.add("s", "a", 1), b = vcd.add("s", "b", 64);
    vcd.change(a, 0, 5);
    vcd.change(b, 3, 10);
    vcd.change(a, 1, 10);
    vcd.change(b, 3, 20);
    vcd.change(a, 0, 30);
    vcd.change(a, 1, 30); // there and back at one time: no change
    vcd.change(b, ~std::uint64_t{0}, 40);
    vcd.change(b, 0, 40);
    vcd.change(a, 6, 41); // cut to its bit
    vcd.finish(100);
    EXPECT_EQ(changes(), "#10\nb11 \"\n1!\n#40\nb0 \"\n#41\n0!\n#100\n");
}

TEST_F(waveform, pulses_fall_at_their_time_in_order) {
    waveform_writer vcd(path());
    const auto a = vcd.add("s", "a", 1), b = vcd.add("s", "b", 1), c = vcd.add("s", "c", 8);
    vcd.pulse(a, 100, 50);
    vcd.pulse(b, 120, 10);
    vcd.change(c, 1, 200);
    vcd.pulse(a, 300, 0); // one picosecond
    vcd.finish(300);
    EXPECT_EQ(changes(), "#100\n1!\n#120\n1\"\n#130\n0\"\n#150\n0!\n#200\nb1 #\n#300\n1!\n");
}

TEST_F(waveform, a_pulse_within_or_at_the_end_of_another_prolongs_it) {
    waveform_writer vcd(path());
    const auto a = vcd.add("s", "a", 1);
    vcd.pulse(a, 100, 50);
    vcd.pulse(a, 120, 50);
    vcd.pulse(a, 130, 10); // ends earlier: shortens nothing
    vcd.pulse(a, 170, 30);
    vcd.finish(1000);
    EXPECT_EQ(changes(), "#100\n1!\n#200\n0!\n#1000\n");
}

TEST_F(waveform, a_change_ends_a_pulse) {
    waveform_writer vcd(path());
    const auto a = vcd.add("s", "a", 1);
    vcd.pulse(a, 100, 500);
    vcd.change(a, 0, 110);
    vcd.pulse(a, 120, 10); // shorter than what is left of the first
    vcd.change(a, 1, 200);
    vcd.finish(1000); // beyond the first pulse's end at 600
    EXPECT_EQ(changes(), "#100\n1!\n#110\n0!\n#120\n1!\n#130\n0!\n#200\n1!\n#1000\n");
}

TEST_F(waveform, the_destructor_closes_at_the_last_time_seen) {
    {
        waveform_writer vcd(path());
        const auto a = vcd.add("s", "a", 1);
        vcd.pulse(a, 100, 50);
        vcd.pulse(a, 400, 50);
    }
    EXPECT_EQ(changes(), "#100\n1!\n#150\n0!\n#400\n1!\n");
}

TEST_F(waveform, after_finish_nothing_is_written) {
    waveform_writer vcd(path());
    const auto a = vcd.add("s", "a", 1);
    vcd.finish(10);
    vcd.change(a, 1, 20);
    vcd.pulse(a, 20, 5);
    vcd.finish(30);
    EXPECT_EQ(changes(), "#10\n");
}

TEST_F(waveform, names_that_become_equal_stay_apart) {
    waveform_writer vcd(path());
    vcd.add("s.nic-0", "a b", 1);
    vcd.add("s.nic-0", "a.b", 1);
    vcd.add("s.nic_0", "7", 1);
    vcd.finish(0);
    const std::string text = written();
    EXPECT_THAT(text, HasSubstr("module nic_0 $end\n$var wire 1 ! a_b $end\n$var wire 1 \" a_b_2 $end\n$upscope"));
    EXPECT_THAT(text, HasSubstr("module nic_0_2 $end\n$var wire 1 # _7 $end\n"));
}

TEST_F(waveform, misuse_is_a_logic_error) {
    waveform_writer vcd(path());
    EXPECT_THROW(vcd.add("s", "a", 0), std::logic_error);
    EXPECT_THROW(vcd.add("s", "a", 65), std::logic_error);
    EXPECT_THROW(vcd.add("s", "", 1), std::logic_error);
    const auto a = vcd.add("s", "a", 1);
    vcd.change(a, 1, 50);
    EXPECT_THROW(vcd.add("s", "b", 1), std::logic_error);
    EXPECT_THROW(vcd.change(a, 0, 49), std::logic_error);
    EXPECT_THROW(vcd.change(a + 1, 0, 60), std::logic_error);
}

TEST_F(waveform, unwritable_files_are_named) {
    try {
        waveform_writer vcd("/nonexistent/folder/w.vcd");
        FAIL() << "opened";
    } catch (const std::runtime_error& e) {
        EXPECT_THAT(e.what(), HasSubstr("/nonexistent/folder/w.vcd"));
    }
    if (std::filesystem::exists("/dev/full")) {
        waveform_writer vcd("/dev/full");
        vcd.add("s", "a", 1);
        EXPECT_THROW(vcd.finish(1), std::runtime_error);
    }
}

TEST_F(waveform, a_probe_is_silent_until_attached) {
    waveform_writer vcd(path());
    probe detached, attached;
    detached.set(1, 5);
    detached.pulse(5, 5);
    EXPECT_FALSE(detached.attached());
    attached.attach(&vcd, "s", "queue", 8, 2);
    EXPECT_TRUE(attached.attached());
    attached.set(3, 7);
    vcd.finish(8);
    EXPECT_EQ(changes(), "#7\nb11 !\n#8\n");
}

/// Reads a VCD back: every value line must have a declared identifier, and time must rise.
struct read_back {
    std::size_t signals = 0, values = 0, stamps = 0;
    bool in_order = true, known = true;
    explicit read_back(const std::string& text) {
        std::vector<std::string> ids;
        std::istringstream in(text);
        std::uint64_t time = 0;
        bool in_header = true;
        for (std::string line; std::getline(in, line);) {
            std::istringstream words(line);
            std::string word;
            if (!(words >> word))
                continue;
            if (word == "$var") {
                std::string type, bits, id;
                words >> type >> bits >> id;
                in_order = in_order && std::find(ids.begin(), ids.end(), id) == ids.end();
                ids.push_back(id);
            } else if (word == "$enddefinitions") {
                in_header = false;
            } else if (in_header) {
                continue;
            } else if (word[0] == '#') {
                const std::uint64_t next = std::stoull(word.substr(1));
                in_order = in_order && (stamps == 0 || next > time);
                time = next;
                ++stamps;
            } else if (word[0] != '$') {
                std::string id = word.substr(1);
                if (word[0] == 'b')
                    words >> id;
                known = known && std::find(ids.begin(), ids.end(), id) != ids.end();
                ++values;
            }
        }
        signals = ids.size();
    }
};

TEST_F(waveform, megabytes_of_changes_read_back_and_gtkwave_accepts_them) {
    constexpr unsigned count = 200; // identifiers of two characters
    {
        waveform_writer vcd(path());
        std::vector<waveform_writer::signal> signals;
        for (unsigned i = 0; i < count; ++i)
            signals.push_back(vcd.add("platform.unit" + std::to_string(i % 7) + ".part",
                                      "sig[" + std::to_string(i) + "]", i % 64 + 1, i));
        const auto top = vcd.add("", "outside", 64);
        std::mt19937_64 random(1);
        std::uint64_t now = 0;
        for (int i = 0; i < 60'000; ++i) {
            now += random() % 3 * 500;
            const auto s = static_cast<unsigned>(random() % count);
            if (s % 64 == 0)
                vcd.pulse(signals[s], now, 700);
            else
                vcd.change(signals[s], random(), now);
        }
        vcd.change(top, 1, now + 1);
        vcd.finish(now + 5000);
    }
    EXPECT_GT(std::filesystem::file_size(path()), std::size_t{1} << 20); // more than a buffer
    const read_back result(written());
    EXPECT_EQ(result.signals, count + 1);
    EXPECT_GT(result.values, 50'000u);
    EXPECT_TRUE(result.known);
    EXPECT_TRUE(result.in_order);

    if (std::system("command -v vcd2fst >/dev/null 2>&1") != 0)
        GTEST_SKIP() << "vcd2fst (Debian package gtkwave) is not installed";
    // vcd2fst ends with 0 even on text that is no VCD: what counts is that every change comes back out of its file.
    ASSERT_EQ(std::system(("vcd2fst " + path() + " " + path("wave.fst") + " >/dev/null 2>&1").c_str()), 0);
    ASSERT_EQ(std::system(("fst2vcd -o " + path("back.vcd") + " " + path("wave.fst") + " >/dev/null 2>&1").c_str()), 0);
    const read_back returned(contents(path("back.vcd")));
    EXPECT_EQ(returned.signals, result.signals);
    EXPECT_EQ(returned.values, result.values);
}

} // namespace
} // namespace iommulab
