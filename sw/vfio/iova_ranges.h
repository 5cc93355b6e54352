// SPDX-License-Identifier: Apache-2.0
// The addresses that user space may map: what all apertures have in common, less what is reserved.
#pragma once

#include "sw/iommu/device.h"

#include <cstdint>
#include <span>
#include <vector>

namespace iommulab::sw::vfio {

struct iova_range {
    std::uint64_t first = 0, last = 0;
    friend bool operator==(const iova_range&, const iova_range&) = default;
};

class iova_ranges {
  public:
    /// Empty: nothing is known yet, and everything valid.
    [[nodiscard]] const std::vector<iova_range>& ranges() const { return ranges_; }
    [[nodiscard]] bool valid(std::uint64_t first, std::uint64_t last) const;
    /// Only addresses from `first` to `last` stay; with none yet, those are the ones.
    void restrict_to(std::uint64_t first, std::uint64_t last);
    /// False: nothing is left. Regions of type direct_relaxable do not count.
    bool exclude(std::span<const reserved_region> regions);

  private:
    std::vector<iova_range> ranges_; // in order
};

} // namespace iommulab::sw::vfio
