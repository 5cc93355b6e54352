// SPDX-License-Identifier: Apache-2.0
// What a recording's accesses and tables say of the events of its map trace: whose a mapping is, what it allows, and
// when things were on the kernel's clock.
#pragma once

#include "traces/map_trace.h"
#include "traces/recording.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace iommulab::conformance {

/// The pages in which witnesses are kept: the smallest of the IOMMUs that recordings are of.
constexpr unsigned witness_page_shift = 12;
constexpr std::uint64_t witness_page_bytes = std::uint64_t{1} << witness_page_shift;

/// That a device had a page mapped at a time: it made an access, or a snapshot's tables had a leaf entry.
struct map_witness {
    std::uint64_t time_ns = 0; ///< the recorder's clock
    unsigned group = 0;
    bool permission_known = false;
    bool readable = false, writable = false;
    bool from_tables = false;
};

class map_witnesses {
  public:
    /// Reads the recording's DMA trace and leaves. `group_of` gives a device's group by its source id; none: not of the
    /// trace. Throws input_error.
    map_witnesses(const traces::recording& record,
                  const std::function<std::optional<unsigned>(std::uint32_t source_id)>& group_of);

    /// Ties the two clocks by mappings that were made once, and so before the first access to them.
    void tie_clocks(const std::vector<traces::map_event>& events);
    /// An event's time on the recorder's clock, within a millisecond where devices are in use.
    [[nodiscard]] std::uint64_t recorder_time_ns(std::uint64_t kernel_time_us) const;
    /// By how much the recorder's clock is ahead at least, in a part of the kernel's time; the largest number: unknown.
    [[nodiscard]] std::int64_t least_distance_ns(std::uint64_t from_us, std::uint64_t to_us) const;

    /// All that speak for a page of `pa` at `iova`, by time.
    [[nodiscard]] const std::vector<map_witness>& of(std::uint64_t iova, std::uint64_t pa) const;

  private:
    struct page_pair {
        std::uint64_t iova_page, pa_page;
        friend bool operator==(const page_pair&, const page_pair&) = default;
    };
    struct page_pair_hash {
        std::size_t operator()(const page_pair& p) const {
            return static_cast<std::size_t>((p.iova_page * 0x9e3779b97f4a7c15u) ^ (p.pa_page * 0xc2b2ae3d27d4eb4fu));
        }
    };
    std::unordered_map<page_pair, std::vector<map_witness>, page_pair_hash> pages_;
    /// Kernel time, and how much later (in ns) the first access came on the recorder's clock.
    std::vector<std::pair<std::uint64_t, std::int64_t>> ties_;
};

} // namespace iommulab::conformance
