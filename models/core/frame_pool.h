// SPDX-License-Identifier: Apache-2.0
// Coroutine frames from free lists: a walk that starts in steady state allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace iommulab {

namespace detail {

struct idle_frame {
    idle_frame* next;
};

/// Constant-initialised, so that its users need no guard.
struct idle_frames {
    std::array<idle_frame*, 64> heads{};
    constexpr idle_frames() = default;
    ~idle_frames() {
        for (idle_frame* f : heads)
            while (f)
                ::operator delete(std::exchange(f, f->next));
    }
};

} // namespace detail

/// Free lists by size class. SystemC runs its processes one at a time, so there is no lock; frames of different threads
/// must not meet.
class frame_pool {
  public:
    static void* allocate(std::size_t bytes) {
        const std::size_t c = size_class(bytes);
        if (c >= idle_.heads.size())
            return ::operator new(bytes);
        auto& head = idle_.heads[c];
        return head ? std::exchange(head, head->next) : ::operator new(c* granule);
    }
    static void release(void* frame, std::size_t bytes) noexcept {
        const std::size_t c = size_class(bytes);
        if (c >= idle_.heads.size())
            ::operator delete(frame);
        else
            idle_.heads[c] = new (frame) detail::idle_frame{idle_.heads[c]};
    }

  private:
    static constexpr std::size_t granule = 64; // bytes
    static constexpr std::size_t size_class(std::size_t bytes) { return (bytes + granule - 1) / granule; }
    static inline constinit detail::idle_frames idle_;
};

} // namespace iommulab
