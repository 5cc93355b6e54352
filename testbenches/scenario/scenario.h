// SPDX-License-Identifier: Apache-2.0
// A scenario as data: a platform, what its masters do, what is expected.
#pragma once

#include "models/core/iommu_parameters.h"
#include "models/dma/dma_master.h"
#include "models/dma/traffic.h"
#include "platforms/platform_description.h"
#include "platforms/settings/settings_node.h"
#include "testbenches/firmware/firmware.h"
#include "testbenches/scenario/software_description.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::scenarios {

/// Words that must be in memory before the masters start, by input address: the pointers of a pointer chase.
using initial_words = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

struct traffic_description {
    std::string type;
    std::function<std::unique_ptr<traffic>()> make;
    std::function<initial_words()> words; ///< may be empty
    bool ends = false;                    ///< by itself
    std::vector<std::string> notes;       ///< for people: what of its input is not used
    /// Input addresses that it may access: first and last.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> windows;
};

struct master_description {
    std::string name;
    std::string iommu; ///< empty: none in between
    unsigned port = 0;
    std::uint64_t start_ps = 0; ///< after the firmware is done
    dma_parameters parameters;
    traffic_description requests;
    firmware::translation_kind translation = firmware::translation_kind::bypass;
    unsigned granule_log2 = 12;
    unsigned levels = 0;           ///< of its page tables; 0: as usual
    bool says_translation = false; ///< else it follows from the maps
    /// Of all masters with this source id and PASID: they share an address space.
    std::vector<firmware::mapping> maps;

    /// Where the scenario says it.
    struct {
        settings::place name, iommu, source_id, pasid, translation, granule, levels, traffic;
        std::vector<std::pair<settings::place, settings::place>> maps; ///< what is mapped, and to where
    } where;
};

/// Firmware takes back a range again and again.
struct invalidation_description {
    std::string name;
    std::string master; ///< whose address space
    std::uint64_t iova = 0, size_bytes = 0;
    std::uint64_t start_ps = 0, every_ps = 0;
    std::uint64_t count = 0; ///< 0: until the masters have finished
};

struct recording_description {
    std::string folder;
    std::string iommu; ///< of the platform
    unsigned outstanding = 32;
    std::uint64_t largest_burst_bytes = 4096;
    std::uint64_t link_bytes_per_second = 0; ///< of each port's device; 0: no limit
};

struct expectations {
    std::optional<std::uint64_t> max_faults, min_faults, max_errors, max_wrong_reads, max_mean_latency_ps;
    std::optional<std::uint64_t> min_requests;
};

struct comparison;
struct story;
struct sweep;

struct scenario {
    std::string file;
    std::string name; ///< of the file
    std::string text; ///< for people
    platforms::platform_description platform;
    simulation_mode mode = simulation_mode::cycle_approximate;
    std::uint64_t seed = 1;
    std::uint64_t limit_ps = 0; ///< of simulated time after the firmware is done; 0: none
    std::uint64_t tables_base = 0, tables_bytes = 0;
    settings::place where_tables;      ///< the scenario says so
    std::vector<std::string> warnings; ///< what is odd, by place
    std::vector<master_description> masters;
    std::vector<invalidation_description> invalidations;
    std::optional<recording_description> recording;
    std::optional<software_description> software;
    expectations expected;
    std::shared_ptr<const story> told; ///< it is a story of operations: nothing else is set but file, name and text
    std::shared_ptr<const comparison> compared; ///< it is the same work on many machines: so too
    std::shared_ptr<const sweep> swept;         ///< it is many scenarios: nothing else is set but file, name and text
};

} // namespace iommulab::scenarios
