// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/record_queue.h"

namespace iommulab::sw::arm_smmu_v3 {

record_queue::record_queue(kernel& k, const instance_firmware& firmware, unsigned entry_bytes, std::uint32_t prod,
                           std::uint32_t cons)
    : kernel_(k), firmware_(firmware), entry_bytes_(entry_bytes), prod_offset_(prod), cons_offset_(cons) {}

record_queue::~record_queue() {
    if (memory_.base != 0 && kernel_.powered())
        kernel_.machine().release(memory_.base, std::uint64_t{entry_bytes_} << memory_.log2_entries);
}

bool record_queue::allocate(unsigned log2_entries, bool coherent) {
    memory_ = allocate_queue(kernel_, firmware_, log2_entries, entry_bytes_, coherent);
    return memory_.base != 0;
}

bool record_queue::remove(std::array<std::uint64_t, 4>& words) {
    if (empty())
        return false;
    const std::uint32_t index = cons_ & (mask() >> 1);
    words = {};
    kernel_.machine().read_block(memory_.base + std::uint64_t{index} * entry_bytes_, words.data(), entry_bytes_);
    cons_ = (cons_ & overflow) | ((cons_ + 1) & mask());
    kernel_.machine().mmio_write(firmware_.base + cons_offset_, cons_, 4);
    return true;
}

bool record_queue::refresh() {
    const auto prod = static_cast<std::uint32_t>(kernel_.machine().mmio_read(firmware_.base + prod_offset_, 4));
    const bool lost = ((prod ^ prod_) & overflow) != 0;
    prod_ = prod;
    return !lost;
}

void record_queue::acknowledge_overflow() {
    if (((prod_ ^ cons_) & overflow) == 0)
        return;
    cons_ = (prod_ & overflow) | (cons_ & ~overflow);
    kernel_.machine().mmio_write(firmware_.base + cons_offset_, cons_, 4);
}

} // namespace iommulab::sw::arm_smmu_v3
