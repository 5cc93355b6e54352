// SPDX-License-Identifier: Apache-2.0
// The clock of one module: integer cycles inside, sc_time at its edge, one process and one event for everything.
#pragma once

#include "models/core/event_heap.h"

#include <systemc>

#include <cstdint>

namespace iommulab {

/// Runs tasks at cycles of a clock that starts at time 0. Nothing ticks while nothing is due. A module owns one and
/// hands it its tasks; a task may add tasks for the current cycle, which run in the same evaluation.
class scheduler : public sc_core::sc_module {
  public:
    /// `period` must be a positive multiple of the simulation's time resolution.
    scheduler(sc_core::sc_module_name name, sc_core::sc_time period);

    /// The cycle that has begun last, at the current simulation time.
    [[nodiscard]] std::uint64_t cycle() const { return running_ ? cycle_ : time_value() / period_value_; }
    /// The first cycle that begins at or after `delay` from now: when a signal that arrives then is seen.
    [[nodiscard]] std::uint64_t cycle_after(const sc_core::sc_time& delay) const {
        if (running_ && delay.value() == 0 && aligned_)
            return cycle_;
        return (time_value() + delay.value() + period_value_ - 1) / period_value_;
    }
    /// Runs `t` at the beginning of `cycle`, not before now.
    void at(std::uint64_t cycle, task t) {
        const bool earliest = heap_.empty() || cycle < heap_.next_cycle();
        heap_.add(cycle, t);
        if (earliest && !running_)
            arm();
    }
    void after(std::uint64_t cycles, task t) { at(cycle_after(sc_core::SC_ZERO_TIME) + cycles, t); }

    [[nodiscard]] std::uint64_t period_ps() const { return period_ps_; }
    [[nodiscard]] std::uint64_t to_ps(std::uint64_t cycles) const { return cycles * period_ps_; }
    [[nodiscard]] sc_core::sc_time to_time(std::uint64_t cycles) const {
        return sc_core::sc_time::from_value(cycles * period_value_);
    }
    /// From now to the beginning of `cycle`; zero if that is past.
    [[nodiscard]] sc_core::sc_time time_until(std::uint64_t cycle) const {
        const std::uint64_t then = cycle * period_value_, now = time_value();
        return sc_core::sc_time::from_value(then > now ? then - now : 0);
    }
    /// The current simulation time in picoseconds.
    [[nodiscard]] std::uint64_t now_ps() const { return time_value() * resolution_ps_; }
    /// `t` in picoseconds.
    [[nodiscard]] std::uint64_t ps(const sc_core::sc_time& t) const { return t.value() * resolution_ps_; }
    /// `ps` picoseconds, rounded down to the simulation's resolution.
    [[nodiscard]] sc_core::sc_time of_ps(std::uint64_t ps) const {
        return sc_core::sc_time::from_value(resolution_ps_ > 1 ? ps / resolution_ps_ : ps);
    }
    [[nodiscard]] std::uint64_t resolution_ps() const { return resolution_ps_; }
    /// Tasks that wait: 0 when the module is idle.
    [[nodiscard]] std::size_t pending() const { return heap_.size(); }

  private:
    static std::uint64_t time_value() { return sc_core::sc_time_stamp().value(); }
    void arm();
    void run();

    event_heap heap_;
    sc_core::sc_event wake_;
    std::uint64_t period_value_, period_ps_, resolution_ps_;
    std::uint64_t cycle_ = 0;
    bool running_ = false, aligned_ = false;
};

} // namespace iommulab
