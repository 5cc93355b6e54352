// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/smmu_v3_command_queue.h"

#include "testbenches/conformance/smmu_v3_facts.h"
#include "traces/number.h"

#include <vector>

namespace iommulab::conformance::smmu_v3 {

using traces::hex;

namespace {

/// 100000 times a machine's advance(): 0.1 s of simulated time, and no command takes a thousandth of it.
constexpr std::uint32_t longest_poll = 100'000;

} // namespace

std::uint32_t replayed_command_queue::index_mask() const {
    return static_cast<std::uint32_t>((std::uint64_t{2} << (base_ & queue_log2size_mask)) - 1) & queue_index_mask;
}

void replayed_command_queue::follow(const traces::register_row& row) {
    if (row.offset == CMDQ_BASE && row.width_bytes == 8) {
        base_ = row.value;
    } else if (row.offset == CMDQ_BASE) {
        base_ = (base_ & ~std::uint64_t{0xffffffff}) | (row.value & 0xffffffff);
    } else if (row.offset == CMDQ_BASE + 4) {
        base_ = (base_ & 0xffffffff) | row.value << 32;
    } else if (row.offset == CMDQ_PROD) {
        next_ = announced_ = static_cast<std::uint32_t>(row.value) & index_mask();
    } else if (row.offset == CR0) {
        enabled_ = (row.value & CR0_CMDQEN) != 0;
    }
}

void replayed_command_queue::announce(std::uint32_t producer) {
    announced_ = producer & index_mask();
}

void replayed_command_queue::put(const traces::command_row& row) {
    if (!filling_) {
        wait();
    }
    const std::uint64_t size = std::uint64_t{1} << (base_ & queue_log2size_mask);
    const std::uint64_t slot = (base_ & queue_address_mask) + (next_ & (size - 1)) * command_bytes;
    std::vector<std::uint8_t> bytes(command_bytes);
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::uint8_t>(row.qword0 >> 8 * i);
        bytes[i + 8] = static_cast<std::uint8_t>(row.qword1 >> 8 * i);
    }
    if (!context_.target().write_memory(slot, bytes)) {
        context_.fail("no memory for the command queue at " + hex(slot));
        return;
    }
    ++commands_;
    filling_ = true;
    next_ = (next_ + 1) & index_mask();
    if (next_ == announced_) {
        give();
    }
}

void replayed_command_queue::give() {
    filling_ = false;
    waiting_ = true;
    context_.target().write_register("", CMDQ_PROD, 4, next_);
}

void replayed_command_queue::wait() {
    if (filling_) {
        give();
    }
    if (!waiting_) {
        return;
    }
    waiting_ = false;
    machine& target = context_.target();
    std::uint32_t seen = 0;
    bool moving = true;
    for (std::uint32_t i = 0; i < longest_poll && moving; ++i) {
        moving = target.advance();
        seen = static_cast<std::uint32_t>(target.read_register("", CMDQ_CONS, 4));
        if ((seen & index_mask()) == next_) {
            return;
        }
    }
    context_.fail("the command queue stands still: found CMDQ_CONS " + hex(seen) + ", expected " + hex(next_));
}

} // namespace iommulab::conformance::smmu_v3
