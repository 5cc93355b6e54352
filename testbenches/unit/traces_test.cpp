// SPDX-License-Identifier: Apache-2.0
// Readers of recorded input: what they read, and what they say about input that is wrong.
#include "traces/access_trace.h"
#include "traces/csv_reader.h"
#include "traces/input_error.h"
#include "traces/line_reader.h"
#include "traces/map_trace.h"
#include "traces/number.h"
#include "traces/recording.h"
#include "traces/vectors.h"

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <unistd.h>
#include <vector>

namespace iommulab::traces {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class traces : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("iommulab-traces-" + std::to_string(::getpid()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        const fs::path path = folder_ / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }

    std::string write_gz(const std::string& name, const std::string& text, std::size_t cut_bytes = 0) {
        const fs::path path = folder_ / name;
        fs::create_directories(path.parent_path());
        {
            std::ofstream file(path, std::ios::binary);
            boost::iostreams::filtering_ostream out;
            out.push(boost::iostreams::gzip_compressor());
            out.push(file);
            out << text;
        }
        fs::resize_file(path, fs::file_size(path) - cut_bytes);
        return path.string();
    }

    fs::path folder_;
};

/// Runs `action`, which must throw an input_error, and returns it.
input_error error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const input_error& error) {
        return error;
    }
    ADD_FAILURE() << "no input_error";
    return {"", 0, 0, "", ""};
}

TEST(numbers, hexadecimal_with_prefix_or_decimal_and_nothing_else) {
    EXPECT_EQ(parse_number("0x1F"), 31u);
    EXPECT_EQ(parse_number("40"), 40u);
    EXPECT_EQ(parse_number("0xffffffffffffffff"), ~std::uint64_t{0});
    for (const char* wrong : {"", "0x", "0x1g", "12a", "-1", " 1", "1 ", "0x10000000000000000", "1.5"}) {
        EXPECT_FALSE(parse_number(wrong)) << wrong;
    }
    EXPECT_EQ(parse_bytes("00fF"), (std::vector<std::uint8_t>{0, 255}));
    EXPECT_FALSE(parse_bytes("0"));
    EXPECT_FALSE(parse_bytes("0g"));
}

TEST(input_errors, leave_out_what_is_not_known) {
    EXPECT_STREQ(input_error("a", 2, 3, "x", "y").what(), "a:2:3: found x, expected y");
    EXPECT_STREQ(input_error("a", 2, 0, "x", "y").what(), "a:2: found x, expected y");
    EXPECT_STREQ(input_error("a", 0, 0, "x", "y").what(), "a: found x, expected y");
}

TEST_F(traces, lines_are_the_same_plain_and_compressed) {
    const std::string text = "one\r\ntwo\n\nlast without an end";
    for (const std::string& path : {write("a.txt", text), write_gz("a.txt.gz", text)}) {
        line_reader lines(path);
        std::vector<std::string> seen;
        for (std::string line; lines.next(line);) {
            seen.push_back(line);
        }
        EXPECT_EQ(seen, (std::vector<std::string>{"one", "two", "", "last without an end"})) << path;
        EXPECT_EQ(lines.line(), 4u);
    }
}

TEST_F(traces, truncated_gzip_is_an_error_that_names_the_line_reached) {
    std::string text = "source_id,address,size_bytes,rw\n";
    std::uint64_t scramble = 1;
    for (int i = 0; i < 20000; ++i) {
        scramble = scramble * 6364136223846793005u + 1442695040888963407u;
        text += "0x10," + hex(scramble >> 32) + ",64,r\n";
    }
    // Cut in the check sum, in the middle, and shortly after the header.
    for (const std::size_t cut : {std::size_t{4}, std::size_t{100000}, std::size_t{1}}) {
        const std::string path = write_gz("cut.csv.gz", text, cut);
        const input_error error = error_of([&] {
            access_trace_reader trace(path);
            for (traced_access access; trace.next(access);) {
            }
        });
        EXPECT_EQ(error.file(), path);
        EXPECT_GT(error.line(), 1u) << error.what();
        EXPECT_THAT(error.what(), HasSubstr("ends early"));
    }
    const std::string path = write_gz("short.csv.gz", text);
    fs::resize_file(path, 12);
    EXPECT_THAT(error_of([&] { access_trace_reader trace(path); }).what(), HasSubstr("ends early"));
}

