// SPDX-License-Identifier: Apache-2.0
// The order of things to come: a binary heap of (cycle, sequence, task).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace iommulab {

/// What runs at a cycle: a function and the object it works on. Two words, no ownership.
struct task {
    void (*run)(void* object) = nullptr;
    void* object = nullptr;

    /// A task that calls a member function: task::of<&port::accept>(*this).
    template <auto Member, class Object>
    static task of(Object& o) {
        return {[](void* p) { (static_cast<Object*>(p)->*Member)(); }, &o};
    }
};

/// Tasks of equal cycle run in the order in which they were added.
class event_heap {
  public:
    event_heap() { heap_.reserve(256); }

    void add(std::uint64_t cycle, task t) {
        heap_.push_back({cycle, sequence_++, t});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    [[nodiscard]] bool empty() const { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const { return heap_.size(); }
    [[nodiscard]] std::uint64_t next_cycle() const { return heap_.front().cycle; }
    task take() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const task t = heap_.back().what;
        heap_.pop_back();
        return t;
    }

  private:
    struct entry {
        std::uint64_t cycle, sequence;
        task what;
    };
    static bool later(const entry& a, const entry& b) {
        return a.cycle != b.cycle ? a.cycle > b.cycle : a.sequence > b.sequence;
    }
    std::vector<entry> heap_;
    std::uint64_t sequence_ = 0;
};

} // namespace iommulab
