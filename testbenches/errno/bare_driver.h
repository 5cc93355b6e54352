// SPDX-License-Identifier: Apache-2.0
// A driver that offers nothing, without hardware: how the core fails where a driver has no function to call.
#pragma once

#include "sw/iommu/driver.h"

namespace iommulab::errno_matrix {

/// Its IOMMUs are found at once. Its devices need identity domains; those can be attached to, its unmanaged domains can
/// not; none maps, detaches, nests, or has features.
sw::driver_description bare_driver();

} // namespace iommulab::errno_matrix
