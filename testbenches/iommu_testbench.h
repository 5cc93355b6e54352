// SPDX-License-Identifier: Apache-2.0
// What the testbenches can do with one IOMMU beside simulating it. Each has a folder here that registers it, and one
// word in the list of testbenches/CMakeLists.txt.
#pragma once

#include "testbenches/bench/worlds.h"
#include "testbenches/conformance/event_queue.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/errno/core_stage.h"
#include "testbenches/firmware/firmware.h"
#include "testbenches/software/machine_kind.h"

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace iommulab {

/// What is null or empty is not offered.
struct iommu_testbench {
    std::string_view model; ///< of platforms::iommu_models()

    /// Scenarios without software.
    std::unique_ptr<firmware::firmware> (*make_firmware)(firmware::firmware_setup setup) = nullptr;
    /// Fault records that other software left, at most `most` of them, the oldest first.
    std::vector<std::string> (*read_faults)(const firmware::register_reader& registers,
                                            const firmware::memory_reader& memory, std::size_t most) = nullptr;

    /// Recordings and vectors.
    std::unique_ptr<conformance::recording_dialect> (*make_dialect)() = nullptr;
    std::optional<conformance::event_queue_layout> event_queue{};

    /// Measurements of the simulation's speed.
    std::optional<bench::contestant> contestant{};

    /// Machines on which mappings of its driver are tried.
    std::vector<software::machine_kind> machine_kinds{};
    /// For the rows of the core of software, which need some driver.
    std::optional<errno_matrix::core_stage> core_stage{};
};

/// All of them, in the order of the list.
std::span<const iommu_testbench* const> iommu_testbenches();
/// By the model's name, or by the name that recordings use; null when there is none.
const iommu_testbench* find_iommu_testbench(std::string_view model);

} // namespace iommulab
