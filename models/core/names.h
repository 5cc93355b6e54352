// SPDX-License-Identifier: Apache-2.0
// Names of codes, and numbers in descriptions of records.
#pragma once

#include <cstdint>
#include <string>

namespace iommulab {

template <typename Code>
struct code_name {
    Code code;
    const char* name;
};

/// Null for a code that is not in the table.
template <typename Code, std::size_t N>
constexpr const char* name_in(const code_name<Code> (&names)[N], Code code) {
    for (const auto& n : names)
        if (n.code == code)
            return n.name;
    return nullptr;
}

/// "0x1f".
std::string hexadecimal(std::uint64_t value);

/// The name or, for a code that has none, what it is and its number: "event 0x1f".
std::string name_or_number(const char* name, const char* what, std::uint64_t code);

} // namespace iommulab