TEST_F(traces, damaged_gzip_and_missing_files_are_errors) {
    std::string path = write("not.csv.gz", "source_id\n");
    EXPECT_THAT(error_of([&] { line_reader lines(path); }).what(), HasSubstr("no gzip header"));
    EXPECT_THAT(error_of([&] { line_reader lines((folder_ / "none").string()); }).what(), HasSubstr("No such file"));
    EXPECT_THAT(error_of([&] { line_reader lines(folder_.string()); }).what(), HasSubstr("a folder"));
    path = write_gz("damaged.csv.gz", std::string(100000, 'x') + "\nsource");
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(30);
        file.write("\xff\xff\xff\xff", 4);
    }
    EXPECT_THAT(error_of([&] { read_text(path); }).what(), HasSubstr("damaged"));
}

TEST_F(traces, csv_columns_go_by_name) {
    csv_reader csv(write("a.csv", "b,a\n1,0x2\n"), {{"a"}, {"b"}, {"c", false}});
    ASSERT_TRUE(csv.next());
    EXPECT_EQ(csv.number(0), 2u);
    EXPECT_EQ(csv.number(1), 1u);
    EXPECT_FALSE(csv.has(2));
    EXPECT_EQ(csv.number_or(2, 7), 7u);
    EXPECT_FALSE(csv.next());
}

TEST_F(traces, csv_errors_name_line_and_column) {
    const auto open = [&](const std::string& text) {
        const std::string path = write("a.csv", text);
        return error_of([&] {
            csv_reader csv(path, {{"a"}, {"b"}});
            while (csv.next()) {
                csv.number(0);
                csv.number(1, 100);
            }
        });
    };
    input_error error = open("a,b,c\n");
    EXPECT_EQ(error.line(), 1u);
    EXPECT_EQ(error.column(), 5u);
    EXPECT_THAT(error.what(), HasSubstr("column 'c'"));
    EXPECT_THAT(open("a\n").what(), HasSubstr("no column 'b'"));
    EXPECT_THAT(open("a,a,b\n").what(), HasSubstr("a second time"));
    EXPECT_THAT(open("").what(), HasSubstr("an empty file"));
    error = open("a,b\n1,2\n1\n");
    EXPECT_EQ(error.line(), 3u);
    EXPECT_THAT(error.what(), HasSubstr("1 field,"));
    error = open("a,b\n1,zwei\n");
    EXPECT_EQ(error.line(), 2u);
    EXPECT_EQ(error.column(), 3u);
    EXPECT_THAT(error.what(), HasSubstr("b 'zwei'"));
    EXPECT_THAT(open("a,b\n1,101\n").what(), HasSubstr("at most 0x64"));
}

