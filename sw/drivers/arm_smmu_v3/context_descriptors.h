// SPDX-License-Identifier: Apache-2.0
// The context descriptor table of a domain: stage 1 per SubstreamID (Arm IHI 0070, 3.3.2, 5.3 and 5.4).
#pragma once

#include "sw/drivers/arm_smmu_v3/features.h"
#include "sw/iommu/kernel.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace iommulab::sw::arm_smmu_v3 {

class context_descriptor_table {
  public:
    /// Called where the SMMU must forget what it may have read: (ssid, leaf).
    using sync_hook = std::function<void(std::uint32_t ssid, bool leaf)>;
    using words = std::array<std::uint64_t, 8>;

    explicit context_descriptor_table(kernel& k) : kernel_(k) {}
    ~context_descriptor_table() { release(); }
    context_descriptor_table(const context_descriptor_table&) = delete;
    context_descriptor_table& operator=(const context_descriptor_table&) = delete;

    /// A table for 2^ssid_bits descriptors: linear up to 1024, else of two levels if the SMMU has them.
    result<void> allocate(const features& f, const instance_firmware& firmware, unsigned ssid_bits);
    /// Writes a descriptor that is not in use: words 1 to 3, sync, word 0 with V, sync.
    result<void> write(std::uint32_t ssid, const words& descriptor, const sync_hook& sync);
    void release();

    [[nodiscard]] bool allocated() const { return base_ != 0; }
    [[nodiscard]] std::uint64_t base() const { return base_; }
    [[nodiscard]] unsigned ssid_bits() const { return ssid_bits_; }
    [[nodiscard]] bool two_level() const { return !level2_.empty(); }

  private:
    result<std::uint64_t> descriptor_address(std::uint32_t ssid, const sync_hook& sync);

    kernel& kernel_;
    std::string device_;
    unsigned node_ = 0, ssid_bits_ = 0;
    memory_kind kind_ = memory_kind::cached;
    std::uint64_t base_ = 0, bytes_ = 0;
    std::vector<std::uint64_t> level2_; ///< two levels: address of each second table, 0: none
};

} // namespace iommulab::sw::arm_smmu_v3
