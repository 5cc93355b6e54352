// SPDX-License-Identifier: Apache-2.0
#include "sw/dma_api/scatter_list.h"

namespace iommulab::sw {

scatter_layout lay_out(std::span<const dma_segment> memory, std::uint64_t granule_bytes, const segment_limits& limits) {
    scatter_layout out;
    for (const dma_segment& s : memory) {
        const std::uint64_t within = s.address & (granule_bytes - 1);
        const std::uint64_t bytes = (within + s.bytes + granule_bytes - 1) & ~(granule_bytes - 1);
        // The range starts at a multiple of its size, rounded up: offsets into it tell where boundaries are.
        const std::uint64_t to_boundary = (limits.boundary_mask - out.bytes + 1) & limits.boundary_mask;
        if (to_boundary != 0 && to_boundary < bytes - 1) { // the piece before fills the gap: no hole in the range
            out.pieces.back().bytes += to_boundary;
            out.bytes += to_boundary;
        }
        out.pieces.push_back({out.bytes, s.address - within, bytes});
        out.bytes += bytes;
    }
    return out;
}

std::vector<dma_segment> merge(std::span<const dma_segment> memory, const scatter_layout& layout, std::uint64_t iova,
                               std::uint64_t granule_bytes, const segment_limits& limits) {
    std::vector<dma_segment> out;
    bool open = false; // what was given out last ends where the next piece begins
    for (std::size_t n = 0; n < memory.size(); ++n) {
        const scatter_layout::placed& piece = layout.pieces[n];
        const std::uint64_t within = memory[n].address & (granule_bytes - 1);
        const std::uint64_t at = iova + piece.offset;
        const bool joins = open && within == 0 && at == out.back().address + out.back().bytes &&
                           (at & limits.boundary_mask) != 0 &&
                           limits.largest_bytes >= out.back().bytes + memory[n].bytes;
        if (joins)
            out.back().bytes += memory[n].bytes;
        else
            out.push_back({at + within, memory[n].bytes});
        open = within + memory[n].bytes == piece.bytes;
    }
    return out;
}

} // namespace iommulab::sw
