// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/amd_vi/parameters.h"
#include "testbenches/harness/in_flight.h"

namespace iommulab::harness {

/// An AMD IOMMU of which everything is small.
inline amd_vi::amd_vi_parameters small_amd_vi_parameters(const reference::chooser& choose, unsigned ports) {
    amd_vi::amd_vi_parameters p;
    shrink(p, choose, ports);
    shrink(p.device_table_cache, choose);
    for (cache_parameters& c : p.directory_cache)
        shrink(c, choose);
    for (cache_parameters& c : p.guest_directory_cache)
        shrink(c, choose);
    return p;
}

} // namespace iommulab::harness
