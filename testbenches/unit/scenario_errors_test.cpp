// SPDX-License-Identifier: Apache-2.0
// Rule: a scenario that can't be meant is refused by file:line:column, what was found, and what was expected.
#include "platforms/data_files.h"
#include "testbenches/harness/scenario_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace iommulab::scenarios {
namespace {

namespace fs = std::filesystem;

using scenario_errors = harness::scenario_folder;

const std::string platform = R"(platform:
  memories:
    ram: {ranges: [{base: 0x40000000, size: 1GiB}]}
  iommus:
    smmu: {model: smmu_v3, preset: mmu-600, registers: 0x1000000, ports: 2}
)";
const std::string master = R"(masters:
  nic:
    iommu: smmu
    source_id: 0x20
    map:
      - {iova: 0x10000000, pa: 0x50000000, size: 64KiB}
    traffic: {type: sequential, base: 0x10000000, size: 64KiB}
    requests: 10
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

struct wrong {
    const char* name;
    const char* what; ///< in platform + master
    const char* by;
    const char* message;
};

const wrong all_wrong[] = {
    {"unknown_key", "requests: 10", "requestz: 10",
     "s.yaml:13:5: found unknown key 'requestz' in master, expected 'requests'"},
    {"unknown_key_in_platform", "memories:", "memmories:",
     "s.yaml:2:3: found unknown key 'memmories' in platform, expected 'memories' (one of description, memories, "
     "iommus, interconnect, doorbell)\ns.yaml:2:3: found no 'memories' in platform, expected a map"},
    {"wrong_type", "source_id: 0x20", "source_id: fast",
     "s.yaml:9:16: found 'fast' for source_id, expected a whole number"},
    {"list_for_a_value", "requests: 10", "requests: [10]",
     "s.yaml:13:15: found a list for requests, expected a whole number"},
    {"value_for_a_map", "traffic: {type: sequential, base: 0x10000000, size: 64KiB}", "traffic: 3",
     "s.yaml:12:14: found '3' for traffic, expected a map"},
    {"nothing_for_a_value", "requests: 10",
     "requests:", "s.yaml:13:5: found nothing for requests, expected a whole number"},
    {"bad_unit", "size: 1GiB", "size: 1GB",
     "s.yaml:3:45: found '1GB' for size, expected bytes with B, KiB, MiB, GiB or TiB, such as 4KiB"},
    {"bad_unit_of_time", "requests: 10", "interval: 5",
     "s.yaml:13:15: found '5' for interval, expected a time in ps, ns, us, ms or s, such as 50ns"},
    {"out_of_range", "source_id: 0x20", "source_id: 0x1000000",
     "s.yaml:9:16: found '0x1000000' for source_id, expected 0 to 16777215"},
    {"unknown_preset", "preset: mmu-600", "preset: mmu-60",
     "s.yaml:5:36: found unknown preset 'mmu-60' of smmu_v3, expected 'mmu-600' (one of mmu-600, mmu-700, mmu-500, "
     "qemu, qemu-s2, qemu-nested)"},
    {"unknown_parameter", "ports: 2", "parameters: {walker: 1}",
     "s.yaml:5:80: found unknown key 'walker' in parameters of smmu_v3, expected 'walkers'"},
    {"parameter_out_of_range", "ports: 2", "parameters: {walkers: 0}",
     "s.yaml:5:89: found '0' for walkers, expected 1 to 4096 walkers"},
    {"parameter_of_no_choice", "ports: 2", "parameters: {tlb.policy: fifo}",
     "s.yaml:5:92: found 'fifo' for tlb.policy, expected one of lru, pseudo_lru, round_robin, random"},
    {"impossible_cache", "ports: 2", "parameters: {tlb.entries: 3}",
     "s.yaml:5:93: found parameters that the model refuses (tlb: cache: entries must be ways times a power of two, "
     "found 3 entries, 4 ways), expected a set that it can be built with"},
    {"impossible_identification", "ports: 2", "parameters: {IDR5: 0}",
     "s.yaml:5:86: found parameters that the model refuses (IDR5: no granule), expected a set that it can be built "
     "with"},
    {"unknown_iommu", "iommu: smmu\n", "iommu: smu\n", "s.yaml:8:12: found unknown IOMMU 'smu', expected 'smmu'"},
    {"port_that_is_not_there", "source_id: 0x20", "port: 2",
     "s.yaml:9:11: found port 2 of 'smmu', expected a port below 2"},
    {"name_used_twice", "  nic:", "  smmu:",
     "s.yaml:7:3: found 'smmu' for a master, which is the name of an IOMMU, expected each name once"},
    {"key_twice", "requests: 10", "requests: 10\n    requests: 11",
     "s.yaml:14:5: found 'requests' a second time, expected each name once"},
    {"bad_name", "  nic:", "  nic-0:",
     "s.yaml:7:3: found 'nic-0', expected a name: a letter, then letters, digits and underscores, at most 64"},
    {"overlapping_memories", "size: 1GiB}]", "size: 1GiB}, {base: 0x7ffff000, size: 8KiB}]",
     "s.yaml:3:59: found range 0x7ffff000 to 0x80000fff of memory 'ram', which overlaps 0x40000000 to 0x7fffffff of "
     "memory 'ram', expected ranges that do not overlap"},
    {"registers_in_memory", "registers: 0x1000000", "registers: 0x40000000",
     "s.yaml:5:56: found range 0x40000000 to 0x4001ffff of the registers of 'smmu', which overlaps 0x40000000 to "
     "0x7fffffff of memory 'ram', expected ranges that do not overlap"},
    {"memory_beyond_the_bus", "size: 1GiB", "size: 4096TiB",
     "s.yaml:3:27: found 4PiB from 0x40000000, which end beyond 52 address bits, expected a range below "
     "0x10000000000000"},
    {"timing_and_latency", "1GiB}]}", "1GiB}], timing: ddr4-2400, beat: 1ns}",
     "s.yaml:3:78: found 'beat' of a memory with timing ddr4-2400, expected timing: fixed, or no such key"},
    {"map_not_aligned", "size: 64KiB}\n", "size: 100}\n",
     "s.yaml:11:50: found 100 for size, expected a multiple of 4KiB"},
    {"page_smaller_than_the_granule", "size: 64KiB}\n", "size: 64KiB, page: 1KiB}\n",
     "s.yaml:11:63: found 1KiB for page, expected a power of two from the granule 4KiB"},
    {"maps_that_overlap", "size: 64KiB}\n", "size: 64KiB}\n      - {iova: 0x1000f000, pa: 0x51000000, size: 4KiB}\n",
     "s.yaml:12:16: found range 0x1000f000 to 0x1000ffff, which overlaps 0x10000000 to 0x1000ffff of the same master, "
     "expected ranges that do not overlap"},
    {"map_over_the_tables", "pa: 0x50000000", "pa: 0x7fff0000",
     "s.yaml:11:32: found range 0x7fff0000 to 0x7fffffff, which overlaps the firmware's tables at 0x7c000000 to "
     "0x7fffffff, expected memory of its own"},
    {"bypass_with_maps", "requests: 10", "requests: 10\n    translation: bypass",
     "s.yaml:14:18: found bypass with maps, expected another translation, or no map"},
    {"no_traffic", "traffic: {type: sequential, base: 0x10000000, size: 64KiB}", "burst: 64B",
     "s.yaml:8:5: found no 'traffic' in master, expected a map"},
    {"unknown_traffic", "type: sequential", "type: sequental",
     "s.yaml:12:21: found 'sequental' for type of traffic, expected 'sequential' (one of sequential, strided, uniform, "
     "zipf, pointer_chase, ring, trace)"},
    {"traffic_without_a_window", "sequential, base: 0x10000000,", "sequential,",
     "s.yaml:12:14: found no 'base' in sequential, expected bytes with B, KiB, MiB, GiB or TiB, such as 4KiB"},
    {"never_ends", "    requests: 10\n", "",
     "s.yaml:7:3: found master 'nic', which never ends, expected requests, bytes, or limits: {time: ...}"},
    {"missing_trace", "traffic: {type: sequential, base: 0x10000000, size: 64KiB}",
     "traffic: {type: trace, file: none.csv}", "none.csv: found No such file or directory, expected a readable file"},
    {"missing_recording", "masters:", "recording: {folder: nowhere}\nmaster:",
     "s.yaml:7:1: found unknown key 'master' in scenario, expected 'masters'"},
    {"expectation_that_does_not_exist", "masters:", "expect: {max_fault: 0}\nmasters:",
     "s.yaml:6:10: found unknown key 'max_fault' in expect, expected 'max_faults' (one of max_faults, min_faults, "
     "max_errors, max_wrong_reads, max_mean_latency, min_requests)"},
    {"invalidation_of_nobody",
     "masters:", "invalidations: {storm: {master: disk, iova: 0, size: 4KiB, every: 1us}}\nmasters:",
     "s.yaml:6:33: found 'disk' for master, expected a master with a map: 'nic'"},
};

