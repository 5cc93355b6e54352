// SPDX-License-Identifier: Apache-2.0
// The replay of recordings on a small stand-in for an SMMUv3: what is right passes, and each defect is found.
#include "sw/pagetables/arm_lpae.h"
#include "testbenches/amd_vi/syntax.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/conformance/replay.h"
#include "testbenches/smmu_v3/image.h"
#include "testbenches/smmu_v3/recorded_fake.h"
#include "testbenches/smmu_v3/syntax.h"
#include "traces/line_reader.h"
#include "traces/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace iommulab::conformance {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string recording_folder = IOMMULAB_SOURCE_DIR "/traces/smmuv3-strict";

struct replayed {
    int status;
    std::string text;
};

replayed replay(const std::string& folder, const std::vector<std::string>& only,
                fake_smmu_v3::defect broken = fake_smmu_v3::defect::none, machine_mode mode = machine_mode::at) {
    std::ostringstream out;
    replay_options options;
    options.mode = mode;
    options.only = only;
    const int status = run_replay(
        {folder}, options,
        [&](const machine_configuration& configuration) {
            return std::make_unique<fake_smmu_v3>(configuration, broken);
        },
        out, out);
    return {status, out.str()};
}

TEST(recording_at_rest, every_row_of_every_snapshot) {
    const replayed result = replay(recording_folder, {"snap-midio", "snap-quiet", "snap-ident"});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_THAT(result.text, HasSubstr("passed smmuv3-strict/snap-midio: 6,969 rows\n"));
    EXPECT_THAT(result.text, HasSubstr("passed smmuv3-strict/snap-quiet: 2,265 rows\n"));
    EXPECT_THAT(result.text, HasSubstr("passed smmuv3-strict/snap-ident: 2,247 rows"));
    EXPECT_THAT(result.text, HasSubstr("3 passed, 0 failed, 0 disputed; 46 rows of recordings disputed\n"));
}

TEST(recording_at_rest, defects_are_found) {
    using defect = fake_smmu_v3::defect;
    EXPECT_THAT(replay(recording_folder, {"snap-quiet"}, defect::loses_events).text,
                HasSubstr("found 0 fault records, expected one 0x10"));
    EXPECT_THAT(replay(recording_folder, {"snap-midio"}, defect::allows_all_writes).text,
                HasSubstr("expected a fault 0x13"));
    EXPECT_THAT(replay(recording_folder, {"snap-quiet"}, defect::misplaces_data).text,
                HasSubstr("data that is not what is at"));
    EXPECT_EQ(replay(recording_folder, {"snap-quiet"}, defect::misplaces_data).status, 1);
}

TEST(recording_in_motion, passes_with_everything_as_late_as_it_may_be) {
    const replayed result = replay(recording_folder, {"motion"});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_THAT(result.text, HasSubstr("37,762 rows in 53,603 accesses: 37,722 translated"));
    EXPECT_THAT(result.text, HasSubstr("40 faults"));
    EXPECT_THAT(result.text, HasSubstr("walks compared"));
    EXPECT_THAT(result.text, Not(HasSubstr("without an invalidation")));
}

TEST(recording_in_motion, other_modes) {
    EXPECT_EQ(replay(recording_folder, {"motion"}, fake_smmu_v3::defect::none, machine_mode::lt).status, 0);
    // A machine in mode debug writes no event records.
    EXPECT_EQ(replay(recording_folder, {"motion"}, fake_smmu_v3::defect::loses_events, machine_mode::debug).status, 0);
}

TEST(recording_in_motion, defects_are_found) {
    using defect = fake_smmu_v3::defect;
    EXPECT_THAT(replay(recording_folder, {"motion"}, defect::keeps_stale_entries).text,
                HasSubstr("found output address 0x446fc000, expected 0x446fa000"));
    const replayed result = replay(recording_folder, {"motion"}, defect::one_page_off);
    EXPECT_THAT(result.text, HasSubstr("1 failure: dma_trace row 2:"));
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(replay(recording_folder, {"motion"}, defect::loses_events).text,
                HasSubstr("found 0 fault records, expected one SMMU_EVT_F_TRANSLATION"));
    for (const defect walk : {defect::skips_a_level, defect::reads_a_neighbour}) {
        EXPECT_THAT(replay(recording_folder, {"motion"}, walk).text, HasSubstr("found a walk that reads"));
    }
}

