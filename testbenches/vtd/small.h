// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/vtd/parameters.h"
#include "testbenches/harness/in_flight.h"

namespace iommulab::harness {

/// A VT-d unit of which everything is small.
inline vtd::unit_parameters small_vtd_parameters(const reference::chooser& choose, unsigned ports) {
    vtd::unit_parameters p;
    shrink(p, choose, ports);
    shrink(p.context_cache, choose);
    shrink(p.pasid_cache, choose);
    shrink(p.nested_cache, choose);
    for (cache_parameters& c : p.first_stage_cache)
        shrink(c, choose);
    for (cache_parameters& c : p.second_stage_cache)
        shrink(c, choose);
    return p;
}

} // namespace iommulab::harness