TEST_F(scenario_errors, each_is_named_at_its_place) {
    ASSERT_EQ(message(platform + master), "no error");
    for (const wrong& w : all_wrong)
        EXPECT_EQ(message(replaced(platform + master, w.what, w.by)), w.message) << w.name;
    // the list of models that follows grows
    EXPECT_THAT(message(replaced(platform + master, "model: smmu_v3", "model: smmu_v4")),
                testing::StartsWith("s.yaml:5:19: found unknown model 'smmu_v4', expected 'smmu_v3'"));
}

TEST_F(scenario_errors, whole_files) {
    EXPECT_EQ(message(""), "s.yaml:1:1: found no 'platform' in scenario, expected a map");
    EXPECT_EQ(message("- 1\n"), "s.yaml:1:1: found a list for scenario, expected a map");
    EXPECT_EQ(message(platform),
              "s.yaml:1:1: found neither masters nor a recording nor software, expected one of them");
    EXPECT_EQ(message("platform: nowhere.yaml\n" + master),
              "s.yaml:1:11: found no file 'nowhere.yaml', expected the name of a platform's file, or a map");
    EXPECT_EQ(message(platform + "recording: {folder: nowhere}\n"),
              "s.yaml:6:21: found no folder 'nowhere', expected the folder of a recording");
    EXPECT_EQ(message(platform + master + "recording: {folder: nowhere}\n"),
              "s.yaml:7:3: found 'masters' beside a recording, expected a recording alone");
    EXPECT_EQ(message("platform: p.yaml\n" + master),
              "s.yaml:1:11: found no file 'p.yaml', expected the name of a platform's file, or a map");
    write("p.yaml", "memories: {ram: {ranges: []}}\n");
    EXPECT_EQ(message("platform: p.yaml\n" + master),
              "p.yaml:1:26: found no ranges in memory ram, expected at least one range");
}