TEST_F(traces, an_access_trace_is_read_as_people_write_it) {
    const std::string text = "\xef\xbb\xbf# of a board\n\ntime_ns, source_id ,address,size_bytes,rw,pasid,who\r\n"
                             "5.25, 0x10,0x1000, 64,W,3,nic\n  # between\n5.2507,0x18,0xffffffffffffffc0,64,r,,disk\n"
                             ",1,0,4,R,, \n";
    for (const std::string& path : {write("t.csv", text), write_gz("t.csv.gz", text)}) {
        access_trace_reader in(path);
        EXPECT_EQ(in.ignored_columns(), (std::vector<std::string>{"who"}));
        traced_access access;
        ASSERT_TRUE(in.next(access));
        EXPECT_EQ(access.time_ps, 5250u);
        EXPECT_EQ(access.source_id, 0x10u);
        EXPECT_EQ(access.address, 0x1000u);
        EXPECT_EQ(access.size_bytes, 64u);
        EXPECT_TRUE(access.write);
        EXPECT_EQ(access.pasid, 3u);
        ASSERT_TRUE(in.next(access));
        EXPECT_EQ(access.time_ps, 5250u); // beyond picoseconds nothing counts
        EXPECT_EQ(access.address, 0xffff'ffff'ffff'ffc0u);
        EXPECT_FALSE(access.write);
        EXPECT_FALSE(access.pasid);
        ASSERT_TRUE(in.next(access));
        EXPECT_FALSE(access.time_ps);
        EXPECT_FALSE(access.write);
        EXPECT_FALSE(in.next(access));
    }
}

TEST_F(traces, a_trace_for_a_source_of_its_own_needs_no_source_id) {
    const std::string path = write("t.csv", "address,size_bytes,rw\n64,4,r\n");
    access_trace_reader in(path, trace_sources::own);
    traced_access access;
    ASSERT_TRUE(in.next(access));
    EXPECT_EQ(access.address, 64u);
    EXPECT_THAT(error_of([&] { access_trace_reader recorded(path); }).what(), HasSubstr("no column 'source_id'"));
}

TEST_F(traces, access_trace_errors) {
    const auto read = [&](const std::string& text, unsigned bits = 64) {
        const std::string path = write("t.csv", text);
        return error_of([&] {
            access_trace_reader in(path, trace_sources::recorded, {.address_bits = bits});
            for (traced_access access; in.next(access);) {
            }
        });
    };
    const std::string header = "time_ns,source_id,address,size_bytes,rw\n";
    input_error error = read(header + "5,1,0,4,r\n4,1,0,4,r\n");
    EXPECT_EQ(error.line(), 3u);
    EXPECT_THAT(error.what(), HasSubstr("time going backwards"));
    error = read(header + "5,1,0xffffffff,1,r\n6,1,0xffffffff,2,r\n", 32);
    EXPECT_EQ(error.line(), 3u);
    EXPECT_EQ(error.column(), 5u);
    EXPECT_THAT(error.what(), HasSubstr("bus of 32 bits"));
    EXPECT_THAT(read(header + "5,1,0xffffffffffffffff,2,r\n").what(), HasSubstr("0xffffffffffffffff"));
    EXPECT_THAT(read(header + "5,1,0,0,r\n").what(), HasSubstr("at least one byte"));
    EXPECT_THAT(read(header + "5,1,0,4,rw\n").what(), HasSubstr("r or w"));
    EXPECT_THAT(read(header + "5,0x100000000,0,4,r\n").what(), HasSubstr("at most 0xffffffff"));
    EXPECT_THAT(read("source_id,adress,size_bytes,rw\n").what(), HasSubstr("no column 'address' beside 'adress'"));
    EXPECT_THAT(read(header + "5.5,1,0,4,r\n5.4,1,0,4,r\n").what(), HasSubstr("5.4 ns after 5.5 ns"));
    // 2^63 ps
    EXPECT_THAT(read(header + "9223372036854775.807,1,0,4,r\n9223372036854775.808,1,0,4,r\n").line(), 3u);
    EXPECT_THAT(read(header + "18446744073709552000,1,0,4,r\n").what(), HasSubstr("a number of nanoseconds"));
    EXPECT_THAT(read(header + "18446744073709551,1,0,4,r\n").what(), HasSubstr("at most 9223372036854775 ns"));
    for (const char* wrong : {"5.", ".5", "5.5.5", "5.-1", "-1", "5e3", "0x5.5"}) {
        EXPECT_THAT(read(header + wrong + ",1,0,4,r\n").what(), HasSubstr("possibly with a fraction")) << wrong;
    }
}

std::string vector_file_text(const std::string& steps) {
    return "{\"format\": 1, \"iommu\": \"smmuv3\", \"ram\": [{\"base\": \"0x1000\", \"size\": \"0x1000\"}],\n"
           "\"vectors\": [\n"
           "{\"name\": \"v\", \"machine\": \"m\", \"tags\": [\"regs\"], \"steps\": [\n" +
           steps + "\n]}]}\n";
}

TEST_F(traces, vectors_give_the_architectures_outcome_where_it_differs) {
    const vector_file file = read_vectors(write_gz(
        "v.json.gz",
        vector_file_text(
            R"({"op": "reg_check", "off": "0x4", "width": 4, "val": "0x7", "arch": {"val": "0x8"}, "deviation": "why"},
{"op": "dma_read", "rid": "0x10", "iova": "0x5", "len": 2, "result": "ok", "data": "0102", "arch": {"result": "fault"}},
{"op": "dma_read", "rid": 16, "iova": "0x5", "len": "0x2", "result": "ok", "data": "0102", "alt": [{"result": "any"}]},
{"op": "dma_write", "rid": 16, "iova": "0x5", "data": "ff", "watch": "0x1000", "result": "fault", "unreviewed": true})")));
    ASSERT_EQ(file.vectors.size(), 1u);
    const auto& steps = file.vectors[0].steps;
    ASSERT_EQ(steps.size(), 4u);
    EXPECT_EQ(steps[0].expected.value, 8u);
    EXPECT_EQ(steps[1].expected.result, vector_result::fault);
    EXPECT_FALSE(steps[1].expected.data);
    EXPECT_EQ(steps[2].size_bytes, 2u);
    EXPECT_EQ(steps[2].source_id, 0x10u);
    EXPECT_EQ(steps[2].alternatives.at(0).result, vector_result::any);
    EXPECT_TRUE(steps[3].unreviewed);
    EXPECT_EQ(steps[3].watch, 0x1000u);
    EXPECT_EQ(steps[2].line, 6u);
    EXPECT_EQ(file.id_registers("m"), (std::map<std::uint64_t, std::uint64_t>{{4, 8}}));
    EXPECT_TRUE(file.id_registers("other").empty());
}

TEST_F(traces, vector_errors_name_place_vector_and_step) {
    const auto read = [&](const std::string& steps) {
        const std::string path = write("v.json", vector_file_text(steps));
        return error_of([&] { read_vectors(path); });
    };
    input_error error = read("{\"op\": \"reg_check\", \"off\": \"0x4\", \"width\": 4, \"val\": \"0x7\"},\n"
                             "{\"op\": \"reg_check\", \"off\": \"zero\", \"width\": 4, \"val\": \"0x7\"}");
    EXPECT_EQ(error.line(), 5u);
    EXPECT_EQ(error.column(), 28u);
    EXPECT_THAT(error.what(), HasSubstr("vector v, step 1"));
    EXPECT_THAT(read(R"({"op": "jump"})").what(), HasSubstr("one of mem_write"));
    EXPECT_THAT(read(R"({"op": 7})").what(), HasSubstr("a string"));
    EXPECT_THAT(read(R"({"op": "reg_check", "off": true, "width": 4, "val": 1})").what(), HasSubstr("a number"));
    EXPECT_THAT(read(R"({"op": "reg_check", "off": -4, "width": 4, "val": 1})").what(), HasSubstr("a number"));
    EXPECT_THAT(read(R"({"op": "reg_check", "off": 4, "width": 3, "val": 1})").what(), HasSubstr("1, 2, 4 or 8"));
    EXPECT_THAT(read(R"({"op": "reg_check", "off": 4, "width": 4})").what(), HasSubstr("\"val\""));
    EXPECT_THAT(read(R"({"op": "mem_fill", "addr": "0x1000", "len": "0xffffffffffff", "byte": 0})").what(),
                HasSubstr("at most"));
    error = read(R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "fault"},
{"op": "mem_write", "addr": "0x1000", "data": "00", "coment": "", "adrr": 4})");
    EXPECT_EQ(error.line(), 5u);
    EXPECT_EQ(error.column(), 53u);
    EXPECT_THAT(error.what(), HasSubstr("unknown member 'coment', 'adrr' (vector v, step 1)"));
    EXPECT_THAT(read(R"({"op": "reg_write", "off": 4, "width": 4, "val": 1, "arch": {"val": 2}})").what(),
                HasSubstr("unknown member 'arch'"));
    EXPECT_THAT(read(R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 1, "result": "ok", "data": "00",
                         "alt": [{"reslt": "fault"}]})")
                    .what(),
                HasSubstr("unknown member 'reslt'"));
    EXPECT_THAT(read(R"({"op": "mem_write", "addr": "0x1000", "data": "00"})").what(),
                HasSubstr("no step that checks anything (vector v)"));
    EXPECT_THAT(read(R"({"op": "mem_write", "addr": "0x1fff", "data": "0000"})").what(), HasSubstr("\"ram\""));
    EXPECT_THAT(read(R"({"op": "mem_write", "addr": "0xffffffffffffffff", "data": "0000"})").what(),
                HasSubstr("\"ram\""));
    EXPECT_THAT(read(R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 2, "result": "ok", "data": "00"})").what(),
                HasSubstr("1 bytes of data"));
    EXPECT_THAT(read(R"({"op": "dma_read", "rid": 1, "iova": 0, "len": 2, "result": "maybe"})").what(),
                HasSubstr("partial"));

    const auto whole = [&](const std::string& text) {
        const std::string path = write("w.json", text);
        return error_of([&] { read_vectors(path); });
    };
    EXPECT_EQ(whole(R"({"format":1,"vectors":[{"name":"a","steps":[],"steps":[{"op":"reg_check"}]}]})").column(), 47u);
    error = whole("{\"format\": 1,\n \"iommu\": }");
    EXPECT_EQ(error.line(), 2u);
    EXPECT_THAT(whole("{\"format\": 1").what(), HasSubstr("the end of the file"));
    EXPECT_THAT(whole("{\"format\": 2}").what(), HasSubstr("format = '2'"));
    EXPECT_THAT(whole("[]").what(), HasSubstr("an object"));
    EXPECT_THAT(whole("{} {}").what(), HasSubstr("nothing after the end"));
    EXPECT_THAT(whole(std::string(100, '[')).what(), HasSubstr("nested 65 deep"));
}

