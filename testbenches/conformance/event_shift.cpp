// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/event_shift.h"

#include "testbenches/iommu_testbench.h"

#include <algorithm>
#include <array>

namespace iommulab::conformance {

using traces::vector_operation;
using traces::vector_step;

event_shift::event_shift(const std::string& iommu) {
    const iommu_testbench* known = find_iommu_testbench(iommu);
    layout_ = known && known->event_queue ? &*known->event_queue : nullptr;
}

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
