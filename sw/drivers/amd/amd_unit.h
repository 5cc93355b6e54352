// SPDX-License-Identifier: Apache-2.0
// One AMD IOMMU as its driver knows it: registers, command buffer, event log.
#pragma once

#include "models/core/bit_field.h"
#include "sw/drivers/amd/command_buffer.h"
#include "sw/drivers/amd/device_table.h"
#include "sw/iommu/driver.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace iommulab::sw::amd {

class amd_unit;
class amd_domain;

/// A device behind an IOMMU: the driver's record of it.
struct amd_device : device_private {
    amd_device(device& d, amd_unit& u) : dev(d), behind(u) {}
    device& dev;
    amd_unit& behind;
    std::uint16_t id = 0;
    std::vector<std::uint16_t> aliases; ///< that it goes by besides, from firmware or behind bridges
    amd_domain* attached = nullptr;
    bool pasids_capable = false; ///< has PASID, PRI and ATS, and so has its IOMMU
    bool ats_enabled = false;
};

/// An event as software sees it.
struct event_report {
    std::uint64_t time_ns = 0;
    const amd_unit* from = nullptr;
    std::array<std::uint64_t, 2> words{};
};

class amd_unit final : public instance {
  public:
    amd_unit(kernel& k, iommu_driver& driver, const instance_firmware& firmware, std::uint64_t features,
             device_table& devices);
    ~amd_unit() override;

    /// Buffers, then the registers, in the order of Linux 6.1.
    result<void> start();

    /// A field of the extended feature register.
    [[nodiscard]] std::uint64_t feature(const bit_field& f) const { return f.of(features_); }
    [[nodiscard]] command_buffer& commands() { return commands_; }
    [[nodiscard]] const command_buffer& commands() const { return commands_; }
    [[nodiscard]] device_table& devices() { return devices_; }
    /// Firmware says that it can serve device TLBs (IVHD flags).
    [[nodiscard]] bool serves_device_tlbs() const { return firmware().property("iotlb", 1) != 0; }

    /// Sees every event first; true: dealt with, hence not logged.
    using event_handler = std::function<bool(const event_report&)>;
    void on_event(event_handler h) { event_handler_ = std::move(h); }
    struct statistics {
        std::uint64_t events = 0, overflows = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }
    /// The interrupt handler; public, so that a machine without interrupts can poll.
    void handle_interrupt();

  private:
    std::uint64_t read32(std::uint32_t offset);
    void write32(std::uint32_t offset, std::uint64_t value);
    void write64(std::uint32_t offset, std::uint64_t value);
    void set_control(const bit_field& field, std::uint64_t value);
    void flush_everything();
    void set_up_interrupt();
    void poll_events();
    void report_event(const std::array<std::uint64_t, 2>& words);

    kernel& kernel_;
    std::uint64_t features_;
    device_table& devices_;
    command_buffer commands_;
    std::uint64_t event_log_ = 0;
    event_handler event_handler_;
    rate_limit event_limit_;
    statistics counted_;
    bool enabled_ = false;
};

} // namespace iommulab::sw::amd