TEST_F(scenario_errors, a_source_id_is_no_wider_than_the_IOMMUs_bus_has_it) {
    const std::string vtd = replaced(platform, "model: smmu_v3, preset: mmu-600", "model: vtd"),
                      gart = replaced(platform, "model: smmu_v3, preset: mmu-600", "model: gart");
    EXPECT_EQ(message(vtd + replaced(master, "0x20", "0xffff")), "no error");
    EXPECT_EQ(message(vtd + replaced(master, "0x20", "0x10018")),
              "s.yaml:9:16: found source 0x10018 behind 'smmu', expected at most 16 bits, as a source id of Intel VT-d "
              "has");
    EXPECT_EQ(message(gart + "software: {devices: {nic: {kind: nic_receive, source_id: 0x3f, count: 2, requests: 1}}}"),
              "s.yaml:6:58: found source 0x40 behind 'smmu', expected at most 6 bits, as a source id of Nvidia Tegra20 "
              "GART has");
}

TEST_F(scenario_errors, all_are_listed_at_once) {
    std::string text = replaced(platform + master, "requests: 10", "requestz: 10");
    text = replaced(text, "model: smmu_v3", "modell: smmu_v3");
    EXPECT_EQ(message(text),
              "s.yaml:13:5: found unknown key 'requestz' in master, expected 'requests'\n"
              "s.yaml:5:12: found unknown key 'modell' in iommu, expected 'model' (one of model, preset, "
              "registers, ports, parameters)\n"
              "s.yaml:5:11: found no 'model' in iommu, expected a text");
    text = replaced(platform + master, "source_id: 0x20", "port: 2");
    text = replaced(text, "size: 64KiB}\n", "size: 100}\n      - {iova: 1, pa: 0, size: 4KiB}\n");
    EXPECT_EQ(message(text + "  disk: {iommu: smmu, traffic: {type: sequential, base: 0, size: 64KiB}}\n"),
              "s.yaml:9:11: found port 2 of 'smmu', expected a port below 2\n"
              "s.yaml:11:50: found 100 for size, expected a multiple of 4KiB\n"
              "s.yaml:12:16: found 1 for iova, expected a multiple of 4KiB\n"
              "s.yaml:15:3: found master 'disk', which never ends, expected requests, bytes, or limits: {time: ...}");
}

