// SPDX-License-Identifier: Apache-2.0
// One SMMU as its driver knows it: queues, tables, streams, interrupts.
#pragma once

#include "sw/drivers/arm_smmu_v3/command_queue.h"
#include "sw/drivers/arm_smmu_v3/record_queue.h"
#include "sw/drivers/arm_smmu_v3/stream_table.h"
#include "sw/iommu/driver.h"
#include "sw/iommu/id_allocator.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace iommulab::sw::arm_smmu_v3 {

class smmu_domain;
class smmu;

/// A device behind an SMMU: the driver's record of it.
struct master : device_private {
    master(device& d, smmu& s) : dev(d), behind(s) {}
    device& dev;
    smmu& behind;
    std::vector<std::uint32_t> streams;
    smmu_domain* attached = nullptr;
    unsigned ssid_bits = 0;
    bool stall_enabled = false, ats_enabled = false, sva_enabled = false, iopf_enabled = false;
};

/// An event as software sees it.
struct fault_report {
    std::uint64_t time_ns = 0;
    const smmu* from = nullptr;
    device* dev = nullptr; ///< null: no driver knows the StreamID
    std::array<std::uint64_t, 4> words{};
};

class smmu final : public instance {
  public:
    smmu(kernel& k, iommu_driver& driver, const instance_firmware& firmware, const features& f);
    ~smmu() override;

    /// Reads the ID registers. Fails for an SMMU that Linux does not drive.
    static result<features> read_features(kernel& k, const instance_firmware& firmware);
    /// Queues and stream table, then the registers, in the order of Linux 6.1; ends with SMMUEN.
    result<void> start();
    /// Takes the streams of a device. Fails for StreamIDs that are out of range or taken.
    result<void> insert(master& m);
    void remove(master& m);

    [[nodiscard]] const features& has() const { return features_; }
    /// Streams without domain pass untranslated rather than abort.
    [[nodiscard]] bool bypasses() const { return firmware().property("bypass") != 0; }
    [[nodiscard]] command_queue& commands() { return cmdq_; }
    [[nodiscard]] const command_queue& commands() const { return cmdq_; }
    [[nodiscard]] stream_table& streams() { return stream_table_; }
    [[nodiscard]] id_allocator& vmids() { return vmids_; }

    /// Sees every event first; true: dealt with, hence not logged, and a stalled access is its business.
    using fault_handler = std::function<bool(const fault_report&)>;
    void on_fault(fault_handler h) { fault_handler_ = std::move(h); }
    struct statistics {
        std::uint64_t events = 0, events_lost = 0, page_requests = 0, global_errors = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }

    /// Interrupt handlers; public, so that a machine without interrupts can poll.
    void handle_events();
    void handle_page_requests();
    void handle_global_errors();

  private:
    std::uint64_t read32(std::uint32_t offset);
    void write32(std::uint32_t offset, std::uint64_t value);
    void write64(std::uint32_t offset, std::uint64_t value);
    bool write_acknowledged(std::uint32_t offset, std::uint32_t acknowledge, std::uint64_t value);
    result<void> allocate_structures();
    result<void> reset();
    result<void> enable(std::uint64_t cr0, const char* what);
    void set_up_interrupts();
    void request_line(const char* name, int msi_index, std::uint32_t msi_cfg0, kernel::handler h);
    void report_event(const std::array<std::uint64_t, 4>& words);

    kernel& kernel_;
    features features_;
    command_queue cmdq_;
    record_queue evtq_, priq_;
    stream_table stream_table_;
    id_allocator vmids_;
    ticket_lock streams_lock_;
    std::map<std::uint32_t, master*> masters_;
    fault_handler fault_handler_;
    rate_limit event_limit_;
    statistics counted_;
    bool enabled_ = false;
};

} // namespace iommulab::sw::arm_smmu_v3
