// SPDX-License-Identifier: Apache-2.0
// A recording's map trace as what it meant: which domain each event was of, and where the snapshots lie in it.
//
// Events do not name their domain. A mapping's device is told by the accesses to it and by the snapshots' leaf entries
// (map_witness.h); what an unmap meant, where several domains have that range mapped, is what lets every later event
// and every snapshot make sense (unmap_pairing.h).
#pragma once

#include "traces/map_trace.h"
#include "traces/recording.h"

#include <cstdint>
#include <string>
#include <vector>

namespace iommulab::conformance {

/// One thing that the recorded kernel did.
struct mapping_step {
    enum class kind { attach, map, unmap, snapshot };
    kind what = kind::map;
    std::size_t domain = 0;   ///< of map_history::domains
    std::uint32_t device = 0; ///< attach: source id
    std::uint64_t iova = 0;
    std::uint64_t size_bytes = 0;     ///< as asked for
    std::uint64_t unmapped_bytes = 0; ///< unmap: what Linux got
    std::uint64_t pa = 0;             ///< map
    bool readable = false;            ///< map
    bool writable = false;            ///< map
    std::size_t snapshot = 0;         ///< of recording::snapshots
    std::size_t line = 0;             ///< of the trace; 0: of a snapshot
};

struct map_history {
    struct device {
        std::uint32_t source_id = 0;
        unsigned group = 0;
    };
    std::string path; ///< of the trace
    std::vector<device> devices;
    std::vector<unsigned> domains; ///< the group of each, in the order in which they appear
    std::vector<mapping_step> steps;

    std::uint64_t maps = 0, unmaps = 0;
    std::uint64_t several_maps = 0; ///< unmaps that cover more than one map
    std::uint64_t ambiguous = 0;    ///< unmaps of a range that several domains had mapped
    std::uint64_t unknown = 0;      ///< maps of which nothing tells the device: taken for that of the map before
    std::uint64_t from_tables = 0;  ///< maps whose permissions no access shows: those of the snapshots' tables
    /// Why not all events make sense together, with the line; empty: they do.
    std::string problem;
};

/// Reads map_trace.txt of the recording, and what of its other files speaks for it. Throws input_error.
map_history read_map_history(const traces::recording& record);

} // namespace iommulab::conformance
