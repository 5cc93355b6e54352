// SPDX-License-Identifier: Apache-2.0
// The queues that the SMMU writes and software reads: events, page requests (Arm IHI 0070, 3.5.2 to 3.5.4).
#pragma once

#include "sw/drivers/arm_smmu_v3/command_queue.h"

#include <array>
#include <cstdint>

namespace iommulab::sw::arm_smmu_v3 {

class record_queue {
  public:
    /// `prod` and `cons`: offsets of its registers.
    record_queue(kernel& k, const instance_firmware& firmware, unsigned entry_bytes, std::uint32_t prod,
                 std::uint32_t cons);
    ~record_queue();

    bool allocate(unsigned log2_entries, bool coherent);
    [[nodiscard]] std::uint64_t base() const { return memory_.base; }
    [[nodiscard]] unsigned log2_entries() const { return memory_.log2_entries; }

    /// The next record as the driver last saw the queue; false: empty. its CONS register moves with each.
    bool remove(std::array<std::uint64_t, 4>& words);
    /// Looks at the SMMU's index again; false: records were lost since the last look.
    bool refresh();
    [[nodiscard]] bool empty() const { return ((prod_ ^ cons_) & mask()) == 0; }
    /// Tells the SMMU that the loss was noticed.
    void acknowledge_overflow();

  private:
    static constexpr std::uint32_t overflow = 0x80000000;
    [[nodiscard]] std::uint32_t mask() const { return (std::uint32_t{2} << memory_.log2_entries) - 1; }

    kernel& kernel_;
    const instance_firmware& firmware_;
    unsigned entry_bytes_;
    std::uint32_t prod_offset_, cons_offset_;
    queue_memory memory_;
    std::uint32_t prod_ = 0, cons_ = 0; // with wrap bit and overflow flag
};

} // namespace iommulab::sw::arm_smmu_v3
