// SPDX-License-Identifier: Apache-2.0
// A scatter list, and how its pieces are laid out in IO virtual addresses (iommu_dma_map_sg() of Linux 6.1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace iommulab::sw {

/// A piece of memory, or of what a device sees.
struct dma_segment {
    std::uint64_t address = 0, bytes = 0;

    friend bool operator==(const dma_segment&, const dma_segment&) = default;
};

/// What a device can take (struct device_dma_parameters).
struct segment_limits {
    std::uint64_t largest_bytes = 65536;        ///< of a segment: what drivers get that don't say more
    std::uint64_t boundary_mask = 0xffff'ffffU; ///< no segment crosses a multiple of it plus one
};

struct scatter_layout {
    /// Where each piece goes, in whole granules: `offset` into the range of IO virtual addresses. A piece is made
    /// longer where the next one would cross a boundary.
    struct placed {
        std::uint64_t offset = 0, memory = 0, bytes = 0;
    };
    std::vector<placed> pieces;
    std::uint64_t bytes = 0; ///< of the range
};

scatter_layout lay_out(std::span<const dma_segment> memory, std::uint64_t granule_bytes, const segment_limits& limits);
/// What the device is given: neighbours merged as far as the limits go.
std::vector<dma_segment> merge(std::span<const dma_segment> memory, const scatter_layout& layout, std::uint64_t iova,
                               std::uint64_t granule_bytes, const segment_limits& limits);

} // namespace iommulab::sw
