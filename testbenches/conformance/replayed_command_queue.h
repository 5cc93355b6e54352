// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"
#include "traces/recording.h"

#include <cstdint>

namespace iommulab::conformance {

/// A queue of commands of 16 bytes in memory, and its two registers.
struct command_queue_layout {
    bool enabled = false;
    std::uint64_t address = 0;
    std::uint64_t producer_register = 0, consumer_register = 0;
    std::uint32_t step = 1;           ///< from one command to the next, in the registers' unit
    std::uint32_t pointer_mask = 0;   ///< the bits of a pointer that count, those of its wrap included
    std::uint32_t slot_mask = 0;      ///< the bits of a pointer that choose the slot
    std::uint32_t bytes_per_unit = 0; ///< of a pointer
    std::uint32_t pointer_shift = 0;  ///< of a pointer in its register
    std::uint64_t bytes() const { return (std::uint64_t{slot_mask} / step + 1) * step * bytes_per_unit; }
};

/// The CPU's side of a command queue while a recording is replayed: recorded commands go into the queue in memory, and
/// the producer's register is written when as many are there as the recorded write of it announced.
class replayed_command_queue {
  public:
    explicit replayed_command_queue(motion_context& context) : context_(context) {}

    const command_queue_layout& layout() const { return layout_; }
    void set_layout(const command_queue_layout& layout) { layout_ = layout; }
    /// The queue is set up anew, with this producer.
    void start_at(std::uint64_t producer);
    /// True while the queue is on; then writes of the producer go to announce() and not to the register.
    bool enabled() const { return layout_.enabled; }
    void announce(std::uint64_t producer);
    /// Puts a command into the queue.
    void put(const traces::command_row& row);
    /// Does what software does that waits for its commands: polls the consumer until every command given is done. A
    /// part of the recording that is cut can leave fewer commands than announced: what is in the queue is given then.
    void wait();
    /// As wait(), for an edit that goes with the command that comes next: commands not given yet stay so.
    void wait_for_earlier() {
        if (!filling_) {
            wait();
        }
    }
    std::uint64_t commands() const { return commands_; }
    /// Commands that were announced and never came: a recording may lack some.
    std::uint32_t missing() const { return ((announced_ - next_) & layout_.pointer_mask) / layout_.step; }

  private:
    std::uint32_t pointer(std::uint64_t value) const;
    void give();

    motion_context& context_;
    command_queue_layout layout_;
    std::uint32_t next_ = 0;      ///< pointer to the next command
    std::uint32_t announced_ = 0; ///< the producer that the recording writes
    bool filling_ = false;        ///< commands are in the queue that the producer does not count yet
    bool waiting_ = false;        ///< commands were given, and not waited for yet
    std::uint64_t commands_ = 0;
};

} // namespace iommulab::conformance
