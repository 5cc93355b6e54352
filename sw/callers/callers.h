// SPDX-License-Identifier: Apache-2.0
// The list of callers.
#pragma once

#include "sw/callers/caller.h"

#include <span>

namespace iommulab::sw {

struct caller_description {
    const char* name; ///< "vfio-type1"
    const char* text; ///< what it is, and what it does with the errno
    std::unique_ptr<caller> (*make)(const caller_machine& machine, const caller_options& options);
};

/// In the order of a report: "vfio-type1", "vfio-type1-2022", "iommufd", "iommufd-hwpt", "qemu", "direct".
std::span<const caller_description> callers();
/// Null: there is none of this name.
const caller_description* caller_named(std::string_view name);
/// How the callers themselves fail, of all callers together.
std::vector<std::span<const failure_row>> caller_failures();

} // namespace iommulab::sw
