// SPDX-License-Identifier: Apache-2.0
// Which mappings each unmap of a map trace took away, when neither says its domain.
//
// One unmap takes away one mapping, or several that follow each other in addresses and were made in that order (the
// pieces of a scatter list). A mapping has to go before its domain maps its addresses again, has to be there at a
// snapshot that has it, and gone at one that has not. Of the mappings that fit, the one that has to go soonest is taken
// (earliest deadline first). When a later unmap finds a piece of its range gone, the earlier one that took it is given
// to another domain.
#pragma once

#include "traces/map_trace.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::conformance {

class unmap_pairing {
  public:
    static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

    /// A domain: it is gone from event `gone` on.
    struct lifetime {
        std::size_t gone = never;
    };
    /// The pages that each domain has, before event `position`: (domain, iova page) to pa page.
    struct snapshot_pages {
        std::size_t position = 0;
        std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t> pages;
    };

    /// `domain_of`: of each event that is a map.
    unmap_pairing(const std::vector<traces::map_event>& events, const std::vector<std::size_t>& domain_of,
                  const std::vector<lifetime>& domains, const std::vector<snapshot_pages>& snapshots);

    /// Finds a pairing. False: there is none that fits; problem() and problem_line() say where.
    bool run();
    [[nodiscard]] const std::string& problem() const { return problem_; }

    struct unmapped {
        std::size_t domain = 0;
        std::vector<std::size_t> maps; ///< events
    };
    /// Of an event that is an unmap and took something away.
    [[nodiscard]] const unmapped& of(std::size_t event) const { return taken_.at(event); }
    [[nodiscard]] std::uint64_t ambiguous() const { return ambiguous_; }

  private:
    using mappings = std::vector<std::size_t>;
    [[nodiscard]] bool alive(std::size_t domain, std::size_t at) const { return at < domains_[domain].gone; }
    [[nodiscard]] std::optional<mappings> covering(std::size_t domain, std::uint64_t iova, std::uint64_t bytes,
                                                   std::size_t made_before) const;
    [[nodiscard]] std::vector<std::size_t> overlapping(std::size_t domain, std::uint64_t iova,
                                                       std::uint64_t bytes) const;
    [[nodiscard]] bool may_go(const mappings& maps, std::size_t at) const;
    void find_deadlines();
    void apply_snapshots();
    void take(std::size_t unmap, std::size_t domain, mappings maps);
    void give_back(std::size_t unmap);
    bool exchange_to_cover(std::size_t domain, std::size_t unmap);
    std::optional<std::pair<std::size_t, mappings>> another(std::size_t unmap, std::size_t not_domain,
                                                            std::size_t now) const;
    bool on_map(std::size_t event);
    bool on_unmap(std::size_t event);
    bool on_snapshot(std::size_t position);
    bool fail(std::size_t event, const std::string& text);

    const std::vector<traces::map_event>& events_;
    const std::vector<std::size_t>& domain_of_;
    const std::vector<lifetime>& domains_;
    const std::vector<snapshot_pages>& snapshots_;
    std::vector<std::size_t> deadline_;                       // of a map: the first event by which it has to be gone
    std::vector<std::size_t> not_before_;                     // of a map: the first event that may take it away
    std::vector<std::size_t> taken_by_;                       // of a map: the unmap; never: it is there
    std::vector<std::map<std::uint64_t, std::size_t>> there_; // by domain: iova to map
    std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> last_at_; // (domain, iova) to the last map there
    std::map<std::size_t, unmapped> taken_;
    std::uint64_t ambiguous_ = 0;
    std::string problem_;
};

} // namespace iommulab::conformance
