// SPDX-License-Identifier: Apache-2.0
// Numbers of which there are only so many: ASIDs, VMIDs, domain ids, context banks.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

namespace iommulab::sw {

/// Gives the lowest free number, as the kernel's bitmaps and xarrays do.
class id_allocator {
  public:
    /// Nothing when all of [first, last] are taken.
    std::optional<std::uint32_t> allocate(std::uint32_t first, std::uint32_t last) {
        std::uint64_t candidate = first;
        for (auto place = used_.lower_bound(first); place != used_.end() && *place == candidate; ++place)
            ++candidate;
        if (candidate > last)
            return std::nullopt;
        used_.insert(static_cast<std::uint32_t>(candidate));
        return static_cast<std::uint32_t>(candidate);
    }
    /// False when it was taken already.
    bool take(std::uint32_t id) { return used_.insert(id).second; }
    void release(std::uint32_t id) { used_.erase(id); }
    [[nodiscard]] std::size_t used() const { return used_.size(); }

  private:
    std::set<std::uint32_t> used_;
};

} // namespace iommulab::sw
