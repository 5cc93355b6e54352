// SPDX-License-Identifier: Apache-2.0
// What Intel VT-d's testbench is made of; testbench.cpp registers it.
#pragma once

#include "testbenches/bench/worlds.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/firmware/firmware.h"

#include <memory>

namespace iommulab {

struct iommu_testbench;
const iommu_testbench& vtd_testbench();

} // namespace iommulab

namespace iommulab::firmware {

/// Intel VT-d. Scalable mode when a space has a PASID, is nested, or asks for a first stage that the unit has; legacy
/// mode otherwise. `stage1` without a first stage in the unit is done by second-stage tables, as drivers do. `stage2`:
/// second-stage tables. A source without spaces is refused.
std::unique_ptr<firmware> make_vtd_firmware(firmware_setup setup);
std::vector<std::string> read_vtd_faults(const register_reader& registers, const memory_reader& memory,
                                         std::size_t most);

} // namespace iommulab::firmware

namespace iommulab::conformance {

std::unique_ptr<recording_dialect> make_vtd_dialect();

} // namespace iommulab::conformance

namespace iommulab::bench {

std::unique_ptr<translating_world> make_vtd_world(const std::string& name, const world_options& options);

} // namespace iommulab::bench
