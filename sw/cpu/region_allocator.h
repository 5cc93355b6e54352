// SPDX-License-Identifier: Apache-2.0
// Who owns which part of a memory region.
#pragma once

#include <cstdint>
#include <map>

namespace iommulab::sw {

/// First fit from the lowest address, so the same requests always get the same places.
class region_allocator {
  public:
    /// Neither end may wrap; address 0 is never given away.
    region_allocator(std::uint64_t base, std::uint64_t bytes);

    /// 0 when no free part is large enough. `alignment` is a power of two; a size of zero counts as one byte.
    std::uint64_t allocate(std::uint64_t bytes, std::uint64_t alignment);
    /// Throws std::logic_error for a part that is not allocated, or of another size.
    void release(std::uint64_t address, std::uint64_t bytes);

    [[nodiscard]] bool contains(std::uint64_t address) const { return address >= base_ && address - base_ < bytes_; }
    [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }

  private:
    std::uint64_t base_, bytes_, used_bytes_ = 0;
    std::map<std::uint64_t, std::uint64_t> free_, used_; // from -> bytes
};

} // namespace iommulab::sw
