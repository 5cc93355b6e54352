// SPDX-License-Identifier: Apache-2.0
#include "sw/cpu/region_allocator.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace iommulab::sw {

region_allocator::region_allocator(std::uint64_t base, std::uint64_t bytes) : base_(base), bytes_(bytes) {
    if (base == 0 && bytes != 0) {
        ++base;
        --bytes;
    }
    if (bytes > ~std::uint64_t{0} - base)
        throw std::invalid_argument("memory region wraps around the end of the address space");
    if (bytes != 0)
        free_.emplace(base, bytes);
}

std::uint64_t region_allocator::allocate(std::uint64_t bytes, std::uint64_t alignment) {
    if (!std::has_single_bit(alignment))
        throw std::invalid_argument("alignment " + std::to_string(alignment) + " is not a power of two");
    bytes = std::max<std::uint64_t>(bytes, 1);
    for (auto place = free_.begin(); place != free_.end(); ++place) {
        const auto [from, size] = *place;
        const std::uint64_t skipped = (alignment - (from & (alignment - 1))) & (alignment - 1);
        if (skipped > size || size - skipped < bytes)
            continue;
        const std::uint64_t address = from + skipped, after = size - skipped - bytes;
        free_.erase(place);
        if (skipped != 0)
            free_.emplace(from, skipped);
        if (after != 0)
            free_.emplace(address + bytes, after);
        used_.emplace(address, bytes);
        used_bytes_ += bytes;
        return address;
    }
    return 0;
}

void region_allocator::release(std::uint64_t address, std::uint64_t bytes) {
    bytes = std::max<std::uint64_t>(bytes, 1);
    const auto held = used_.find(address);
    if (held == used_.end() || held->second != bytes)
        throw std::logic_error("memory released that was not allocated so");
    used_.erase(held);
    used_bytes_ -= bytes;
    auto place = free_.emplace(address, bytes).first;
    if (const auto next = std::next(place); next != free_.end() && place->first + place->second == next->first) {
        place->second += next->second;
        free_.erase(next);
    }
    if (place != free_.begin()) {
        const auto before = std::prev(place);
        if (before->first + before->second == place->first) {
            before->second += place->second;
            free_.erase(place);
        }
    }
}

} // namespace iommulab::sw