/// The recording with more accesses at its end.
class longer_recording {
  public:
    explicit longer_recording(const std::string& rows)
        : folder_(fs::temp_directory_path() / ("iommulab-longer-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::copy(recording_folder, folder_, fs::copy_options::recursive);
        fs::remove(folder_ / "dma_trace.csv.gz");
        std::ofstream(folder_ / "dma_trace.csv") << traces::read_text(recording_folder + "/dma_trace.csv.gz") << rows;
    }
    ~longer_recording() { fs::remove_all(folder_); }
    longer_recording(const longer_recording&) = delete;
    longer_recording& operator=(const longer_recording&) = delete;
    [[nodiscard]] std::string folder() const { return folder_.string(); }

  private:
    fs::path folder_;
};

TEST(recording_in_motion, disputes_what_it_disputes_at_rest) {
    // IHI 0070, 3.4: what bypasses has the OAS' bits, here 44
    const longer_recording beyond("59568,168631,41297221001,0x90,0xffffffff040,0xffffffff040,4,r,bypass,,,dma,0,\n"
                                  "59569,168631,41297221002,0x90,0xfffffffff040,0xfffffffff040,4,w,bypass,,,dma,0,\n");
    const replayed result = replay(beyond.folder(), {"motion"});
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_THAT(result.text, HasSubstr("37,722 translated, 2 bypassed, 40 faults"));
    EXPECT_THAT(result.text, HasSubstr("; 1 disputed (IHI 0070, 3.4: an address beyond OAS"));
    EXPECT_THAT(result.text, HasSubstr("1 passed, 0 failed, 0 disputed; 1 row of recordings disputed\n"));
}

TEST(recording, damage_is_bad_input) {
    const fs::path folder = fs::temp_directory_path() / ("iommulab-recording-" + std::to_string(::getpid()));
    fs::copy(recording_folder, folder, fs::copy_options::recursive);
    fs::resize_file(folder / "dma_trace.csv.gz", 200000);
    replayed result = replay(folder.string(), {});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.text, HasSubstr("dma_trace.csv.gz:"));
    EXPECT_THAT(result.text, HasSubstr("ends early"));
    fs::copy(recording_folder, folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    fs::remove(folder / "inv_log.csv.gz");
    result = replay(folder.string(), {"motion"});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.text, HasSubstr("inv_log.csv: found no such file"));
    fs::remove_all(folder);
}

