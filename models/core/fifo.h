// SPDX-License-Identifier: Apache-2.0
// A queue that allocates only while it grows. std::deque gives blocks back and takes them again in steady state.
#pragma once

#include <cstddef>
#include <vector>

namespace iommulab {

template <class T>
class fifo {
  public:
    void push_back(const T& value) {
        if (size_ == ring_.size())
            grow();
        ring_[(head_ + size_++) & (ring_.size() - 1)] = value;
    }
    [[nodiscard]] const T& front() const { return ring_[head_]; }
    void pop_front() {
        head_ = (head_ + 1) & (ring_.size() - 1);
        --size_;
    }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    void grow() {
        std::vector<T> larger(ring_.empty() ? 16 : ring_.size() * 2);
        for (std::size_t i = 0; i < size_; ++i)
            larger[i] = ring_[(head_ + i) & (ring_.size() - 1)];
        ring_.swap(larger);
        head_ = 0;
    }
    std::vector<T> ring_; // a power of two
    std::size_t head_ = 0, size_ = 0;
};

} // namespace iommulab
