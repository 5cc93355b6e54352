// SPDX-License-Identifier: Apache-2.0
// What a look-up costs: the pipeline in front of a cache, and a cache behind such a pipeline.
#pragma once

#include "models/core/cache.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace iommulab {

/// The ports of one structure: a look-up starts at the first free cycle of the port that is free first, occupies the
/// port for the initiation interval, and is answered after the latency.
class structure_port {
  public:
    explicit structure_port(const cache_parameters& p)
        : latency_(p.latency_cycles), interval_(p.initiation_cycles), free_(p.ports ? p.ports : 1, 0) {}

    /// The cycle of the answer to `probes` look-ups, back to back, that are asked for at `now`.
    std::uint64_t reserve(std::uint64_t now, unsigned probes = 1) {
        auto port = std::min_element(free_.begin(), free_.end());
        const std::uint64_t start = std::max(now, *port);
        *port = start + std::uint64_t{interval_} * probes;
        return start + std::uint64_t{interval_} * (probes - 1) + latency_;
    }
    /// The same without contention.
    [[nodiscard]] std::uint64_t cost(unsigned probes = 1) const {
        return std::uint64_t{interval_} * (probes - 1) + latency_;
    }

  private:
    std::uint32_t latency_, interval_;
    std::vector<std::uint64_t> free_;
};

/// A cache of configuration structures or table pointers, with its pipeline and its counts.
template <class Value>
struct structure_cache : set_associative_cache<Value> {
    explicit structure_cache(const cache_parameters& p) : set_associative_cache<Value>(p), port(p) {}
    structure_port port;
    std::uint64_t lookups = 0, hits = 0;
};

} // namespace iommulab
