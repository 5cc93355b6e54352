// SPDX-License-Identifier: Apache-2.0
// Zipf-distributed ranks, bit for bit the same everywhere: integers only.
#pragma once

#include "models/dma/random.h"

#include <cstdint>
#include <vector>

namespace iommulab {

/// Rank r in [0, items) with probability proportional to 1/(r+1)^s.
class zipf_distribution {
  public:
    /// `exponent_hundredths` is 100 s, at most 400. Holds 8 bytes an item: `items` is limited to 2^23. Throws
    /// std::invalid_argument when a value is out of range.
    zipf_distribution(std::uint64_t items, unsigned exponent_hundredths);

    std::uint64_t operator()(random_generator& random) const;
    [[nodiscard]] std::uint64_t items() const { return cumulative_.size(); }

    /// (r+1)^-s as a fraction of 2^40, at least 1: what the probabilities are made of.
    static std::uint64_t weight(std::uint64_t rank, unsigned exponent_hundredths);

  private:
    std::vector<std::uint64_t> cumulative_; // sums of weights
};

} // namespace iommulab
