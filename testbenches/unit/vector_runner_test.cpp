// SPDX-License-Identifier: Apache-2.0
// The rules by which a vector passes, fails or is disputed, on a machine that answers as it is told.
#include "testbenches/conformance/disputes.h"
#include "testbenches/conformance/replay.h"
#include "testbenches/conformance/vector_runner.h"
#include "traces/vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace iommulab::conformance {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// 4 KiB of memory at 0x1000; a write to a register sets it. DMA ends as the script says, to the address in the
/// script; a fault of the script may write event records of 32 bytes to a queue at 0x1800.
class scripted_machine final : public machine {
  public:
    struct answer {
        bool ok = true;
        std::uint64_t address = 0x1000;
        unsigned events = 0;
    };

    explicit scripted_machine(std::deque<answer> script) : script_(std::move(script)) {}

    std::string name() const override { return "scripted"; }
    void reset() override {
        memory_.assign(0x1000, 0x5a);
        registers_.clear();
        ++resets;
    }
    bool write_memory(std::uint64_t address, const std::vector<std::uint8_t>& data) override {
        if (address < 0x1000 || address + data.size() > 0x2000) {
            return false;
        }
        std::copy(data.begin(), data.end(), memory_.begin() + static_cast<std::ptrdiff_t>(address - 0x1000));
        return true;
    }
    bool read_memory(std::uint64_t address, std::vector<std::uint8_t>& data) override {
        if (address < 0x1000 || address + data.size() > 0x2000) {
            return false;
        }
        std::copy_n(memory_.begin() + static_cast<std::ptrdiff_t>(address - 0x1000), data.size(), data.begin());
        return true;
    }
    bool fill_memory(std::uint64_t address, std::uint64_t size_bytes, std::uint8_t byte) override {
        return write_memory(address, std::vector<std::uint8_t>(size_bytes, byte));
    }
    void write_register(const std::string& space, std::uint64_t offset, unsigned /*width*/,
                        std::uint64_t value) override {
        registers_[{space, offset}] = value;
    }
    std::uint64_t read_register(const std::string& space, std::uint64_t offset, unsigned /*width*/) override {
        return registers_[{space, offset}];
    }
    dma_response dma(const dma_access& access) override {
        const answer next = script_.empty() ? answer{} : script_.front();
        if (!script_.empty()) {
            script_.pop_front();
        }
        dma_response response;
        response.ok = next.ok;
        response.data.resize(access.size_bytes);
        if (next.ok && access.write) {
            write_memory(next.address, access.data);
        } else if (next.ok) {
            read_memory(next.address, response.data);
        }
        for (unsigned i = 0; i < next.events; ++i) {
            std::uint64_t& producer = registers_[{"", 0x100a8}];
            fill_memory(0x1800 + 32 * producer, 32, static_cast<std::uint8_t>(++records_));
            ++producer;
        }
        return response;
    }
    void settle() override {}
    bool advance() override { return false; }

    unsigned resets = 0;

  private:
    std::deque<answer> script_;
    std::vector<std::uint8_t> memory_;
    std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> registers_;
    unsigned records_ = 0;
};

class vector_rules : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("iommulab-vectors-" + std::to_string(::getpid()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    static std::string vector_text(const std::string& name, const std::string& steps) {
        return "{\"name\": \"" + name + "\", \"machine\": \"m\", \"steps\": [\n" + steps + "\n]}";
    }
    static std::string file_text(const std::string& vectors, const std::string& iommu = "smmuv3") {
        return "{\"format\": 1, \"iommu\": \"" + iommu +
               "\", \"ram\": [{\"base\": \"0x1000\", \"size\": \"0x1000\"}],\n\"vectors\": [\n" + vectors + "\n]}\n";
    }
    case_result run(const std::string& steps, std::deque<scripted_machine::answer> script,
                    machine_mode mode = machine_mode::at, const std::string& iommu = "smmuv3") {
        const auto file = traces::read_vectors(write("v.json", file_text(vector_text("v", steps), iommu)));
        scripted_machine target(std::move(script));
        case_result result = run_vector(target, file, file.vectors.at(0), mode);
        EXPECT_EQ(target.resets, 1u);
        return result;
    }

    fs::path folder_;
};

constexpr char fill[] = R"({"op": "mem_fill", "addr": "0x1000", "len": 16, "byte": "0x11"},)";

TEST_F(vector_rules, memory_and_registers_are_checked_bit_by_bit) {
    const std::string steps = R"({"op": "mem_write", "addr": "0x1000", "data": "0102"},
{"op": "mem_check", "addr": "0x1000", "len": 2, "data": "0102"},
{"op": "reg_write", "off": "0x20", "width": 4, "val": "0xf1", "space": "common"},
{"op": "reg_check", "off": "0x20", "width": 4, "space": "common", "mask": "0xf0", "val": "0xf7"},
)";
    EXPECT_EQ(run(steps + R"({"op": "reg_check", "off": "0x20", "width": 4, "val": "0x0"})", {}).outcome,
              verdict::passed);
    const case_result failed =
        run(steps + R"({"op": "reg_check", "off": "0x20", "width": 4, "val": "0x1", "note": "why"})", {});
    EXPECT_EQ(failed.outcome, verdict::failed);
    EXPECT_THAT(failed.reason, HasSubstr("step 4 (line 8) reg_check 0x20: found 0x0, expected 0x1 (why)"));
}

