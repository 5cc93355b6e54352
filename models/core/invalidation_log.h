// SPDX-License-Identifier: Apache-2.0
// The invalidations of late, so that a walk that began before one does not fill a cache after it.
#pragma once

#include "models/core/invalidation.h"

#include <array>
#include <cstdint>

namespace iommulab {

/// Remembers the last `depth`; a walk that has seen more than that go by may fill nothing, which is always safe.
class invalidation_log {
  public:
    void add(const invalidation& i) { ring_[count_++ % depth] = i; }
    /// What a walk remembers of its beginning.
    [[nodiscard]] std::uint64_t now() const { return count_; }

    /// True if nothing since `began` covers the entry.
    [[nodiscard]] bool spares(std::uint64_t began, const translation_tag& tag, bool global, std::uint64_t base,
                              std::uint64_t mask) const {
        return none_since(began, [&](const invalidation& i) {
            return i.kind == invalidation::what::translations && i.matches(tag, global, base, mask);
        });
    }
    [[nodiscard]] bool spares_requester(std::uint64_t began, std::uint32_t source_id, bool has_pasid,
                                        std::uint32_t pasid) const {
        return none_since(began, [&](const invalidation& i) {
            return i.kind == invalidation::what::configuration && i.matches_requester(source_id, has_pasid, pasid);
        });
    }

  private:
    static constexpr std::uint64_t depth = 64;
    template <class Predicate>
    [[nodiscard]] bool none_since(std::uint64_t began, Predicate&& covers) const {
        if (count_ - began > depth)
            return false;
        for (std::uint64_t n = began; n < count_; ++n)
            if (covers(ring_[n % depth]))
                return false;
        return true;
    }
    std::array<invalidation, depth> ring_{};
    std::uint64_t count_ = 0;
};

} // namespace iommulab
