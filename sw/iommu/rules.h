// SPDX-License-Identifier: Apache-2.0
// Which set of errno rules is in force, and on which kernel's code.
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
    v6_1,        ///< "v6.1": the errnos of v6.0; what the drivers do otherwise is of this kernel (6.1.192)
    v6_2,        ///< "v6.2": what landed, the series without its msm patch
};

inline constexpr std::array all_rule_sets{rule_set::v6_0, rule_set::emediumtype, rule_set::einval_v5, rule_set::v6_1,
                                          rule_set::v6_2};
inline constexpr std::size_t rule_sets = all_rule_sets.size();

/// The kernel whose code a rule set's errnos are in; drivers do as that one did where that decides what can fail.
enum class kernel_version : std::uint8_t { v6_0, v6_1, v6_2 };
constexpr kernel_version base_of(rule_set rules) {
    return rules == rule_set::v6_1   ? kernel_version::v6_1
           : rules == rule_set::v6_2 ? kernel_version::v6_2
                                     : kernel_version::v6_0; // both proposals were made for it
}

constexpr const char* name_of(rule_set rules) {
    constexpr std::array names{"v6.0", "emediumtype", "einval-v5", "v6.1", "v6.2"};
    return names[static_cast<std::size_t>(rules)];
}
constexpr const char* name_of(kernel_version v) {
    constexpr std::array names{"6.0", "6.1", "6.2"};
    return names[static_cast<std::size_t>(v)];
}
constexpr std::optional<rule_set> rule_set_named(std::string_view name) {
    for (const rule_set rules : all_rule_sets)
        if (name == name_of(rules))
            return rules;
    return std::nullopt;
}

} // namespace iommulab::sw
