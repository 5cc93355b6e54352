// SPDX-License-Identifier: Apache-2.0
// How each reachable row of the attach table is met.
#pragma once

#include "sw/iommu/provocation.h"

#include <span>

namespace iommulab::sw::fsl_pamu {

std::span<const provocation> provocations();

} // namespace iommulab::sw::fsl_pamu
