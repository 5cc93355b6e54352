// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/core/access.h"
#include "models/core/statistics.h"
#include "models/core/time_sheet.h"
#include "models/core/walk_reads.h"

#include <functional>
#include <span>

namespace iommulab {

/// An access, and what became of it.
struct answered_access {
    const access& what; ///< as it came
    /// Where its time went: in total what the device has measured from BEGIN_REQ to BEGIN_RESP, or, loosely timed,
    /// as annotated delay.
    const time_sheet& sheet;
    access_outcome how;
    /// What each of its walks read of tables and configuration, in order. It has none when a micro-TLB knew, one
    /// for each page otherwise, and one more when it was translated again. What another access's walk read for it
    /// is not there.
    std::span<const walk_reads> walks;
};

/// Called with every access that has been answered, just before its device learns of it. Direct and debug accesses are
/// not told of. An empty function: not any more.
using access_observer = std::function<void(const answered_access&)>;

} // namespace iommulab
