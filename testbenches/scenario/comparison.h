// SPDX-License-Identifier: Apache-2.0
// The same work on several machines: a driver attaches a device, maps a window page by page, the device reads it at
// random, the driver unmaps and detaches; what each step takes, side by side.
#pragma once

#include "platforms/settings/schema.h"
#include "testbenches/software/software_machine.h"

#include <cstdint>
#include <string>
#include <vector>

namespace iommulab::scenarios {

struct comparison {
    struct machine {
        std::string name;
        settings::place where;
        platforms::platform_description platform;
        std::string iommu; ///< of the platform
        unsigned port = 0;
        std::uint32_t source_id = 0;
        bool pci = true;
    };
    std::uint64_t page_bytes = 4096, window_bytes = 0, length_bytes = 64, requests = 0;
    unsigned outstanding = 1, write_percent = 0;
    std::uint64_t seed = 1;
    std::vector<machine> machines;
};

const settings::schema& comparison_schema();
/// The key `compare` of a scenario in `file`. Throws input_error.
comparison read_comparison(const settings::node& map, const std::string& file);

} // namespace iommulab::scenarios