TEST_F(traces, a_vector_writes_no_more_memory_than_a_machine_should_keep) {
    const auto read = [&](int fills) {
        std::string steps;
        for (int i = 0; i < fills; ++i) {
            steps += R"({"op": "mem_fill", "addr": ")" + hex(std::uint64_t{0x0400'0000} * i) +
                     R"(", "len": "0x4000000", "byte": 1},)";
        }
        return write("f.json", R"({"format": 1, "iommu": "gart", "ram": [{"base": 0, "size": "0x100000000"}],
"vectors": [{"name": "v", "machine": "m", "steps": [)" +
                                   steps + R"({"op": "mem_check", "addr": 0, "len": 1, "data": "01"}]}]})");
    };
    EXPECT_EQ(read_vectors(read(4)).vectors[0].steps.size(), 5u); // 256 MiB
    EXPECT_THAT(error_of([&] { read_vectors(read(5)); }).what(), HasSubstr("(vector v, step 4)"));
}

constexpr char state_text[] = R"({"tag": "t", "order": 7, "mmio_base": "0x0", "ram_base": "0x0", "ram_size": "0x1000",
 "registers": {"0x0": "0x00000001", "0x4": "0x2"}})";

TEST_F(traces, a_recording_is_read_from_its_folder) {
    write("r/snap-b/state.json", state_text);
    write("r/inv_log.csv", "order,time_ns,qword0,qword1,type\n1,2,0x46,0x0,SMMU_CMD_SYNC\n");
    write_gz("r/dma_trace.csv.gz",
             "seq,order,time_ns,source_id,iova,pa,size,rw,result,page_size,perm,role,req_id,walk_reads\n"
             "0,1,2,0x18,0x1000,0x2000,64,r,ok,4096,rw,dma,0,1000:8;2008:64\n"
             "1,2,2,0x18,0x1000,,4,w,fault:SMMU_EVT_F_TRANSLATION,,-,lookahead,0,\n");
    const recording record = read_recording((folder_ / "r").string() + "/");
    EXPECT_EQ(record.name, "r");
    EXPECT_EQ(record.iommu, "smmuv3");
    ASSERT_EQ(record.snapshots.size(), 1u);
    EXPECT_EQ(record.snapshots[0].register64(0), 0x200000001u);
    dma_trace_reader trace(record.file("dma_trace.csv"));
    dma_row row;
    ASSERT_TRUE(trace.next(row));
    EXPECT_EQ(row.pa, 0x2000u);
    EXPECT_TRUE(row.readable && row.writable && !row.write && !row.lookahead);
    EXPECT_EQ(row.walk_reads, (std::vector<table_read>{{0x1000, 8}, {0x2008, 64}}));
    ASSERT_TRUE(trace.next(row));
    EXPECT_EQ(row.result, recorded_result::fault);
    EXPECT_EQ(row.fault_code, "SMMU_EVT_F_TRANSLATION");
    EXPECT_TRUE(row.lookahead && row.write && !row.readable && !row.writable);
    EXPECT_FALSE(trace.next(row));
}

