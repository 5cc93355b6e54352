// SPDX-License-Identifier: Apache-2.0
// Walks and their caches: a walk begins at the deepest table that one of them knows, and leaves there what it finds.
#pragma once

#include "models/core/walk_cache.h"
#include "models/core/walk_context.h"

#include <coroutine>
#include <cstdint>

namespace iommulab {

/// The search for the deepest table, one level after the other:
///     while (!search.over())
///         co_await search;
/// Each look-up costs the cache's latency and a slot of its port; a level that does not exist costs nothing. A debug
/// access never sees a cache.
class walk_cache_search {
  public:
    /// The levels in question, from the deepest towards the root.
    struct levels {
        unsigned deepest;   ///< its cache; that of the level above has the number before
        unsigned count;     ///< of levels
        unsigned log2_size; ///< log2 of the bytes of input that an entry of the deepest serves
        unsigned stride;    ///< bits by which that grows from level to level
    };
    /// All but `levels` must outlive the search.
    walk_cache_search(walk_context& context, walk_cache_set& caches, const translation_tag& tag, std::uint64_t address,
                      const levels& l);
    [[nodiscard]] bool over() const { return found_ || above_ >= count_; }
    /// The pointer to the table, good until something else is waited for; null: no cache knows any.
    [[nodiscard]] const table_pointer* found() const { return found_; }
    /// How many levels above the deepest it was.
    [[nodiscard]] unsigned above() const { return above_; }

    // awaited, it goes on as long as answers come at once, else by one level
    bool await_ready();
    void await_suspend(std::coroutine_handle<> h) { request_.waiter = h; }
    void await_resume() {
        if (!over())
            take_answer();
    }

  private:
    structure_cache<table_pointer>& cache() { return caches_.at(levels_.deepest - above_); }
    void take_answer();
    void pass_missing();

    walk_context& context_;
    walk_cache_set& caches_;
    const translation_tag& tag_;
    std::uint64_t address_;
    levels levels_;
    unsigned count_, above_ = 0;
    const table_pointer* found_ = nullptr;
    pause_request request_;
};

/// What a walk has read of `level`, whose cache exists, for the walks after it.
void remember_table(const walk_context& context, walk_cache_set& caches, unsigned level, const table_pointer& p);

} // namespace iommulab
