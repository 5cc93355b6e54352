// SPDX-License-Identifier: Apache-2.0
// How each failure of the driver's attach_dev is brought about.
#pragma once

#include "sw/iommu/provocation.h"

#include <span>

namespace iommulab::sw::intel {

std::span<const provocation> provocations();

} // namespace iommulab::sw::intel
