// SPDX-License-Identifier: Apache-2.0
#include "testbenches/harness/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations{0};
} // namespace

namespace iommulab {
std::size_t heap_allocations() {
    return allocations.load(std::memory_order_relaxed);
}
} // namespace iommulab

// The array and nothrow forms of the library call these.
void* operator new(std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* p = std::malloc(bytes ? bytes : 1))
        return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
