// SPDX-License-Identifier: Apache-2.0
// What the GART's testbench is made of; testbench.cpp registers it.
#pragma once

#include "testbenches/firmware/firmware.h"

namespace iommulab {

struct iommu_testbench;
const iommu_testbench& gart_testbench();

} // namespace iommulab

namespace iommulab::firmware {

/// Firmware of Tegra20's GART: entries of the aperture at 0x58000000 for all spaces together, translation on.
std::unique_ptr<firmware> make_gart_firmware(firmware_setup setup);

} // namespace iommulab::firmware
