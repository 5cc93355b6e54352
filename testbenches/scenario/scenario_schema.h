// SPDX-License-Identifier: Apache-2.0
// The YAML of a scenario.
#pragma once

#include "platforms/settings/schema.h"
#include "testbenches/scenario/scenario.h"

#include <string>
#include <vector>

namespace iommulab::scenarios {

/// Memory for the firmware's tables when the scenario says nothing.
inline constexpr std::uint64_t usual_tables_bytes = 64 << 20;

/// The keys of a scenario, and of the maps in it.
const settings::schema& scenario_schema();

struct read_options {
    std::vector<std::string> overrides; ///< KEY=VALUE, in order
    std::optional<std::uint64_t> seed;  ///< instead of the file's
};

/// Reads a scenario and all that it names (platform, traces, recording), and checks it. Throws input_error.
scenario read_scenario(const std::string& path, const read_options& options = {});

/// The traffic of a master. `seed`: of its random choices.
const std::vector<const settings::schema*>& traffic_schemas();
traffic_description read_traffic(const settings::section& s, std::uint64_t seed);

/// Markdown: everything that a scenario and a platform may say.
std::string scenario_reference();

} // namespace iommulab::scenarios
