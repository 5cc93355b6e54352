// SPDX-License-Identifier: Apache-2.0
// The stream table: what happens to the accesses of each stream (Arm IHI 0070, 3.3.1, 5.1 and 5.2).
#pragma once

#include "sw/drivers/arm_smmu_v3/features.h"
#include "sw/iommu/kernel.h"

#include <cstdint>
#include <vector>

namespace iommulab::sw::arm_smmu_v3 {

class stream_table {
  public:
    /// Streams that no driver has claimed abort; with `bypass` they pass untranslated.
    stream_table(kernel& k, const instance_firmware& firmware, const features& f, bool bypass);
    ~stream_table();

    /// A linear table, or the first level of one with two. Fails with no memory.
    result<void> allocate();
    /// Makes sure that the stream has an entry. Fails for a StreamID beyond the table, or with no memory.
    result<void> prepare(std::uint32_t sid);
    /// Where the entry is; after prepare().
    [[nodiscard]] std::uint64_t entry_address(std::uint32_t sid) const;
    /// For STRTAB_BASE_CFG.
    [[nodiscard]] std::uint32_t base_cfg() const { return base_cfg_; }
    [[nodiscard]] std::uint64_t base() const { return base_; }

  private:
    [[nodiscard]] std::uint64_t allocate_table(const char* point, std::uint64_t bytes);
    void fill(std::uint64_t address, std::uint64_t entries);

    kernel& kernel_;
    const instance_firmware& firmware_;
    const features& features_;
    bool bypass_;
    std::uint64_t base_ = 0, bytes_ = 0;
    std::uint32_t base_cfg_ = 0;
    std::vector<std::uint64_t> level2_; ///< two levels: address of each second table, 0: none
};

} // namespace iommulab::sw::arm_smmu_v3
