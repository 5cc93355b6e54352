// SPDX-License-Identifier: Apache-2.0
// Parameters, each declared once: name, unit, legal range, and where the default comes from.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// A value out of its range, an unknown name, or a word that is none of the choices.
struct parameter_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// One parameter of a configuration struct. The default is the struct's own member initialiser: it stands in one place.
template <class Struct>
struct parameter {
    const char* name;
    const char* unit; ///< "cycles", "entries", "ps", "1" for a pure number, "choice" for one of `choices`
    std::uint64_t minimum;
    std::uint64_t maximum;
    const char* source; ///< TRM, paper, measurement; or "assumption: why"
    std::function<std::uint64_t(const Struct&)> get;
    std::function<void(Struct&, std::uint64_t)> set;
    std::vector<std::string_view> choices{}; ///< with unit "choice": value n is choices[n]
};

/// Declares a parameter that is a member of an integral or enumeration type.
template <class Struct, class Owner, class Member>
parameter<Struct> declare(const char* name, const char* unit, Member Owner::*member, std::uint64_t minimum,
                          std::uint64_t maximum, const char* source, std::vector<std::string_view> choices = {}) {
    return {name,
            unit,
            minimum,
            maximum,
            source,
            [member](const Struct& s) { return static_cast<std::uint64_t>(s.*member); },
            [member](Struct& s, std::uint64_t v) { s.*member = static_cast<Member>(v); },
            std::move(choices)};
}

/// A named set of values, after a piece of silicon; the rest keeps its default.
struct preset {
    const char* name;
    const char* source;
    std::vector<std::pair<const char*, std::uint64_t>> values;
};

/// Sets `name` to `value`; throws parameter_error that names the range.
template <class Struct>
void set_parameter(std::span<const parameter<Struct>> table, Struct& s, std::string_view name, std::uint64_t value) {
    for (const auto& p : table)
        if (name == p.name) {
            if (value < p.minimum || value > p.maximum)
                throw parameter_error(std::string(name) + ": found " + std::to_string(value) + ", expected " +
                                      std::to_string(p.minimum) + " to " + std::to_string(p.maximum) + " " + p.unit);
            p.set(s, value);
            return;
        }
    throw parameter_error("unknown parameter " + std::string(name));
}

/// Applies a preset; its values pass the same checks.
template <class Struct>
void apply(std::span<const parameter<Struct>> table, Struct& s, const preset& chosen) {
    for (const auto& [name, value] : chosen.values)
        set_parameter(table, s, name, value);
}

} // namespace iommulab
