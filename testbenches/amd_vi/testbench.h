// SPDX-License-Identifier: Apache-2.0
// What AMD-Vi's testbench is made of; testbench.cpp registers it.
#pragma once

#include "testbenches/bench/worlds.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/firmware/firmware.h"

#include <memory>

namespace iommulab {

struct iommu_testbench;
const iommu_testbench& amd_vi_testbench();

} // namespace iommulab

namespace iommulab::firmware {

/// AMD-Vi. A space without PASID has host tables (v1), with one a guest's (v2); nested: a guest's over host tables
/// under which addresses stay what they are, and without PASID by GIoV. A source without spaces is not translated.
std::unique_ptr<firmware> make_amd_vi_firmware(firmware_setup setup);

/// The event log up to EventTailPtr, from its beginning in memory.
std::vector<std::string> read_amd_vi_faults(const register_reader& registers, const memory_reader& memory,
                                            std::size_t most);

} // namespace iommulab::firmware

namespace iommulab::conformance {

std::unique_ptr<recording_dialect> make_amd_vi_dialect();

} // namespace iommulab::conformance

namespace iommulab::bench {

std::unique_ptr<translating_world> make_amd_vi_world(const std::string& name, const world_options& options);

} // namespace iommulab::bench
