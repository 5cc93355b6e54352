// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/firmware/firmware.h"

#include <memory>

namespace iommulab::firmware {

/// Intel VT-d. Scalable mode when a space has a PASID, is nested, or asks for a first stage that the unit has; legacy
/// mode otherwise. `stage1` without a first stage in the unit is done by second-stage tables, as drivers do. `stage2`:
/// second-stage tables. A source without spaces is refused.
std::unique_ptr<firmware> make_vtd_firmware(firmware_setup setup);
std::vector<std::string> read_vtd_faults(const register_reader& registers, std::size_t most);

} // namespace iommulab::firmware
