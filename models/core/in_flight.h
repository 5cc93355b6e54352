// SPDX-License-Identifier: Apache-2.0
// Which accesses a synchronisation must wait for: those that came before it.
#pragma once

#include <cstdint>
#include <deque>

namespace iommulab {

/// Accesses are counted by the generation in which they came; a synchronisation closes the current one, and is complete
/// when no access of it or an older one is left.
class in_flight {
  public:
    /// One access more; returns its generation, to be given to leave().
    std::uint64_t enter() {
        ++counts_[current_ - oldest_];
        return current_;
    }
    /// True if a closed generation has become complete.
    bool leave(std::uint64_t generation) {
        --counts_[generation - oldest_];
        return settle();
    }
    /// Ends the current generation; returns it.
    std::uint64_t close() {
        counts_.push_back(0);
        const std::uint64_t closed = current_++;
        settle();
        return closed;
    }
    [[nodiscard]] bool complete(std::uint64_t generation) const { return generation < oldest_; }
    [[nodiscard]] std::uint64_t current() const { return current_; }

  private:
    bool settle() {
        const std::uint64_t before = oldest_;
        for (; oldest_ < current_ && counts_.front() == 0; ++oldest_)
            counts_.pop_front();
        return oldest_ != before;
    }
    std::deque<std::uint32_t> counts_{0};
    std::uint64_t oldest_ = 0, current_ = 0;
};

} // namespace iommulab
