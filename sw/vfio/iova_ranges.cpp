// SPDX-License-Identifier: Apache-2.0
#include "sw/vfio/iova_ranges.h"

#include <algorithm>

namespace iommulab::sw::vfio {

bool iova_ranges::valid(std::uint64_t first, std::uint64_t last) const {
    return ranges_.empty() || std::any_of(ranges_.begin(), ranges_.end(),
                                          [&](const iova_range& r) { return first >= r.first && last <= r.last; });
}

void iova_ranges::restrict_to(std::uint64_t first, std::uint64_t last) {
    if (ranges_.empty()) {
        ranges_.push_back({first, last});
        return;
    }
    std::erase_if(ranges_, [&](const iova_range& r) { return r.last < first || r.first > last; });
    for (iova_range& r : ranges_)
        r = {std::max(r.first, first), std::min(r.last, last)};
}

bool iova_ranges::exclude(std::span<const reserved_region> regions) {
    for (const reserved_region& region : regions) {
        if (region.type == region_type::direct_relaxable || region.bytes == 0)
            continue;
        std::vector<iova_range> rest;
        for (const iova_range& r : ranges_) {
            if (region.start > r.last || region.last() < r.first) {
                rest.push_back(r);
                continue;
            }
            if (region.start > r.first)
                rest.push_back({r.first, region.start - 1});
            if (region.last() < r.last)
                rest.push_back({region.last() + 1, r.last});
        }
        ranges_ = std::move(rest);
    }
    return !ranges_.empty();
}

} // namespace iommulab::sw::vfio
