// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/firmware/firmware.h"

namespace iommulab::firmware {

/// Firmware of a PAMU: a window for each space, divided when one will not do; caches and violation interrupt on.
std::unique_ptr<firmware> make_pamu_firmware(firmware_setup setup);

} // namespace iommulab::firmware
