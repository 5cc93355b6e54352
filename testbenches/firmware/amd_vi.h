// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/firmware/firmware.h"

#include <memory>

namespace iommulab::firmware {

/// AMD-Vi. A space without PASID has host tables (v1), with one a guest's (v2); nested: a guest's over host tables
/// under which addresses stay what they are, and without PASID by GIoV. A source without spaces is not translated.
std::unique_ptr<firmware> make_amd_vi_firmware(firmware_setup setup);

/// The event log up to EventTailPtr, from its beginning in memory.
std::vector<std::string> read_amd_vi_events(const register_reader& registers, const memory_reader& memory,
                                            std::size_t most);

} // namespace iommulab::firmware
