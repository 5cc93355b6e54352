// SPDX-License-Identifier: Apache-2.0
// What a run found, gathered from the modules. Shared by the two ways to run a scenario.
#pragma once

#include "models/dma/dma_master.h"
#include "platforms/machine_builder.h"
#include "testbenches/results/iommu_report.h"
#include "testbenches/scenario/run.h"

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace iommulab::scenarios {

struct measured_invalidation {
    std::string name;
    std::uint64_t done = 0, total_ps = 0, longest_ps = 0;
    std::uint64_t wanted = 0; ///< 0: until the masters have finished
};

/// What ended a run.
enum class run_ending : std::uint8_t { done, time_limit, interruption };

struct iommu_findings {
    const iommu_module* unit = nullptr;
    const platforms::iommu_description* description = nullptr;
    std::map<std::uint32_t, std::string> masters; ///< names by source id
    std::vector<std::string> faults;              ///< decoded records, the first of them
    std::uint64_t fault_records = 0;              ///< all of them
    std::vector<measured_invalidation> invalidations;
};

struct findings {
    const scenario* what = nullptr;
    platforms::platform* hardware = nullptr;
    std::uint64_t simulated_ps = 0, firmware_ps = 0;
    std::vector<iommu_findings> iommus;
    std::vector<const dma_master*> masters; ///< in the order of the scenario
    run_ending ending = run_ending::done;
    std::vector<std::string> notes; ///< for people, before everything else
    boost::json::object recording;  ///< empty: none
    bool recording_failed = false;
    boost::json::object software; ///< empty: none
    std::string software_text;
    struct judgement {
        std::string name;
        std::uint64_t limit = 0, measured = 0;
        bool is_maximum = true;
    };
    std::vector<judgement> more_judged; ///< beside what every scenario may expect
    double wall_seconds = 0;
};

/// Decoded fault records kept of a run.
constexpr std::size_t most_faults_kept = 100;

run_result report(const findings& f, const run_options& options);

} // namespace iommulab::scenarios
