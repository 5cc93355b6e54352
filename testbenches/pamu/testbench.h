// SPDX-License-Identifier: Apache-2.0
// What a PAMU's testbench is made of; testbench.cpp registers it.
#pragma once

#include "testbenches/firmware/firmware.h"

namespace iommulab {

struct iommu_testbench;
const iommu_testbench& pamu_testbench();

} // namespace iommulab

namespace iommulab::firmware {

/// Firmware of a PAMU: a window for each space, divided when one will not do; caches and violation interrupt on.
std::unique_ptr<firmware> make_pamu_firmware(firmware_setup setup);

} // namespace iommulab::firmware