TEST_F(traces, recording_errors) {
    EXPECT_FALSE(is_recording((folder_ / "none").string()));
    EXPECT_THAT(error_of([&] { read_recording(folder_.string()); }).what(), HasSubstr("a recording's folder"));
    write("r/snap-b/state.json", "{\"tag\": \"t\"}");
    EXPECT_THAT(error_of([&] { read_recording((folder_ / "r").string()); }).what(), HasSubstr("\"order\""));
    write("r/snap-b/state.json", state_text);
    EXPECT_THAT(error_of([&] { read_recording((folder_ / "r").string()); }).what(), HasSubstr("inv_log.csv"));

    const std::string pages =
        write("pages.jsonl", "{\"addr\": \"0x0\", \"kind\": \"cd\", \"hex\": \"00\"}\n{\"addr\": \"0x0\"}\n");
    input_error error = error_of([&] {
        pages_reader reader(pages);
        for (table_page page; reader.next(page);) {
        }
    });
    EXPECT_EQ(error.line(), 2u);

    const std::string header =
        "seq,order,time_ns,source_id,iova,pa,size,rw,result,page_size,perm,role,req_id,walk_reads\n";
    const auto trace = [&](const std::string& rows) {
        const std::string path = write("dma_trace.csv", header + rows);
        return error_of([&] {
            dma_trace_reader reader(path);
            for (dma_row row; reader.next(row);) {
            }
        });
    };
    EXPECT_THAT(trace("0,2,2,1,0,0,4,r,ok,4096,rw,dma,0,\n0,1,2,1,0,0,4,r,ok,4096,rw,dma,0,\n").what(),
                HasSubstr("never decrease"));
    EXPECT_THAT(trace("0,2,2,1,0,0,4,r,okay,4096,rw,dma,0,\n").what(), HasSubstr("bypass"));
    EXPECT_THAT(trace("0,2,2,1,0,0,4,r,ok,4096,wr,dma,0,\n").what(), HasSubstr("perm 'wr'"));
    EXPECT_THAT(trace("0,2,2,1,0,,4,r,ok,4096,rw,dma,0,\n").what(), HasSubstr("pa ''"));
    error = trace("0,2,2,1,0,0,4,r,ok,4096,rw,dma,0,12:8;zz:8\n");
    EXPECT_EQ(error.line(), 2u);
    EXPECT_THAT(error.what(), HasSubstr("ADDRESS:BYTES"));
}

