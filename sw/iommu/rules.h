// SPDX-License-Identifier: Apache-2.0
// Which set of errno rules is in force.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace iommulab::sw {

enum class rule_set : std::uint8_t {
    v6_0,        ///< "v6.0": before the series
    emediumtype, ///< "emediumtype": the proposal of July 2022, EMEDIUMTYPE for incompatibility
    einval_v5,   ///< "einval-v5": the series of 22 September 2022, EINVAL for incompatibility
    v6_2,        ///< "v6.2": what landed, the series without its msm patch
};

inline constexpr std::size_t rule_sets = 4;
inline constexpr std::array all_rule_sets{rule_set::v6_0, rule_set::emediumtype, rule_set::einval_v5, rule_set::v6_2};

constexpr const char* name_of(rule_set rules) {
    constexpr std::array names{"v6.0", "emediumtype", "einval-v5", "v6.2"};
    return names[static_cast<std::size_t>(rules)];
}
constexpr std::optional<rule_set> rule_set_named(std::string_view name) {
    for (const rule_set rules : all_rule_sets)
        if (name == name_of(rules))
            return rules;
    return std::nullopt;
}

} // namespace iommulab::sw
