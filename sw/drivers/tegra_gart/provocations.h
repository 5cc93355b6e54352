// SPDX-License-Identifier: Apache-2.0
// How each reachable row of the attach table is met.
#pragma once

#include "sw/iommu/provocation.h"

#include <span>

namespace iommulab::sw::tegra_gart {

std::span<const provocation> provocations();

} // namespace iommulab::sw::tegra_gart