TEST_F(vector_rules, dma_must_give_result_and_data) {
    const std::string read =
        std::string(fill) + R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 2, "result": "ok", "data": "1111"})";
    EXPECT_EQ(run(read, {{.address = 0x1000}}).outcome, verdict::passed);
    EXPECT_EQ(run(read, {{.address = 0x1100}}).outcome, verdict::failed);
    EXPECT_EQ(run(read, {{.ok = false}}).outcome, verdict::failed);
    const std::string refused = R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 2, "result": "fault"})";
    EXPECT_EQ(run(refused, {{.ok = false}}).outcome, verdict::passed);
    EXPECT_EQ(run(refused, {{.ok = true}}).outcome, verdict::failed);
    const std::string partly =
        R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 2, "result": "partial", "data": "1100"})";
    EXPECT_EQ(run(partly, {{.ok = false}}).outcome, verdict::passed);
}

TEST_F(vector_rules, a_write_must_land_where_the_vector_watches) {
    const std::string allowed =
        R"({"op": "dma_write", "rid": 1, "iova": 0, "data": "7777", "watch": "0x1000", "result": "ok"})";
    EXPECT_EQ(run(allowed, {{.address = 0x1000}}).outcome, verdict::passed);
    EXPECT_EQ(run(allowed, {{.address = 0x1200}}).outcome, verdict::failed);
    const std::string refused =
        R"({"op": "dma_write", "rid": 1, "iova": 0, "data": "7777", "watch": "0x1000", "result": "fault"})";
    EXPECT_EQ(run(refused, {{.ok = false}}).outcome, verdict::passed);
    EXPECT_EQ(run(refused, {{.ok = true, .address = 0x1200}}).outcome, verdict::failed);
    // No memory there to watch: the response alone decides.
    const std::string elsewhere =
        R"({"op": "dma_write", "rid": 1, "iova": 0, "data": "7777", "watch": "0x9000", "result": "fault"})";
    EXPECT_EQ(run(elsewhere, {{.ok = false}}).outcome, verdict::passed);
}

TEST_F(vector_rules, the_architecture_replaces_what_was_recorded) {
    const std::string steps =
        R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "ok", "data": "5a", "arch": {"result": "fault"}, "deviation": "d"})";
    EXPECT_EQ(run(steps, {{.ok = false}}).outcome, verdict::passed);
    EXPECT_EQ(run(steps, {{.ok = true}}).outcome, verdict::failed);
}

TEST_F(vector_rules, alternatives_and_unreviewed_steps) {
    const std::string alternative =
        std::string(fill) + R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "ok",
 "data": "11", "alt": [{"result": "ok", "data": "5a"}]})";
    EXPECT_EQ(run(alternative, {{.address = 0x1000}}).outcome, verdict::passed);
    EXPECT_EQ(run(alternative, {{.address = 0x1100}}).outcome, verdict::passed);
    EXPECT_EQ(run(alternative, {{.ok = false}}).outcome, verdict::failed);
    const std::string any =
        R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "ok", "data": "11", "alt": [{"result": "any"}]})";
    EXPECT_EQ(run(any, {{.ok = false}}).outcome, verdict::passed);
    EXPECT_EQ(run(any, {{.ok = true}}).outcome, verdict::passed);
    const std::string unreviewed =
        R"({"op": "mem_check", "addr": "0x1000", "len": 1, "data": "00", "unreviewed": true})";
    const case_result result = run(unreviewed, {});
    EXPECT_EQ(result.outcome, verdict::passed);
    ASSERT_EQ(result.details.size(), 1u);
    EXPECT_THAT(result.details[0], HasSubstr("unreviewed"));
}

