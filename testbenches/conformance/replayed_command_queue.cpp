// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/replayed_command_queue.h"

#include "traces/number.h"

#include <vector>

namespace iommulab::conformance {

using traces::hex;

namespace {

/// 100000 times a machine's advance(): 0.1 s of simulated time, and no command takes a thousandth of it.
constexpr std::uint32_t longest_poll = 100'000;
constexpr std::size_t command_bytes = 16;

} // namespace

std::uint32_t replayed_command_queue::pointer(std::uint64_t value) const {
    return static_cast<std::uint32_t>(value >> layout_.pointer_shift) & layout_.pointer_mask;
}

void replayed_command_queue::start_at(std::uint64_t producer) {
    next_ = announced_ = pointer(producer);
}

void replayed_command_queue::announce(std::uint64_t producer) {
    announced_ = pointer(producer);
}

void replayed_command_queue::put(const traces::command_row& row) {
    if (!filling_) {
        wait();
    }
    const std::uint64_t slot = layout_.address + std::uint64_t{next_ & layout_.slot_mask} * layout_.bytes_per_unit;
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
    next_ = (next_ + layout_.step) & layout_.pointer_mask;
    if (next_ == announced_) {
        give();
    }
}

void replayed_command_queue::give() {
    filling_ = false;
    waiting_ = true;
    context_.target().write_register("", layout_.producer_register, 4, std::uint64_t{next_} << layout_.pointer_shift);
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
    std::uint64_t seen = 0;
    bool moving = true;
    for (std::uint32_t i = 0; i < longest_poll && moving; ++i) {
        moving = target.advance();
        seen = target.read_register("", layout_.consumer_register, 4);
        if (pointer(seen) == next_) {
            return;
        }
    }
    context_.fail("the command queue stands still: found consumer " + hex(seen) + ", expected " +
                  hex(std::uint64_t{next_} << layout_.pointer_shift));
}

} // namespace iommulab::conformance
