// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace iommulab {

/// A read that a walk made, and those of one walk in their order.
struct walk_read {
    std::uint64_t address = 0;
    std::uint32_t bytes = 0;
    friend bool operator==(const walk_read&, const walk_read&) = default;
};
using walk_reads = std::vector<walk_read>;

} // namespace iommulab