// An access that the architecture lets fail has left a record more than the recording: what follows stands one
// further on.
constexpr char queue_steps[] = R"({"op": "reg_write", "off": "0xa0", "width": 8, "val": "0x1804"},
{"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "fault"},
{"op": "reg_check", "off": "0x100a8", "width": 4, "val": "0x1"},
{"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "ok", "data": "5a", "alt": [{"result": "fault"}]},
{"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "fault"},
{"op": "mem_check", "addr": "0x1800", "len": 1, "data": "01"},
{"op": "mem_check", "addr": "0x1820", "len": 1, "data": "%"},
{"op": "reg_check", "off": "0x100a8", "width": 4, "val": "0x2"})";

std::string queue_vector(const std::string& last_record) {
    std::string steps = queue_steps;
    return steps.replace(steps.find('%'), 1, last_record);
}

TEST_F(vector_rules, resynchronises_after_an_accepted_fault) {
    EXPECT_EQ(run(queue_vector("02"), {{.ok = false, .events = 1}, {}, {.ok = false, .events = 1}}).outcome,
              verdict::passed);
    EXPECT_EQ(
        run(queue_vector("03"), {{.ok = false, .events = 1}, {.ok = false, .events = 1}, {.ok = false, .events = 1}})
            .outcome,
        verdict::passed);
    // The record is looked for where it must be now, not where it was.
    EXPECT_EQ(
        run(queue_vector("02"), {{.ok = false, .events = 1}, {.ok = false, .events = 1}, {.ok = false, .events = 1}})
            .outcome,
        verdict::failed);
    // A fault that leaves no record moves nothing.
    EXPECT_EQ(run(queue_vector("02"), {{.ok = false, .events = 1}, {.ok = false}, {.ok = false, .events = 1}}).outcome,
              verdict::passed);
}

TEST_F(vector_rules, skips_the_rest_where_the_event_queue_is_not_known) {
    const case_result result =
        run(queue_vector("ff"), {{.ok = false, .events = 1}, {.ok = false}}, machine_mode::at, "other");
    EXPECT_EQ(result.outcome, verdict::passed);
    EXPECT_THAT(result.summary, HasSubstr("the rest skipped after step 3"));
}

TEST_F(vector_rules, debug_mode_checks_translations_only) {
    const std::string steps = R"({"op": "mem_check", "addr": "0x1000", "len": 1, "data": "00"},
{"op": "reg_check", "off": "0x100a8", "width": 4, "val": "0x1"},
{"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "fault"})";
    EXPECT_EQ(run(steps, {{.ok = false}}, machine_mode::debug).outcome, verdict::passed);
    EXPECT_EQ(run(steps, {{.ok = true}}, machine_mode::debug).outcome, verdict::failed);
    const case_result nothing = run(steps.substr(0, steps.find(",\n{\"op\": \"dma")), {}, machine_mode::debug);
    EXPECT_EQ(nothing.outcome, verdict::skipped); // what checked nothing has not passed
    EXPECT_THAT(nothing.reason, HasSubstr("nothing was checked"));
}

TEST_F(vector_rules, says_what_it_ran_on_when_the_file_does_not) {
    class known_machine final : public machine {
      public:
        std::string name() const override { return "known"; }
        std::string hardware() const override { return "a model, preset p"; }
        void reset() override {}
        bool write_memory(std::uint64_t, const std::vector<std::uint8_t>&) override { return true; }
        bool read_memory(std::uint64_t, std::vector<std::uint8_t>&) override { return true; }
        bool fill_memory(std::uint64_t, std::uint64_t, std::uint8_t) override { return true; }
        void write_register(const std::string&, std::uint64_t, unsigned, std::uint64_t) override {}
        std::uint64_t read_register(const std::string&, std::uint64_t, unsigned) override { return 0; }
        dma_response dma(const dma_access&) override { return {}; }
        void settle() override {}
        bool advance() override { return false; }
    } target;
    const std::string check = R"({"op": "reg_check", "off": 0, "width": 4, "val": 0})";
    std::string vectors = vector_text("v", check);
    const auto summary = [&] {
        const auto file = traces::read_vectors(write("v.json", file_text(vectors)));
        return run_vector(target, file, file.vectors.back(), machine_mode::at).summary;
    };
    EXPECT_EQ(summary(), "1 check; the file does not say the registers of m: ran on a model, preset p");
    vectors = R"({"name": "regs", "machine": "m", "tags": ["regs"], "steps": [)" + check + "]}," + vectors;
    EXPECT_EQ(summary(), "1 check");
}

TEST_F(vector_rules, verbose_shows_what_passed_too) {
    const case_result result = run(R"({"op": "mem_check", "addr": "0x1000", "len": 1, "data": "5a"},
{"op": "dma_read", "rid": 1, "iova": "0x40", "len": 1, "result": "fault"})",
                                   {{.ok = false}});
    EXPECT_EQ(result.details, (std::vector<std::string>{"step 0 (line 4) mem_check 0x1000: 5a",
                                                        "step 1 (line 5) dma_read 0x40: fault"}));
}

TEST(case_results, failures_are_kept_whatever_else_there_is_to_say) {
    case_result result;
    for (int i = 0; i < 20000; ++i) {
        result.note("fine");
    }
    result.fail("first");
    result.fail("second");
    EXPECT_EQ(result.outcome, verdict::failed);
    EXPECT_EQ(result.reason, "first");
    EXPECT_EQ(result.failures, 2u);
    EXPECT_EQ(result.details.back(), "failed: second");
    EXPECT_LT(result.details.size(), 20000u);
    EXPECT_EQ(result.disputes(), "");
    result.dispute("row 1", "why");
    EXPECT_EQ(result.disputes(), "; 1 disputed (why)");
}

TEST_F(vector_rules, replay_reports_cases_and_exit_status) {
    const std::string check = R"({"op": "mem_check", "addr": "0x1000", "len": 1, "data": "%"})";
    const auto expecting = [&](const std::string& data) {
        return std::string(check).replace(check.find('%'), 1, data);
    };
    const std::string path =
        write("some.json", file_text(vector_text("good", expecting("5a")) + "," + vector_text("bad", expecting("00"))));
    std::vector<machine_configuration> made;
    const auto replay = [&](const std::vector<std::string>& paths, const replay_options& options, std::string& text) {
        std::ostringstream out;
        std::ostringstream errors;
        made.clear();
        const int status = run_replay(
            paths, options,
            [&](const machine_configuration& configuration) {
                made.push_back(configuration);
                return std::make_unique<scripted_machine>(std::deque<scripted_machine::answer>());
            },
            out, errors);
        text = out.str() + errors.str();
        return status;
    };
    std::string text;
    EXPECT_EQ(replay({path}, {}, text), 1);
    EXPECT_THAT(text,
                HasSubstr("passed some/good: 1 check\nfailed some/bad: 1 check: step 0 (line 6) mem_check 0x1000"));
    EXPECT_THAT(text, HasSubstr("1 passed, 1 failed, 0 disputed\n"));
    ASSERT_EQ(made.size(), 1u); // one machine for both vectors
    EXPECT_EQ(made[0].variant, "m");

    replay_options told;
    told.junit_file = (folder_ / "junit.xml").string();
    EXPECT_EQ(replay({path}, told, text), 1);
    std::stringstream junit;
    junit << std::ifstream(told.junit_file).rdbuf();
    EXPECT_THAT(junit.str(), HasSubstr(R"(<testsuite name="some" tests="2" failures="1" errors="0" skipped="0">)"));
    EXPECT_THAT(junit.str(),
                HasSubstr(R"(<failure message="step 0 (line 6) mem_check 0x1000: found 5a, expected 00">)"));
    EXPECT_FALSE(fs::exists(told.junit_file + ".partly"));
    told.junit_file = (folder_ / "none" / "junit.xml").string();
    EXPECT_EQ(replay({path}, told, text), 2);
    EXPECT_THAT(text, HasSubstr("junit.xml: found No such file or directory, expected a file that can be written"));

    replay_options only;
    only.only = {"good"};
    EXPECT_EQ(replay({path}, only, text), 0);
    EXPECT_EQ(text, "passed some/good: 1 check\n1 passed, 0 failed, 0 disputed\n");
    only.only = {"some/bda"};
    EXPECT_EQ(replay({path}, only, text), 2);
    EXPECT_THAT(text, HasSubstr("--only: found 'some/bda', expected 'some/bad'"));

    replay_options disputing;
    disputing.disputes_file =
        write("disputed",
              R"({"disputed": [{"machine": "m", "vector": "bad", "section": "Manual 1.2", "reason": "says zero"}]})");
    EXPECT_EQ(replay({path}, disputing, text), 0);
    EXPECT_THAT(text, HasSubstr("disputed some/bad: 1 check: Manual 1.2: says zero; step 0"));
    EXPECT_THAT(text, HasSubstr("1 passed, 0 failed, 1 disputed\n"));
    disputing.disputes_file = write("disputed", R"({"disputed": [{"machine": "m"}]})");
    EXPECT_EQ(replay({path}, disputing, text), 2);
    EXPECT_THAT(text, HasSubstr("disputed:1:15: found no member \"vector\""));

    // A folder stands for the vector files in it; what is wrong is found before anything runs.
    EXPECT_EQ(replay({folder_.string()}, {}, text), 1);
    write("wrong.json", "{\"format\": 1,");
    EXPECT_EQ(replay({folder_.string()}, {}, text), 2);
    EXPECT_THAT(text, HasSubstr("wrong.json:2:1: found the end of the file"));
    EXPECT_TRUE(made.empty());
    EXPECT_EQ(replay({}, {}, text), 2);
    EXPECT_EQ(replay({(folder_ / "none.json").string()}, {}, text), 2);
    EXPECT_THAT(text, HasSubstr("No such file"));
}

TEST(disputes, the_projects_list_can_be_read) {
    ASSERT_FALSE(default_disputes().empty());
    EXPECT_NO_THROW(dispute_list{default_disputes()});
}

} // namespace
} // namespace iommulab::conformance
