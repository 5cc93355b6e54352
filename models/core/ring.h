// SPDX-License-Identifier: Apache-2.0
// The arithmetic of rings in memory.
#pragma once

#include <cstdint>

namespace iommulab {

/// Indices that carry a wrap bit above their log2_entries bits, so that full and empty differ.
struct wrapping_ring {
    unsigned log2_entries = 0;
    unsigned entry_bytes = 16;

    [[nodiscard]] constexpr std::uint32_t index_mask() const { return (std::uint32_t{1} << log2_entries) - 1; }
    [[nodiscard]] constexpr std::uint32_t pointer_mask() const { return (std::uint32_t{2} << log2_entries) - 1; }
    [[nodiscard]] constexpr bool empty(std::uint32_t producer, std::uint32_t consumer) const {
        return ((producer ^ consumer) & pointer_mask()) == 0;
    }
    [[nodiscard]] constexpr bool full(std::uint32_t producer, std::uint32_t consumer) const {
        return ((producer ^ consumer) & pointer_mask()) == index_mask() + 1;
    }
    /// Entries between the two; more than the ring holds when a pointer has jumped.
    [[nodiscard]] constexpr std::uint32_t used(std::uint32_t producer, std::uint32_t consumer) const {
        return (producer - consumer) & pointer_mask();
    }
    [[nodiscard]] constexpr std::uint32_t next(std::uint32_t pointer) const { return (pointer + 1) & pointer_mask(); }
    [[nodiscard]] constexpr std::uint64_t offset(std::uint32_t pointer) const {
        return std::uint64_t{pointer & index_mask()} * entry_bytes;
    }
};

/// Byte offsets without a wrap bit: one entry stays empty.
struct plain_ring {
    std::uint64_t bytes = 0; ///< a power of two
    unsigned entry_bytes = 16;

    [[nodiscard]] constexpr bool empty(std::uint64_t head, std::uint64_t tail) const { return head == tail; }
    [[nodiscard]] constexpr bool full(std::uint64_t head, std::uint64_t tail) const { return next(tail) == head; }
    [[nodiscard]] constexpr std::uint64_t next(std::uint64_t pointer) const {
        return (pointer + entry_bytes) & (bytes - 1);
    }
    [[nodiscard]] constexpr std::uint64_t used(std::uint64_t head, std::uint64_t tail) const {
        return (tail - head) & (bytes - 1);
    }
};

} // namespace iommulab
