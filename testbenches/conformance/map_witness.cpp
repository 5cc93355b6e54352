// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/map_witness.h"

#include <algorithm>
#include <limits>

namespace iommulab::conformance {

namespace {

/// Clocks are taken to run alike for so long around an event. An emulator's guest clock stands still while the guest is
/// stopped, so the distance jumps; accesses follow their mappings within this time while a device is in use.
constexpr std::uint64_t tie_reach_us = 250'000;
/// Of a larger leaf entry only the start is looked at: no kernel maps as much for a device at one time.
constexpr std::uint64_t largest_leaf_bytes = std::uint64_t{1} << 32;

} // namespace

map_witnesses::map_witnesses(const traces::recording& record,
                             const std::function<std::optional<unsigned>(std::uint32_t)>& group_of) {
    const auto add = [&](std::uint64_t iova, std::uint64_t pa, const map_witness& w) {
        pages_[{iova >> witness_page_shift, pa >> witness_page_shift}].push_back(w);
    };
    traces::dma_trace_reader rows(record.file("dma_trace.csv"));
    for (traces::dma_row row; rows.next(row);) {
        const auto group = group_of(row.source_id);
        if (row.result == traces::recorded_result::ok && group) {
            add(row.iova, row.pa,
                {row.time_ns, *group, row.readable || row.writable, row.readable, row.writable, false});
        }
    }
    for (const traces::snapshot& state : record.snapshots) {
        traces::leaves_reader leaves(state.file("leaves.csv"));
        for (traces::leaf_row leaf; leaves.next(leaf);) {
            const auto group = leaf.source_ids.empty() ? std::nullopt : group_of(leaf.source_ids.front());
            for (std::uint64_t at = 0; group && at < std::min(leaf.size_bytes, largest_leaf_bytes);
                 at += witness_page_bytes) {
                add(leaf.iova + at, leaf.pa + at, {state.time_ns, *group, true, leaf.readable, leaf.writable, true});
            }
        }
    }
    for (auto& [page, witnesses] : pages_) {
        std::stable_sort(witnesses.begin(), witnesses.end(),
                         [](const map_witness& a, const map_witness& b) { return a.time_ns < b.time_ns; });
    }
}

const std::vector<map_witness>& map_witnesses::of(std::uint64_t iova, std::uint64_t pa) const {
    static const std::vector<map_witness> none;
    const auto found = pages_.find({iova >> witness_page_shift, pa >> witness_page_shift});
    return found == pages_.end() ? none : found->second;
}

void map_witnesses::tie_clocks(const std::vector<traces::map_event>& events) {
    std::unordered_map<page_pair, unsigned, page_pair_hash> times_mapped;
    const auto each_page = [&](const auto& action) {
        for (const traces::map_event& event : events) {
            if (event.what != traces::map_event::kind::map) {
                continue;
            }
            for (std::uint64_t at = 0; at < event.size_bytes; at += witness_page_bytes) {
                action(event,
                       page_pair{(event.iova + at) >> witness_page_shift, (event.pa + at) >> witness_page_shift});
            }
        }
    };
    each_page([&](const traces::map_event&, const page_pair& page) { ++times_mapped[page]; });
    each_page([&](const traces::map_event& event, const page_pair& page) {
        const auto found = pages_.find(page);
        if (times_mapped[page] != 1 || found == pages_.end()) {
            return;
        }
        const auto first = std::find_if(found->second.begin(), found->second.end(),
                                        [](const map_witness& w) { return !w.from_tables; });
        if (first != found->second.end()) {
            ties_.emplace_back(event.time_us, static_cast<std::int64_t>(first->time_ns - event.time_us * 1000));
        }
    });
    std::sort(ties_.begin(), ties_.end());
}

std::int64_t map_witnesses::least_distance_ns(std::uint64_t from_us, std::uint64_t to_us) const {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (auto at =
             std::lower_bound(ties_.begin(), ties_.end(), std::pair{from_us, std::numeric_limits<std::int64_t>::min()});
         at != ties_.end() && at->first <= to_us; ++at) {
        least = std::min(least, at->second);
    }
    return least;
}

std::uint64_t map_witnesses::recorder_time_ns(std::uint64_t kernel_time_us) const {
    if (ties_.empty()) {
        return kernel_time_us * 1000;
    }
    std::int64_t distance =
        least_distance_ns(kernel_time_us - std::min(kernel_time_us, tie_reach_us), kernel_time_us + tie_reach_us);
    if (distance == std::numeric_limits<std::int64_t>::max()) { // nothing near: the nearest before, or else the first
        auto at = std::upper_bound(ties_.begin(), ties_.end(),
                                   std::pair{kernel_time_us, std::numeric_limits<std::int64_t>::max()});
        distance = at == ties_.begin() ? at->second : std::prev(at)->second;
    }
    return kernel_time_us * 1000 + static_cast<std::uint64_t>(distance);
}

} // namespace iommulab::conformance
