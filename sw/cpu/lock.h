// SPDX-License-Identifier: Apache-2.0
// Locks between CPUs, on nothing but the seam.
#pragma once

#include "sw/cpu/cpu.h"

#include <cstdint>

namespace iommulab::sw {

/// A ticket lock: first come, first served. Who waits looks again every `poll_ns` of simulated time. It is
/// BasicLockable, for std::lock_guard; not recursive.
class ticket_lock {
  public:
    /// 50 ns: a cache line that moves between two CPUs; assumption.
    explicit ticket_lock(cpu& machine, std::uint64_t poll_ns = 50) : machine_(machine), poll_ns_(poll_ns) {}
    ticket_lock(const ticket_lock&) = delete;
    ticket_lock& operator=(const ticket_lock&) = delete;

    void lock() {
        const std::uint64_t ticket = next_++;
        while (serving_ != ticket) {
            ++contended_;
            machine_.delay_ns(poll_ns_);
        }
    }
    void unlock() { ++serving_; }
    [[nodiscard]] bool held() const { return serving_ != next_; }
    /// How often somebody had to look again.
    [[nodiscard]] std::uint64_t contended() const { return contended_; }

  private:
    cpu& machine_;
    std::uint64_t poll_ns_, next_ = 0, serving_ = 0, contended_ = 0;
};

} // namespace iommulab::sw
