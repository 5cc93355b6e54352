// SPDX-License-Identifier: Apache-2.0
// One scenario run again and again with a setting varied, and what it measures compared with published figures.
#pragma once

#include "platforms/settings/schema.h"
#include "testbenches/scenario/scenario.h"

#include <optional>
#include <string>
#include <vector>

namespace iommulab::scenarios {

/// What is measured of a master.
enum class sweep_measure { read_latency, write_latency, bandwidth };

struct sweep {
    struct curve {
        std::string name;
        std::string text;                                     ///< for people: what was fitted, what predicted
        std::vector<std::string> settings;                    ///< KEY=VALUE, in order
        std::vector<std::optional<double>> published;         ///< one for each value, in units_of(), or empty
        std::vector<std::optional<double>> tolerance_percent; ///< of a point's error; nothing: it is not judged
        std::vector<scenario> points;                         ///< one for each value
    };
    std::string vary; ///< dotted path of a setting
    std::vector<std::string> values;
    sweep_measure measure = sweep_measure::read_latency;
    std::string master;
    std::vector<curve> curves;
};

/// "ns", "GB/s" (10^9 bytes).
const char* unit_of(sweep_measure measure);
const char* name_of(sweep_measure measure);

const settings::schema& sweep_schema();
/// The key `sweep` of a scenario; `points` stay empty. Throws input_error.
sweep read_sweep_keys(const settings::node& map);
/// Throws input_error, at `where`, when a point has nothing that the sweep could measure.
void check_measurable(const sweep& s, const scenario& point, const settings::place& where);

} // namespace iommulab::scenarios