const std::string map_trace_head = "# tracer: nop\n#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n";

TEST_F(traces, map_trace_events) {
    using kind = map_event::kind;
    const std::string path = write_gz(
        "map_trace.txt.gz",
        map_trace_head +
            "          insmod-106     [000] .....     2.059890: add_device_to_group: IOMMU: groupID=3 "
            "device=0000:00:03.1\n"
            "          insmod-106     [000] .....     2.063400: attach_device_to_domain: IOMMU: device=0000:01:1f.0\n"
            "     a [b] c-d:1H-23     [012] d.h..    12.000047: map: IOMMU: iova=0x00000000ffffc000 - "
            "0x00000000ffffe000 paddr=0x0000000008090000 size=8192\n"
            "          <idle>-0       [001] d.h2.    13.000000: qi_submit: iotlb_inv dmar0: 0x400f2 0xfff1b000 0x0 "
            "0x0\n"
            "          <idle>-0       [001] d.h..    14.092429: unmap: IOMMU: iova=0xfffffffffffff000 - "
            "0x0000000000000000 size=4096 unmapped_size=0\n"
            "            init-1       [000] .....    15.755554: tracing_mark_write: lt: net start\n");
    map_trace_reader reader(path);
    std::vector<map_event> seen;
    for (map_event event; reader.next(event);) {
        seen.push_back(event);
    }
    ASSERT_EQ(seen.size(), 5u);
    EXPECT_EQ(seen[0].what, kind::group);
    EXPECT_EQ(seen[0].group, 3u);
    EXPECT_EQ(seen[0].device, 0x19u);
    EXPECT_EQ(seen[0].time_us, 2'059'890u);
    EXPECT_EQ(seen[1].what, kind::attach);
    EXPECT_EQ(seen[1].device, 0x1f8u);
    EXPECT_EQ(seen[2].what, kind::map);
    EXPECT_EQ(seen[2].cpu, 12u);
    EXPECT_EQ(seen[2].iova, 0xffffc000u);
    EXPECT_EQ(seen[2].pa, 0x8090000u);
    EXPECT_EQ(seen[2].size_bytes, 8192u);
    EXPECT_EQ(seen[2].line, 5u);
    EXPECT_EQ(seen[3].what, kind::unmap);
    EXPECT_EQ(seen[3].size_bytes, 4096u); // the last page of 64 bits
    EXPECT_EQ(seen[3].unmapped_bytes, 0u);
    EXPECT_EQ(seen[4].text, "lt: net start");
}

