// SPDX-License-Identifier: Apache-2.0
// A machine as data: what there is, and how it is wired. Written in C++, or read from YAML by platform_schema.h.
#pragma once

#include "models/core/iommu_parameters.h"
#include "models/memory/interconnect.h"
#include "models/memory/memory.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::platforms {

struct memory_description {
    std::string name;
    memory_parameters parameters;
};

struct iommu_description {
    std::string name;
    std::string model; ///< of iommu_models(): "smmu_v3"
    std::string preset;
    std::vector<std::pair<std::string, std::uint64_t>> parameters; ///< over the preset, by name
    std::map<std::uint64_t, std::uint64_t> reset_values;           ///< of registers, by offset: 32 bits each
    std::uint64_t registers_base = 0;                              ///< physical address of its registers
    unsigned ports = 1;                                            ///< for devices, each with its micro-TLB
};

/// Where interrupt messages go, of devices and of IOMMUs.
struct doorbell_description {
    std::uint64_t base = 0, size_bytes = 0;
};

struct platform_description {
    std::string name;
    std::string text; ///< for people
    std::vector<memory_description> memories;
    std::vector<iommu_description> iommus;
    interconnect_parameters interconnect;
    std::optional<doorbell_description> doorbell;
};

} // namespace iommulab::platforms
