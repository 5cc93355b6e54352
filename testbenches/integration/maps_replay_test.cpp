// SPDX-License-Identifier: Apache-2.0
// Recorded maps: what a trace without domains is taken to mean, and what the replay of it finds.
#include "testbenches/conformance/map_history.h"
#include "testbenches/conformance/maps_replay.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace iommulab::conformance {
namespace {

namespace fs = std::filesystem;
using step = mapping_step::kind;
using ::testing::HasSubstr;

const std::string recording_folder = IOMMULAB_SOURCE_DIR "/traces/smmuv3-strict";
constexpr std::uint32_t disk = 0x18, card = 0x20; // 00:03.0 in group 0, 00:04.0 in group 1

/// A recording's folder, written line by line; events are a millisecond apart on both clocks.
class small_recording {
  public:
    small_recording() : folder_(fs::temp_directory_path() / ("iommulab-maps-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
        std::ofstream(folder_ / "trace_events.txt") << "smmuv3_*\n";
        event("add_device_to_group: IOMMU: groupID=0 device=0000:00:03.0");
        event("add_device_to_group: IOMMU: groupID=1 device=0000:00:04.0");
        event("attach_device_to_domain: IOMMU: device=0000:00:03.0");
        event("attach_device_to_domain: IOMMU: device=0000:00:04.0");
    }
    ~small_recording() { fs::remove_all(folder_); }

    void event(const std::string& text) {
        trace_ += "   task-1     [000] .....     1." + std::to_string(100000 + 1000 * ++events_) + ": " + text + "\n";
    }
    /// With an access of the device right after it.
    void map(std::uint32_t device, std::uint64_t iova, std::uint64_t pa, std::uint64_t bytes = 4096,
             const std::string& permissions = "rw") {
        event("map: IOMMU: iova=" + traces::hex(iova) + " - " + traces::hex(iova + bytes) +
              " paddr=" + traces::hex(pa) + " size=" + std::to_string(bytes));
        const std::string time = std::to_string(1'100'000'000 + 1'000'000 * events_);
        dma_ += std::to_string(events_) + "," + std::to_string(events_) + "," + time + "," + traces::hex(device) + "," +
                traces::hex(iova) + "," + traces::hex(pa) + ",4,r,ok,4096," + permissions + ",dma,0,\n";
    }
    void unmap(std::uint64_t iova, std::uint64_t bytes = 4096) {
        event("unmap: IOMMU: iova=" + traces::hex(iova) + " - " + traces::hex(iova + bytes) +
              " size=" + std::to_string(bytes) + " unmapped_size=" + std::to_string(bytes));
    }
    /// Now; `leaves` are rows of leaves.csv.
    void snapshot(const std::string& leaves) {
        const fs::path place = folder_ / "snap";
        fs::create_directories(place);
        const std::string time = std::to_string(1'100'500'000 + 1'000'000 * events_);
        std::ofstream(place / "state.json") << "{\"tag\": \"t\", \"order\": \"" << events_ << "\", \"time_ns\": \""
                                            << time << "\", \"mmio_base\": \"0x0\"}";
        std::ofstream(place / "leaves.csv") << "source_ids,iova,size,pa,r,w\n" << leaves;
    }
    traces::recording record() const {
        std::ofstream(folder_ / "map_trace.txt") << trace_;
        std::ofstream(folder_ / "dma_trace.csv")
            << "seq,order,time_ns,source_id,iova,pa,size,rw,result,page_size,perm,role,req_id,walk_reads\n"
            << dma_;
        return traces::read_recording(folder_.string());
    }
    map_history history() const { return read_map_history(record()); }

  private:
    fs::path folder_;
    std::string trace_, dma_;
    unsigned events_ = 0;
};

/// Which group's domain each unmap is of.
std::vector<unsigned> groups_of_unmaps(const map_history& history) {
    EXPECT_EQ(history.problem, "");
    std::vector<unsigned> groups;
    for (const mapping_step& s : history.steps)
        if (s.what == step::unmap)
            groups.push_back(history.domains[s.domain]);
    return groups;
}

TEST(map_history, a_mapping_belongs_to_the_device_that_uses_it) {
    small_recording r;
    r.map(card, 0x1000, 0x8000, 4096, "r");
    r.map(disk, 0x1000, 0x9000);
    const map_history h = r.history();
    ASSERT_EQ(h.steps.size(), 4u);
    EXPECT_EQ(h.domains[h.steps[2].domain], 1u);
    EXPECT_TRUE(h.steps[2].readable && !h.steps[2].writable);
    EXPECT_EQ(h.domains[h.steps[3].domain], 0u);
    EXPECT_TRUE(h.steps[3].writable);
    EXPECT_EQ(h.unknown, 0u);
}

TEST(map_history, an_unmap_is_of_the_domain_that_maps_the_address_again_first) {
    small_recording r;
    r.map(disk, 0x1000, 0x8000);
    r.map(card, 0x1000, 0x9000);
    r.unmap(0x1000);
    r.map(card, 0x1000, 0xa000);
    r.unmap(0x1000);
    r.map(disk, 0x1000, 0xb000);
    EXPECT_EQ(groups_of_unmaps(r.history()), (std::vector<unsigned>{1, 0}));
}

TEST(map_history, one_unmap_takes_several_maps_that_were_made_in_order) {
    small_recording r;
    r.map(card, 0x3000, 0x9000); // the other way round: two buffers that happen to be neighbours
    r.map(card, 0x2000, 0x8000);
    r.map(disk, 0x2000, 0x8000);
    r.map(disk, 0x3000, 0xc000);
    r.unmap(0x2000, 0x2000);
    const map_history h = r.history();
    EXPECT_EQ(groups_of_unmaps(h), (std::vector<unsigned>{0}));
    EXPECT_EQ(h.several_maps, 1u);
}

TEST(map_history, an_earlier_unmap_is_given_to_another_domain_when_a_later_one_needs_it) {
    small_recording r;
    r.map(disk, 0x2000, 0x8000);
    r.map(disk, 0x3000, 0x9000);
    r.map(card, 0x2000, 0xa000);
    r.unmap(0x2000);         // seems the disk's, which uses the address again first
    r.unmap(0x2000, 0x2000); // only the disk can have had that
    r.map(disk, 0x2000, 0xb000);
    EXPECT_EQ(groups_of_unmaps(r.history()), (std::vector<unsigned>{1, 0}));
}

TEST(map_history, a_snapshot_says_what_was_still_mapped) {
    for (const bool of_disk : {false, true}) {
        small_recording r;
        r.map(disk, 0x1000, 0x8000);
        r.map(card, 0x1000, 0x9000);
        r.unmap(0x1000);
        r.snapshot(of_disk ? "0x18,0x1000,4096,0x8000,1,1\n" : "0x20,0x1000,4096,0x9000,1,1\n");
        r.unmap(0x1000);
        EXPECT_EQ(groups_of_unmaps(r.history()), (std::vector<unsigned>{of_disk ? 1U : 0U, of_disk ? 0U : 1U}));
    }
}

TEST(map_history, a_second_attach_is_to_another_domain) {
    small_recording r;
    r.map(disk, 0x1000, 0x8000);
    r.event("attach_device_to_domain: IOMMU: device=0000:00:03.0");
    r.map(disk, 0x1000, 0x9000); // the first went with its domain
    const map_history h = r.history();
    EXPECT_EQ(h.problem, "");
    EXPECT_EQ(h.domains, (std::vector<unsigned>{0, 1, 0}));
}

TEST(map_history, a_trace_that_contradicts_itself_is_told_with_its_line) {
    small_recording twice;
    twice.map(disk, 0x1000, 0x8000);
    twice.map(disk, 0x1000, 0x9000);
    EXPECT_EQ(twice.history().problem, "line 6: a map of 0x1000, which its domain has mapped since line 5");
    small_recording never;
    never.unmap(0x1000);
    EXPECT_EQ(never.history().problem, "line 5: an unmap of 0x1000, 4096 bytes, which no domain has mapped so");
}

TEST(map_history, bad_input) {
    small_recording unaligned;
    unaligned.map(disk, 0x1001, 0x8000);
    EXPECT_THROW(unaligned.history(), input_error);
    small_recording large;
    large.map(disk, 0, 0, std::uint64_t{1} << 62);
    EXPECT_THROW(large.history(), input_error);
    small_recording stranger;
    stranger.event("attach_device_to_domain: IOMMU: device=0000:00:05.0");
    EXPECT_THROW(stranger.history(), input_error);
}

TEST(map_history, the_recorded_kernel_paired_every_map_and_unmap) {
    const map_history h = read_map_history(traces::read_recording(recording_folder));
    EXPECT_EQ(h.problem, "");
    EXPECT_EQ(h.maps, 8265u);
    EXPECT_EQ(h.unmaps, 4389u);
    EXPECT_EQ(h.domains.size(), 5u);
    EXPECT_EQ(h.unknown, 0u);
}

/// A driver and its hardware in one, of pages of 4 KiB and 2 MiB as x86 and Arm have them, with a defect.
class fake_mappings final : public mapping_machine {
  public:
    enum class defect { none, keeps_unmapped, allows_all_writes, small_pages, one_page_off, refuses };

    fake_mappings(const map_history& history, defect broken) : history_(history), broken_(broken) {}

    std::string name() const override { return "fake"; }
    void run(const std::function<void()>& software) override { software(); }
    void make_domain(std::size_t domain, unsigned) override { domains_[domain]; }
    void attach(std::size_t domain) override { on_[history_.domains[domain]] = domain; }

    void map(std::size_t domain, const mapped_page& pages) override {
        if (broken_ == defect::refuses)
            throw std::runtime_error("the map fails with ENOMEM");
        for (std::uint64_t at = 0; at < pages.size_bytes;) {
            const bool large = broken_ != defect::small_pages &&
                               ((pages.iova + at) | (pages.pa + at)) % large_bytes == 0 &&
                               pages.size_bytes - at >= large_bytes;
            mapped_page page{pages.iova + at, large ? large_bytes : 4096, pages.pa + at, pages.readable,
                             pages.writable};
            page.pa += broken_ == defect::one_page_off ? 4096 : 0;
            page.writable |= broken_ == defect::allows_all_writes;
            domains_[domain][page.iova] = page;
            at += page.size_bytes;
        }
    }
    std::uint64_t unmap(std::size_t domain, std::uint64_t iova, std::uint64_t bytes) override {
        auto& pages = domains_[domain];
        if (broken_ != defect::keeps_unmapped)
            pages.erase(pages.lower_bound(iova), pages.lower_bound(iova + bytes));
        return bytes;
    }
    std::optional<mapped_page> look(std::uint32_t source_id, std::uint64_t iova) override {
        for (const auto& device : history_.devices)
            if (device.source_id == source_id) {
                const auto& pages = domains_[on_.at(device.group)];
                auto at = pages.upper_bound(iova);
                if (at != pages.begin() && iova - std::prev(at)->first < std::prev(at)->second.size_bytes)
                    return std::prev(at)->second;
            }
        return std::nullopt;
    }
    bool dma(std::uint32_t source_id, bool write, std::uint64_t iova, std::vector<std::uint8_t>& data) override {
        const auto page = look(source_id, iova);
        return page && (write ? page->writable : page->readable) && memory(write, page->pa + (iova - page->iova), data);
    }
    bool memory(bool write, std::uint64_t address, std::vector<std::uint8_t>& data) override {
        auto& there = memory_[address];
        there.resize(data.size());
        (write ? there : data) = (write ? data : there);
        return true;
    }

  private:
    static constexpr std::uint64_t large_bytes = 0x200000;
    const map_history& history_;
    defect broken_;
    std::map<std::size_t, std::map<std::uint64_t, mapped_page>> domains_;
    std::map<unsigned, std::size_t> on_;
    std::map<std::uint64_t, std::vector<std::uint8_t>> memory_;
};

case_result replay(fake_mappings::defect broken) {
    static const traces::recording record = traces::read_recording(recording_folder);
    static const map_history history = read_map_history(record);
    fake_mappings machine(history, broken);
    return replay_maps(machine, record, history, {});
}

TEST(maps_replay, a_driver_that_maps_as_linux_passes) {
    const case_result r = replay(fake_mappings::defect::none);
    EXPECT_EQ(r.outcome, verdict::passed) << r.reason;
    EXPECT_THAT(r.summary, HasSubstr("snap-midio 2220;"));
}

TEST(maps_replay, defects_are_found) {
    using defect = fake_mappings::defect;
    EXPECT_THAT(replay(defect::keeps_unmapped).reason, HasSubstr("which is not mapped any more"));
    EXPECT_THAT(replay(defect::allows_all_writes).reason, HasSubstr("is not refused"));
    EXPECT_THAT(replay(defect::small_pages).reason, HasSubstr("4096 bytes, rw, expected"));
    EXPECT_THAT(replay(defect::one_page_off).reason, HasSubstr("gives other data"));
    EXPECT_THAT(replay(defect::refuses).reason, HasSubstr("line 15: the map fails with ENOMEM"));
    EXPECT_EQ(replay(defect::refuses).outcome, verdict::failed);
}

} // namespace
} // namespace iommulab::conformance
