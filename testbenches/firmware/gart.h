// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/firmware/firmware.h"

namespace iommulab::firmware {

/// Firmware of Tegra20's GART: entries of the aperture at 0x58000000 for all spaces together, translation on.
std::unique_ptr<firmware> make_gart_firmware(firmware_setup setup);

} // namespace iommulab::firmware
