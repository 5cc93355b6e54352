// SPDX-License-Identifier: Apache-2.0
// The three ways to run a walk. Internal to core.
#pragma once

#include "models/core/walk_context.h"

#include <systemc>

#include <cstdint>

namespace iommulab {

class iommu;
struct engine_state;

/// Cycle-approximate: each wait is a place in the scheduler, each read a place in the queue to memory.
class timed_context final : public walk_context {
  public:
    explicit timed_context(engine_state& engine) : engine_(engine) {}

    /// Before each walk. `sheet` takes the time that passes; null for background work. `reads` takes what the walk
    /// reads, unless it is null.
    void begin(time_sheet* sheet, const access& a, walk_reads* reads);
    [[nodiscard]] const access& what() const { return access_; }
    [[nodiscard]] bool reports() const override { return sheet_ != nullptr; }
    [[nodiscard]] iommu& model() const;

    using walk_context::may_fill;
    bool may_fill(const translation_tag& tag, bool global, std::uint64_t base, std::uint64_t mask) const override;
    bool may_fill_configuration(std::uint32_t source_id, std::uint32_t pasid) const override;

    /// Lays the time since the last charge to `part`.
    void charge(time_part part);
    /// The wait that began with begin_* is over, now.
    void resume();
    /// The same a little later, in this cycle: for one who is resumed from within another walk.
    void resume_soon(time_part part);
    /// The main TLB's look-up time is over.
    void looked_up();
    /// The pause of a read that found no walker is over.
    void look_up_again();
    [[nodiscard]] task resumption() { return task::of<&timed_context::resume>(*this); }

    // kept by the miss unit
    translation_request* request = nullptr;
    timed_context* next_waiter = nullptr;
    int walker = -1;
    unsigned retries = 0;
    bool hit = false;    ///< the main TLB, or another access's walk, had the answer
    bool missed = false; ///< the main TLB was asked in vain before

  private:
    bool begin_memory(memory_request& r) override;
    bool begin_pause(pause_request& r, std::uint64_t cycles) override;
    bool begin_look_up(pause_request& r, structure_port& port) override;
    bool begin_translation(translation_request& r) override;
    bool begin_drain(pause_request& r) override;

    engine_state& engine_;
    time_sheet* sheet_ = nullptr;
    access access_;
    std::uint64_t began_ = 0;
    time_part part_ = time_part::configuration;
    const std::coroutine_handle<>* waiter_ = nullptr;
};

/// Loosely timed: nothing waits, latency adds up in the sheet.
class loose_context final : public walk_context {
  public:
    loose_context(engine_state& engine, time_sheet& sheet, walk_reads* reads);

    bool may_fill(const translation_tag&, bool, std::uint64_t, std::uint64_t) const override { return true; }
    bool may_fill_configuration(std::uint32_t, std::uint32_t) const override { return true; }

    bool asked = false; ///< the main TLB was asked
    bool hit = false;   ///< and knew

  private:
    bool begin_memory(memory_request& r) override;
    bool begin_pause(pause_request& r, std::uint64_t cycles) override;
    bool begin_look_up(pause_request& r, structure_port& port) override;
    bool begin_translation(translation_request& r) override;
    bool begin_drain(pause_request&) override { return true; }

    engine_state& engine_;
    time_sheet& sheet_;
};

/// Debug: no time, no trace.
class debug_context final : public walk_context {
  public:
    explicit debug_context(engine_state& engine) : walk_context(false), engine_(engine) {}

    bool may_fill(const translation_tag&, bool, std::uint64_t, std::uint64_t) const override { return false; }
    bool may_fill_configuration(std::uint32_t, std::uint32_t) const override { return false; }

  private:
    bool begin_memory(memory_request& r) override;
    bool begin_pause(pause_request&, std::uint64_t) override { return true; }
    bool begin_look_up(pause_request&, structure_port&) override { return true; }
    bool begin_translation(translation_request&) override { return true; }
    bool begin_drain(pause_request&) override { return true; }

    engine_state& engine_;
};

} // namespace iommulab
