// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/recording_dialect.h"
#include "traces/recording.h"

#include <cstdint>

namespace iommulab::conformance::smmu_v3 {

/// The CPU's side of the command queue (IHI 0070, 3.5 and 6.3.26 to 6.3.28) while a recording is replayed: recorded
/// commands go into the queue in memory, and PROD is written when as many are there as the recorded write of PROD
/// announced.
class replayed_command_queue {
  public:
    explicit replayed_command_queue(motion_context& context) : context_(context) {}

    /// Keeps up with a recorded write to a register, after it was made.
    void follow(const traces::register_row& row);
    /// True while the queue is on; then writes of PROD go to announce() and not to the register.
    bool enabled() const { return enabled_; }
    void announce(std::uint32_t producer);
    /// Puts a command into the queue.
    void put(const traces::command_row& row);
    /// Does what software does that waits for its CMD_SYNC: polls CONS until every command given is done. A part of the
    /// recording that is cut can leave fewer commands than PROD announced: what is in the queue is given then.
    void wait();
    /// As wait(), for an edit that goes with the command that comes next: commands not given yet stay so.
    void wait_for_earlier() {
        if (!filling_) {
            wait();
        }
    }

    std::uint64_t base_register() const { return base_; }
    std::uint64_t commands() const { return commands_; }

  private:
    std::uint32_t index_mask() const;
    void give();

    motion_context& context_;
    std::uint64_t base_ = 0;
    std::uint32_t next_ = 0;      ///< index of the next command, with the wrap bit
    std::uint32_t announced_ = 0; ///< the value of PROD that the recording writes
    bool filling_ = false;        ///< commands are in the queue that PROD does not count yet
    bool waiting_ = false;        ///< commands were given, and not waited for yet
    bool enabled_ = false;
    std::uint64_t commands_ = 0;
};

} // namespace iommulab::conformance::smmu_v3
