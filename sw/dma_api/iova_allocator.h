// SPDX-License-Identifier: Apache-2.0
// Who owns which IO virtual addresses of a domain (drivers/iommu/iova.c of Linux 6.1): a search tree of what is taken,
// allocated from the top down, behind magazines of freed ranges, one pair a CPU and size.
#pragma once

#include "sw/cpu/lock.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace iommulab::sw {

/// What the allocator costs a CPU. Assumptions, for a core of 2.5 GHz: a magazine's lines are in the first cache, the
/// tree's nodes in the second; a tree operation also takes the lock and allocates or frees a node.
struct iova_costs {
    std::uint64_t cache_ns = 20;
    std::uint64_t tree_ns = 80;
    std::uint64_t tree_step_ns = 5; ///< for each node that a search visits
};

class iova_allocator {
  public:
    static constexpr unsigned cached_orders = 6;     ///< ranges of 1, 2, 4 … 32 frames are cached
    static constexpr unsigned magazine_ranges = 127; ///< a magazine fills 1 KiB (since Linux 6.0)
    static constexpr unsigned depot_magazines = 32;  ///< for each order

    /// Frames are of 2^frame_log2 bytes; none below `first_frame` is given away.
    iova_allocator(cpu& machine, unsigned frame_log2, std::uint64_t first_frame, const iova_costs& costs = {});

    /// `frames` frames, none above `last_frame`, aligned to their number rounded up to a power of two; a number that
    /// can be cached is itself rounded up. With `flush_caches`, gives all cached ranges back to the tree and tries
    /// again before it fails.
    std::optional<std::uint64_t> allocate(std::uint64_t frames, std::uint64_t last_frame, bool flush_caches);
    /// What allocate() gave for as many frames. Throws std::logic_error for what the tree doesn't know, when it gets
    /// there.
    void free(std::uint64_t first, std::uint64_t frames);
    /// Never to be given away; may overlap what is reserved already. Before the first allocation.
    void reserve(std::uint64_t first, std::uint64_t last);

    [[nodiscard]] unsigned frame_log2() const { return frame_log2_; }
    /// Ranges that the tree knows to be taken, those in the caches among them.
    [[nodiscard]] std::uint64_t taken() const { return taken_.size(); }

    struct statistics {
        std::uint64_t allocations = 0, cache_hits = 0; ///< a hit came from a magazine
        std::uint64_t frees = 0, cached_frees = 0;     ///< a cached one went to a magazine
        std::uint64_t tree_searches = 0, tree_steps = 0, retries_from_top = 0;
        std::uint64_t above_4g = 0, refused = 0;
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }
    /// How often a CPU waited for the tree's lock.
    [[nodiscard]] std::uint64_t contended() const { return tree_lock_.contended(); }

  private:
    using magazine = std::vector<std::uint64_t>;
    struct cpu_cache {
        magazine loaded, previous;
    };
    struct order_cache {
        std::vector<cpu_cache> cpus;
        std::vector<magazine> depot;
    };
    using tree = std::map<std::uint64_t, std::uint64_t>; // first -> last

    std::optional<std::uint64_t> take_from_tree(std::uint64_t frames, std::uint64_t last_frame);
    std::optional<std::uint64_t> search(tree::const_iterator from, std::uint64_t frames, std::uint64_t low,
                                        std::uint64_t end, std::uint64_t& steps) const;
    void give_to_tree(const std::vector<std::uint64_t>& firsts);
    void forget(std::uint64_t first);
    std::optional<std::uint64_t> take_cached(unsigned order, std::uint64_t last_frame);
    bool give_cached(unsigned order, std::uint64_t first);
    void flush_caches();
    cpu_cache& of_this_cpu(unsigned order);

    cpu& machine_;
    iova_costs costs_;
    unsigned frame_log2_;
    std::uint64_t first_frame_, end_of_32bit_;
    ticket_lock tree_lock_;
    tree taken_;
    // The lowest range that was given away last, below 4 GiB and anywhere: the search begins there.
    tree::const_iterator hint32_, hint_;
    std::uint64_t too_large_below_4g_; ///< as large a request has failed since the last free
    std::array<order_cache, cached_orders> caches_;
    statistics counted_;
};

} // namespace iommulab::sw
