// SPDX-License-Identifier: Apache-2.0
// The core's own failures in the matrix, as those of a driver called "core": how each is brought about.
#pragma once

#include "sw/iommu/driver.h"
#include "sw/iommu/provocation.h"
#include "testbenches/errno/errno_case.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace iommulab::errno_matrix {

/// The core, as the matrix lists it. It is not among sw::drivers().
const sw::driver_description& core_as_driver();

/// What a case has to work with.
struct core_scene {
    sw::iommu_core& core;
    sw::kept_domains& kept;
    sw::device& dev; ///< the last of the scene's devices

    /// A new unmanaged domain for it.
    sw::domain& fresh();
    /// Throws std::runtime_error when what must succeed has failed.
    static void must(const sw::result<void>& r);
    /// A further device; it is probed at once.
    sw::device& add(const char* name, const sw::device_description& as);
    /// A device behind a driver that offers nothing.
    sw::device& add_bare();
};

struct core_case {
    const char* row;
    sw::provocation scene; ///< units and devices; nothing is attached to anything
    std::function<void(core_scene&)> before;
    std::function<sw::result<void>(core_scene&)> act;
    /// Rows that are met on the way: what the driver fails with, of which this row is the consequence.
    std::vector<std::string> also{};
    /// Of a row that passes on: the driver's row whose errno it gets.
    const char* passes_on = "";
};

/// One for each reachable row.
std::span<const core_case> core_cases();
/// Null: there is none.
const core_case* core_case_of(const std::string& row);
/// The errno that a row of the core lets expect: its own, or that of the driver's row which it passes on.
sw::linux_errno expected_of_core(const sw::failure_row& row, sw::rule_set rules);

/// As measure(), for a row of the core: errno and log are of this row, not of those that it follows from.
measurement measure_core(const core_case& c, sw::rule_set rules);

} // namespace iommulab::errno_matrix