TEST_F(traces, map_trace_errors) {
    const auto read = [&](const std::string& text) {
        const std::string path = write("map_trace.txt", map_trace_head + text + "\n");
        return error_of([&] {
            map_trace_reader reader(path);
            for (map_event event; reader.next(event);) {
            }
        });
    };
    const std::string head = "  insmod-106     [000] .....     2.059890: ";
    const input_error error = read(head + "map: IOMMU: iova=0x1000 - 0x3000 paddr=0x0 size=4096");
    EXPECT_EQ(error.line(), 3u);
    EXPECT_GT(error.column(), head.size());
    EXPECT_THAT(error.what(), HasSubstr("found 4096 bytes, expected 8192"));
    EXPECT_THAT(read("CPU:1 [LOST 17 EVENTS]").what(), HasSubstr("found lost events"));
    EXPECT_THAT(read("something else").what(), HasSubstr("TASK-PID [CPU]"));
    EXPECT_THAT(read("  insmod-106     [000] .....     2.05: map: x").what(), HasSubstr("SECONDS.MICROSECONDS"));
    EXPECT_THAT(read("  insmod-106     [000] .....").what(), HasSubstr("SECONDS.MICROSECONDS"));
    EXPECT_THAT(read("  insmod-106     [00").what(), HasSubstr("TASK-PID"));
    EXPECT_THAT(read(head + "map").what(), HasSubstr("EVENT: VALUES"));
    EXPECT_THAT(read(head + "map: iova=1").what(), HasSubstr("'IOMMU: '"));
    EXPECT_THAT(read(head + "map: IOMMU: iova=0x3000 - 0x3000 paddr=0x0 size=0").what(), HasSubstr("ends before"));
    EXPECT_THAT(read(head + "map: IOMMU: iova=0x3000 - 0x2000 paddr=0x0 size=1").what(), HasSubstr("ends before"));
    EXPECT_THAT(read(head + "map: IOMMU: iova=zz").what(), HasSubstr("expected a number"));
    EXPECT_THAT(read(head + "unmap: IOMMU: iova=0x0 - 0x1000 size=4096").what(), HasSubstr("unmapped_size="));
    EXPECT_THAT(read(head + "attach_device_to_domain: IOMMU: device=usb1").what(), HasSubstr("BUS:DEVICE.FUNCTION"));
    EXPECT_THAT(read(head + "attach_device_to_domain: IOMMU: device=0000:00:20.0").what(), HasSubstr("of PCI"));
}

} // namespace
} // namespace iommulab::traces
