// SPDX-License-Identifier: Apache-2.0
#include "models/core/scheduler.h"

#include <stdexcept>

namespace iommulab {

scheduler::scheduler(sc_core::sc_module_name name, sc_core::sc_time period)
    : sc_core::sc_module(name), period_value_(period.value()) {
    const double resolution = sc_core::sc_get_time_resolution().to_seconds() * 1e12;
    resolution_ps_ = static_cast<std::uint64_t>(resolution + 0.5);
    if (resolution_ps_ == 0)
        throw std::invalid_argument(std::string(this->name()) + ": time resolution must be 1 ps or coarser");
    if (period_value_ == 0)
        throw std::invalid_argument(std::string(this->name()) + ": clock period must be positive");
    period_ps_ = period_value_ * resolution_ps_;
    SC_HAS_PROCESS(scheduler);
    SC_METHOD(run);
    sensitive << wake_;
    dont_initialize();
}

void scheduler::arm() {
    const std::uint64_t now = time_value(), due = heap_.next_cycle() * period_value_;
    // sc_event keeps the earlier of two notifications; cancelling first would cost more than the rare idle wake-up
    wake_.notify(sc_core::sc_time::from_value(due > now ? due - now : 0));
}

void scheduler::run() {
    const std::uint64_t now = time_value();
    cycle_ = now / period_value_;
    aligned_ = cycle_ * period_value_ == now;
    running_ = true;
    while (!heap_.empty() && heap_.next_cycle() <= cycle_) {
        const task t = heap_.take();
        t.run(t.object);
    }
    running_ = false;
    if (!heap_.empty())
        arm();
}

} // namespace iommulab