TEST(smmu_v3_commands, fields_of_range_invalidation) {
    const smmu_v3::syntax syntax;
    const auto decode = [&](std::uint64_t qword0, std::uint64_t qword1) {
        traces::command_row row;
        row.qword0 = qword0;
        row.qword1 = qword1;
        return syntax.decode(row);
    };
    // Recorded when a 2 MiB page took the place of a table: 512 pages from 0xff200000, not leaf entries only.
    const auto fields = decode(0x0004'0000'0090'0012, 0xff200400);
    EXPECT_EQ(fields.what, command_effect::kind::invalidation);
    EXPECT_EQ(fields.space, 4);
    EXPECT_EQ(fields.address, 0xff200000u);
    EXPECT_EQ(fields.size_bytes, 0x200000u);
    EXPECT_FALSE(fields.leaf_only);
    const auto all = decode(0x4, 0x1f);
    EXPECT_EQ(all.what, command_effect::kind::configuration);
    EXPECT_EQ(all.last_source, 0xffffffffu);
    const auto some = decode(std::uint64_t{0x15} << 32 | 0x4, 0x1);
    EXPECT_EQ(some.first_source, 0x14u);
    EXPECT_EQ(some.last_source, 0x17u);
}

TEST(amd_vi_commands, sizes_that_addresses_encode) {
    // Publication 48882, 2.4.3: S, and the lowest zero from bit 12 on.
    const amd_vi::syntax syntax;
    const auto decode = [&](std::uint64_t qword0, std::uint64_t qword1) {
        traces::command_row row;
        row.qword0 = qword0;
        row.qword1 = qword1;
        return syntax.decode(row);
    };
    const auto page = decode(0x3000'0005'0000'0000, 0xfffdf002);
    EXPECT_EQ(page.what, command_effect::kind::invalidation);
    EXPECT_EQ(page.space, 5);
    EXPECT_EQ(page.address, 0xfffdf000u);
    EXPECT_EQ(page.size_bytes, 0x1000u);
    EXPECT_FALSE(page.leaf_only);
    const auto four_pages = decode(0x3000'0005'0000'0000, 0xfffd1001);
    EXPECT_EQ(four_pages.address, 0xfffd0000u);
    EXPECT_EQ(four_pages.size_bytes, 0x4000u);
    EXPECT_TRUE(four_pages.leaf_only);
    EXPECT_TRUE(decode(0x3000'0005'0000'0000, 0x7fff'ffff'ffff'f003).all_addresses);
    const auto device = decode(0x2000'0000'0000'0030, 0);
    EXPECT_EQ(device.what, command_effect::kind::configuration);
    EXPECT_EQ(device.first_source, 0x30u);
}

/// What a machine's memory holds, for the builder.
class page_memory final : public sw::table_memory {
  public:
    std::uint64_t read64(std::uint64_t address) override { return words[address]; }
    void write64(std::uint64_t address, std::uint64_t value) override { words[address] = value; }
    void zero(std::uint64_t, std::uint64_t) override {}
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t) override {
        return place(level, iova);
    }
    void release(std::uint64_t, std::uint64_t) override {}
    std::function<std::optional<std::uint64_t>(unsigned, std::uint64_t)> place;
    std::map<std::uint64_t, std::uint64_t> words;
};

TEST(arm_lpae, builds_the_tables_that_the_recorded_kernel_built_bit_for_bit) {
    const traces::recording record = traces::read_recording(recording_folder);
    for (const traces::snapshot& state : record.snapshots) {
        const smmu_v3::snapshot_image image(state);
        for (const std::uint32_t source : {0x18u, 0x20u, 0x28u, 0x30u, 0x80u}) {
            const auto stream = image.stream(source);
            if (!stream) {
                EXPECT_TRUE(state.name == "snap-ident" && source == 0x30);
                continue;
            }
            // Tables go where the kernel's stand: down its entries from the root.
            page_memory memory;
            memory.place = [&](unsigned level, std::uint64_t iova) -> std::optional<std::uint64_t> {
                std::uint64_t table = stream->root();
                for (unsigned above = 0; above < level; ++above) {
                    table = image.word(table + 8 * (iova >> (39 - 9 * above) & 0x1ff)) & 0x0000fffffffff000;
                }
                return table;
            };
            sw::arm_lpae_tables tables({}, memory, stream->root());
            traces::leaves_reader leaves(state.file("leaves.csv"));
            std::size_t count = 0;
            for (traces::leaf_row leaf; leaves.next(leaf);) {
                if (leaf.source_ids.front() != source) {
                    continue;
                }
                ++count;
                const std::uint64_t recorded =
                    image.word(leaf.size_bytes == 4096 ? *memory.place(3, leaf.iova) + 8 * (leaf.iova >> 12 & 0x1ff)
                                                       : *memory.place(2, leaf.iova) + 8 * (leaf.iova >> 21 & 0x1ff));
                const sw::page_protection protection{.read = leaf.readable,
                                                     .write = leaf.writable,
                                                     .execute = (recorded >> 54 & 1) == 0,
                                                     .cacheable = (recorded >> 2 & 7) == 1,
                                                     .device = (recorded >> 2 & 7) == 2};
                ASSERT_EQ(tables.map(leaf.iova, leaf.pa, leaf.size_bytes, protection).status, sw::table_status::ok);
            }
            EXPECT_GT(count, 0u);
            for (const auto& [address, value] : memory.words) {
                EXPECT_EQ(value, image.word(address)) << std::hex << address;
            }
        }
    }
}

} // namespace
} // namespace iommulab::conformance
