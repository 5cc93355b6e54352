// SPDX-License-Identifier: Apache-2.0
// What happens to an access that its micro-TLB does not know: the main TLB, the merging of misses, the walkers.
// Internal to core.
#pragma once

#include "models/core/contexts.h"
#include "models/core/structure.h"
#include "models/core/tlb.h"

#include <cstdint>
#include <vector>

namespace iommulab {

/// A walker serves one walk at a time. A second miss to the page of a walk in progress waits for its result instead of
/// walking again; when there are more misses than walkers, they queue in order. A walker that has answered is free
/// after `walker_release_cycles`. With `blocking_misses` the queue is one of look-ups: those behind a miss that has no
/// walker have theirs when it has got one. With `read_retry_cycles` reads don't queue, as nothing asks them to keep
/// their order (PCIe Base 2.4: reads may pass reads): one that finds no walker looks up again after that time, and who
/// comes first when a walker is free takes it.
class miss_unit {
  public:
    miss_unit(engine_state& engine, const cache_parameters& tlb, unsigned walkers);

    /// Serves context.request; the context is resumed with the answer, or with a walker of its own.
    void look_up(timed_context& context);
    /// The walk of a context that may have a walker has ended. Null: it was refused.
    void finish(timed_context& context, const translation* result);

    /// The main TLB's entry for a request, now, or null.
    const translation* find(const translation_request& r);
    void fill(const translation& t);
    [[nodiscard]] std::uint64_t look_up_cycles() const;
    [[nodiscard]] unsigned busy_walkers() const { return static_cast<unsigned>(slots_.size() - free_.size()); }
    /// After an invalidation: a walk in progress serves no access that comes later.
    void close();

    struct {
        std::uint64_t lookups = 0, hits = 0, walks = 0, merged = 0, waited = 0;
    } counts;

  private:
    struct slot {
        miss_unit* owner = nullptr;
        int walker = -1;
        bool open = false; ///< takes more waiters
        translation_tag tag;
        std::uint64_t page = 0;
        timed_context* waiters = nullptr; ///< linked by next_waiter, in order
        timed_context** end = nullptr;
        void released() { owner->release(*this); }
    };
    friend class timed_context;
    void looked_up(timed_context& context);
    void need_walk(timed_context& context);
    void give_walker(timed_context& context);
    void answer(timed_context& context, const translation& t, time_part part);
    void free(const slot& s);
    void release(const slot& s);
    void serve_queue();
    [[nodiscard]] slot* walk_of(const translation_request& r);
    [[nodiscard]] bool may_retry(const timed_context& context) const;
    [[nodiscard]] std::uint64_t retry_pause();

    engine_state& engine_;
    structure_port port_;
    std::vector<slot> slots_;
    std::vector<int> free_;
    timed_context* queue_ = nullptr;
    timed_context** queue_end_ = &queue_;
    std::uint64_t random_ = 1; ///< for the pauses of retries
};

} // namespace iommulab