TEST_F(scenario_errors, masters_with_one_source_id_share_an_address_space) {
    const std::string traffic = "traffic: {type: sequential, base: 0x10000000, size: 64KiB}, requests: 10";
    const auto with = [&](const std::string& more) {
        return platform + master + "  nic2: {iommu: smmu, port: 1, source_id: 0x20, " + more + traffic + "}\n";
    };
    const scenario s = read(with(""));
    ASSERT_EQ(s.masters.size(), 2U);
    EXPECT_EQ(s.masters[1].translation, firmware::translation_kind::stage1);
    EXPECT_EQ(s.masters[1].maps.size(), 1U);
    EXPECT_TRUE(s.warnings.empty());
    EXPECT_EQ(read(with("map: [{iova: 0x10000000, pa: 0x50000000, size: 64KiB}], ")).masters[0].maps.size(), 1U);
    EXPECT_EQ(read(with("map: [{iova: 0x20000000, pa: 0x50000000, size: 64KiB}], ")).masters[0].maps.size(), 2U);
    EXPECT_EQ(
        message(with("map: [{iova: 0x1000f000, pa: 0x51000000, size: 64KiB}], ")),
        "s.yaml:14:62: found range 0x1000f000 to 0x1001efff of source 0x20, which 'nic2' shares with 'nic', which "
        "overlaps 0x10000000 to 0x1000ffff, expected the same map, or ranges that do not overlap");
    EXPECT_EQ(message(with("translation: stage2, ")),
              "s.yaml:14:62: found another translation for source 0x20, which 'nic2' shares with 'nic', expected one "
              "for both");
    EXPECT_EQ(message(with("pasid: 3, translation: stage2, ")), "no error") << "another space of the same source";
}

TEST_F(scenario_errors, what_is_odd_is_warned_of_by_place) {
    const auto warnings = [&](const std::string& text) {
        std::string all;
        for (const std::string& w : read(text).warnings)
            all += w.substr(w.find("s.yaml")) + "\n";
        return all;
    };
    EXPECT_EQ(warnings(platform + master), "");
    EXPECT_EQ(warnings(replaced(platform + master, "pa: 0x50000000", "pa: 0x3fff8000")),
              "s.yaml:11:32: warning: a map to 0x3fff8000 to 0x3fffffff, where no memory is\n");
    EXPECT_EQ(warnings(replaced(platform + master, "base: 0x10000000, size: 64KiB", "base: 0x10008000, size: 64KiB")),
              "s.yaml:12:14: warning: traffic of nic to 0x10010000 to 0x10017fff, which no map covers\n");
    EXPECT_EQ(warnings(replaced(platform + master, "sequential, base: 0x10000000, size: 64KiB",
                                "ring, ring: 0x10000000, buffers: 0x10008000, completions: 0x20000000")),
              "s.yaml:12:14: warning: traffic of nic to 0x20000000 to 0x20000fff, which no map covers\n"
              "s.yaml:12:14: warning: traffic of nic to 0x10010000 to 0x10107fff, which no map covers\n");
    write("t.csv", "source_id,address,size_bytes,rw\n1,0x10000000,64,r\n1,0x1000fff0,64,r\n");
    EXPECT_EQ(warnings(replaced(platform + master, "type: sequential, base: 0x10000000, size: 64KiB",
                                "type: trace, file: t.csv")),
              "s.yaml:12:14: warning: traffic of nic to 0x10010000 to 0x10010fff, which no map covers\n");
    EXPECT_EQ(warnings("mode: lt\n" + replaced(platform + master, "requests: 10", "requests: 10\n    outstanding: 3")),
              "s.yaml:15:18: warning: outstanding has no effect in mode lt: one access after the other\n");
    EXPECT_EQ(warnings(replaced(platform + master, "requests: 10", "requests: 10\n    dmi: true")),
              "s.yaml:14:10: warning: dmi has no effect in mode at\n");
}

