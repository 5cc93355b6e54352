// SPDX-License-Identifier: Apache-2.0
// A driver for the invented IOMMU: each has one table, so that its devices are one group.
#pragma once

#include "sw/iommu/driver.h"

namespace iommulab::flat {

/// Its one way to fail that the series would have changed, and its shortage of memory.
std::span<const sw::failure_row> failures();
sw::driver_description description();

} // namespace iommulab::flat
