// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/firmware/firmware.h"

namespace iommulab::firmware {

/// Firmware of an Arm SMMUv3 (IHI 0070): a linear or two-level Stream table, a context descriptor or more for each
/// stream, a Command and an Event queue.
std::unique_ptr<firmware> make_smmu_v3_firmware(firmware_setup setup);

/// The records of the Event queue up to EVENTQ_PROD, from its beginning in memory.
std::vector<std::string> read_smmu_v3_events(const register_reader& registers, const memory_reader& memory,
                                             std::size_t most);

} // namespace iommulab::firmware
