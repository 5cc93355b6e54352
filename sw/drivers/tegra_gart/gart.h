// SPDX-License-Identifier: Apache-2.0
// The GART as its driver sees it: entries behind two registers, and which domain is active.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/iommu/driver.h"
#include "sw/iommu/kernel.h"

#include <cstdint>
#include <vector>

namespace iommulab::sw::tegra_gart {

/// Tegra20's, in its device tree (Linux, tegra20.dtsi).
inline constexpr std::uint64_t default_aperture = 0x5800'0000, default_aperture_bytes = 32 << 20;
inline constexpr std::uint64_t page_bytes = 4096;

class gart final : public instance {
  public:
    gart(kernel& k, iommu_driver& driver, const instance_firmware& firmware);
    ~gart() override;

    /// Clears the entries, switches translation and the memory controller's error interrupt on.
    result<void> start();
    /// Translation off, entries into memory, as before the system sleeps.
    void suspend();
    /// The entries as they were, translation on.
    void resume();

    [[nodiscard]] std::uint64_t first() const { return first_; }
    [[nodiscard]] std::uint64_t end() const { return end_; } ///< the byte after the aperture
    [[nodiscard]] bool covers(std::uint64_t iova, std::uint64_t bytes) const {
        return iova >= first_ && bytes == page_bytes && iova + bytes <= end_;
    }
    /// Under entry_lock: an entry is selected by one register, and used by another.
    void write_entry(std::uint64_t iova, std::uint32_t entry);
    [[nodiscard]] std::uint32_t read_entry(std::uint64_t iova);
    /// Register writes are posted: only a read makes sure that they have arrived.
    void read_back();
    [[nodiscard]] bool debugs() const { return firmware().property("debug") != 0; }

    ticket_lock entry_lock, domain_lock;
    domain* active = nullptr;
    unsigned active_devices = 0;
    /// Errors that the memory controller reported.
    [[nodiscard]] std::uint64_t errors() const { return errors_; }

  private:
    void set_up(const std::vector<std::uint32_t>* entries);
    void handle_error();
    std::uint64_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint64_t value);

    kernel& kernel_;
    std::uint64_t first_, end_;
    std::vector<std::uint32_t> saved_;
    rate_limit error_limit_;
    std::uint64_t errors_ = 0;
};

} // namespace iommulab::sw::tegra_gart
