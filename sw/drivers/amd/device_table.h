// SPDX-License-Identifier: Apache-2.0
// The device table (publication 48882, 2.2.2): one for all IOMMUs of a segment, as Linux has it.
#pragma once

#include "sw/iommu/kernel.h"

#include <array>
#include <cstdint>

namespace iommulab::sw::amd {

/// A device table entry.
using device_entry = std::array<std::uint64_t, 4>;

class device_table {
  public:
    explicit device_table(kernel& k) : kernel_(k) {}
    ~device_table();

    /// For ids up to `last`; every entry valid, and none lets anything pass. False: no memory.
    bool allocate(std::uint32_t last, unsigned node);
    [[nodiscard]] bool there() const { return base_ != 0; }
    [[nodiscard]] std::uint32_t last() const { return last_; }
    /// What DeviceTableBase has to be.
    [[nodiscard]] std::uint64_t base_register() const;

    [[nodiscard]] device_entry read(std::uint16_t id);
    /// What says how a device is translated: the first two words, the first of them last.
    void write(std::uint16_t id, const device_entry& entry);
    /// The whole entry of another device.
    void copy(std::uint16_t from, std::uint16_t to);

  private:
    [[nodiscard]] std::uint64_t address(std::uint16_t id) const;

    kernel& kernel_;
    std::uint64_t base_ = 0, bytes_ = 0;
    std::uint32_t last_ = 0;
};

} // namespace iommulab::sw::amd
