// SPDX-License-Identifier: Apache-2.0
// The machine of recorded mappings: the driver for the recording's IOMMU on a simulated platform.
#pragma once

#include "testbenches/conformance/mapping_machine.h"

namespace iommulab::conformance {

/// Makes such machines with names of their own; null for an IOMMU that has no driver.
mapping_machine_factory driven_machines();

} // namespace iommulab::conformance
