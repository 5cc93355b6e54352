// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/event_shift.h"

#include <algorithm>
#include <array>

namespace iommulab::conformance {

using traces::vector_operation;
using traces::vector_step;

/// An event queue in memory, of a power of two of records, and the registers that say where it begins and ends.
struct event_shift::layout {
    const char* iommu;
    std::uint64_t base_register;
    std::uint64_t base_address_mask;
    unsigned size_log2_shift; ///< of the field of the base register that holds log2 of the number of records
    std::uint64_t size_log2_mask;
    std::array<std::uint64_t, 2> producer_registers;
    std::array<std::uint64_t, 2> consumer_registers;
    std::uint64_t record_bytes;
    std::uint64_t index_unit; ///< what a record adds to an index
    bool wrap_bit;            ///< indexes count to twice the number of records

    std::uint64_t records(std::uint64_t base) const {
        return std::uint64_t{1} << (base >> size_log2_shift & size_log2_mask);
    }
    std::uint64_t index_mask(std::uint64_t base) const { return records(base) * index_unit * (wrap_bit ? 2 : 1) - 1; }
};

const event_shift::layout* event_shift::find_layout(const std::string& iommu) {
    static constexpr std::array<layout, 2> layouts{
        {// Arm SMMUv3 (IHI 0070), 6.3.30 SMMU_EVENTQ_BASE, 6.3.31 SMMU_EVENTQ_PROD, 6.3.32 SMMU_EVENTQ_CONS; the second
         // of each pair of offsets is the register's place in page 1, the first the place in page 0.
         {"smmuv3", 0xa0, 0x000fffffffffffe0, 0, 0x1f, {0xa8, 0x100a8}, {0xac, 0x100ac}, 32, 1, true},
         // AMD-Vi (48882), 3.4.3 event log base, 3.4.14 event log tail and head: byte offsets.
         {"amd-vi", 0x10, 0x000ffffffffff000, 56, 0xf, {0x2018, 0x2018}, {0x2010, 0x2010}, 16, 16, false}}};
    for (const layout& candidate : layouts) {
        if (iommu == candidate.iommu) {
            return &candidate;
        }
    }
    return nullptr;
}

event_shift::event_shift(const std::string& iommu) : layout_(find_layout(iommu)) {}

void event_shift::before(machine& target) {
    if (usable()) {
        producer_before_ = static_cast<std::uint32_t>(target.read_register("", layout_->producer_registers[1], 4));
    }
}

void event_shift::after_extra_fault(machine& target) {
    if (!usable()) {
        return;
    }
    const auto producer = static_cast<std::uint32_t>(target.read_register("", layout_->producer_registers[1], 4));
    if (shift_ == 0) {
        first_shifted_ = producer_before_;
    }
    shift_ += producer - producer_before_;
}

void event_shift::follow(const vector_step& step) {
    if (step.operation != vector_operation::reg_write || !step.space.empty()) {
        return;
    }
    if (step.address == layout_->base_register && step.size_bytes == 8) {
        base_register_ = step.value;
    }
    const auto& producers = layout_->producer_registers;
    if (step.address == layout_->base_register ||
        std::find(producers.begin(), producers.end(), step.address) != producers.end()) {
        shift_ = 0; // the queue is set up anew
    }
}

vector_step event_shift::adapted(const vector_step& step) {
    if (!usable()) {
        return step;
    }
    follow(step);
    if (shift_ == 0) {
        return step;
    }
    vector_step moved = step;
    const std::uint64_t index_mask = layout_->index_mask(base_register_);
    const auto is_one_of = [&](const std::array<std::uint64_t, 2>& offsets) {
        return step.space.empty() && std::find(offsets.begin(), offsets.end(), step.address) != offsets.end();
    };
    if (step.operation == vector_operation::reg_check &&
        (is_one_of(layout_->producer_registers) || is_one_of(layout_->consumer_registers))) {
        moved.expected.value = (*step.expected.value + shift_) & index_mask;
    } else if (step.operation == vector_operation::reg_write && is_one_of(layout_->consumer_registers)) {
        moved.value = (step.value + shift_) & index_mask;
    } else if (step.operation == vector_operation::mem_check) {
        const std::uint64_t base = base_register_ & layout_->base_address_mask;
        const std::uint64_t records = layout_->records(base_register_);
        const std::uint64_t offset = step.address - base;
        if (step.address >= base && offset < records * layout_->record_bytes &&
            offset / layout_->record_bytes >= (first_shifted_ / layout_->index_unit & (records - 1))) {
            moved.address = base + (offset + shift_ / layout_->index_unit * layout_->record_bytes) %
                                       (records * layout_->record_bytes);
        }
    }
    return moved;
}

} // namespace iommulab::conformance
