// SPDX-License-Identifier: Apache-2.0
// What Arm SMMUv3's testbench is made of; testbench.cpp registers it.
#pragma once

#include "testbenches/bench/worlds.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/firmware/firmware.h"

namespace iommulab {

struct iommu_testbench;
const iommu_testbench& smmu_v3_testbench();

} // namespace iommulab

namespace iommulab::firmware {

/// Firmware of an Arm SMMUv3 (IHI 0070): a linear or two-level Stream table, a context descriptor or more for each
/// stream, a Command and an Event queue.
std::unique_ptr<firmware> make_smmu_v3_firmware(firmware_setup setup);

/// The records of the Event queue up to EVENTQ_PROD, from its beginning in memory.
std::vector<std::string> read_smmu_v3_faults(const register_reader& registers, const memory_reader& memory,
                                             std::size_t most);

} // namespace iommulab::firmware

namespace iommulab::conformance {

std::unique_ptr<recording_dialect> make_smmu_v3_dialect();

} // namespace iommulab::conformance

namespace iommulab::bench {

std::unique_ptr<translating_world> make_smmu_v3_world(const std::string& name, const world_options& options);

} // namespace iommulab::bench