TEST_F(scenario_errors, software_is_checked_like_the_rest) {
    const auto software = [&](const std::string& device, const std::string& more = "") {
        return message(platform + more + "software:\n  devices:\n    nic: {" + device + "}\n");
    };
    EXPECT_EQ(software("kind: nic_receive, source_id: 1, requests: 1"), "no error");
    EXPECT_EQ(software("kind: nic_transmit, source_id: 1, requests: 1"),
              "s.yaml:8:17: found 'nic_transmit' for kind, expected one of nic_receive, nvme_read");
    EXPECT_EQ(software("kind: nic_receive, source_id: 1, requests: 1, buffer: 3000"),
              "s.yaml:8:65: found 3000 for buffer, expected a power of two");
    EXPECT_EQ(software("kind: nic_receive, source_id: 1, requests: 1, count: 65"),
              "s.yaml:8:64: found '65' for count, expected 1 to 64");
    EXPECT_EQ(software("kind: nic_receive, source_id: 1, requests: 1, port: 2"),
              "s.yaml:8:63: found port 2 of 'smmu', expected a port below 2");
    EXPECT_EQ(software("kind: nic_receive, source_id: 1, requests: 1, iommu: smu"),
              "s.yaml:8:64: found unknown IOMMU 'smu', expected 'smmu' or another of the platform");
    EXPECT_EQ(software("kind: nic_receive, source_id: 1, requests: 1", "limits: {time: 1ms}\n"),
              "s.yaml:6:9: found 'limits' beside software, expected software alone");
}

TEST_F(scenario_errors, traces_are_read_to_their_end) {
    write("t.csv", "time_ns,source_id,address,size_bytes,rw\n5,1,0x1000,64,r\n4,1,0x1000,64,r\n");
    const std::string text = replaced(platform + master, "traffic: {type: sequential, base: 0x10000000, size: 64KiB}",
                                      "traffic: {type: trace, file: t.csv}");
    EXPECT_THAT(message(text), testing::StartsWith("t.csv:3:"));
}

TEST_F(scenario_errors, overrides_are_checked_the_same_way) {
    const auto with = [&](const char* argument) { return message(platform + master, {{argument}, {}}); };
    EXPECT_EQ(with("masters.nic.requests=20"), "no error");
    EXPECT_EQ(with("masters.nic.requestz=20"),
              "--set masters.nic.requestz=20: found unknown key 'requestz' in master, expected 'requests'");
    EXPECT_EQ(
        with("platform.iommus.smmu.parameters.walkers=x"),
        "--set platform.iommus.smmu.parameters.walkers=x: found 'x' for walkers, expected a whole number (walkers)");
    EXPECT_EQ(with("platform=armv8-server.yaml"), "no error");
    EXPECT_EQ(with("platform.iommus.smmu.parameters.tlb.entries=1024"), "no error");
    EXPECT_EQ(
        with("platform.iommus.smmu.parameters.tlb.entriez=1024"),
        "--set platform.iommus.smmu.parameters.tlb.entriez=1024: found unknown key 'tlb.entriez' in parameters of "
        "smmu_v3, expected 'tlb.entries'");
}

TEST(scenario_files, those_that_come_with_the_program_are_right) {
    const std::string folder = platforms::find_data("testbenches/scenarios");
    ASSERT_FALSE(folder.empty());
    unsigned files = 0;
    for (const fs::directory_entry& e : fs::directory_iterator(folder))
        if (e.path().extension() == ".yaml") {
            EXPECT_NO_THROW(read_scenario(e.path().string())) << e.path();
            ++files;
        }
    EXPECT_GE(files, 7U);
}

} // namespace
} // namespace iommulab::scenarios
