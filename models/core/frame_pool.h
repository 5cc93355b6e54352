// SPDX-License-Identifier: Apache-2.0
// Coroutine frames from free lists: a walk that starts in steady state allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace iommulab {

/// Free lists by size class. SystemC runs its processes one at a time, so there is no lock; frames of different threads
/// must not meet.
class frame_pool {
  public:
    static void* allocate(std::size_t bytes) {
        const std::size_t c = (bytes + granule - 1) / granule;
        if (c >= classes)
            return ::operator new(bytes);
        auto& head = instance().heads_[c];
        if (!head)
            return ::operator new(c* granule);
        return std::exchange(head, head->next);
    }
    static void release(void* frame, std::size_t bytes) noexcept {
        const std::size_t c = (bytes + granule - 1) / granule;
        if (c >= classes) {
            ::operator delete(frame);
            return;
        }
        auto& head = instance().heads_[c];
        head = new (frame) node{head};
    }

    frame_pool(const frame_pool&) = delete;
    frame_pool& operator=(const frame_pool&) = delete;

  private:
    struct node {
        node* next;
    };
    static constexpr std::size_t granule = 64, classes = 64;

    frame_pool() = default;
    ~frame_pool() {
        for (node* n : heads_)
            while (n)
                ::operator delete(std::exchange(n, n->next));
    }
    static frame_pool& instance() {
        static frame_pool pool;
        return pool;
    }
    std::array<node*, classes> heads_{};
};

} // namespace iommulab
