// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "platforms/platform_description.h"
#include "platforms/settings/schema.h"
#include "testbenches/scenario/software_description.h"

namespace iommulab::scenarios {

/// The key `software` of a scenario.
const settings::schema& software_schema();

/// Throws input_error. `tables_base` and `tables_bytes`: memory that the kernel has for itself.
software_description read_software(const settings::section& s, const platforms::platform_description& platform,
                                   std::uint64_t tables_base, std::uint64_t tables_bytes);

} // namespace iommulab::scenarios
