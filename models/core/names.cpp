// SPDX-License-Identifier: Apache-2.0
#include "models/core/names.h"

#include <charconv>

namespace iommulab {

std::string hexadecimal(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    return "0x" + std::string(digits, end);
}

std::string name_or_number(const char* name, const char* what, std::uint64_t code) {
    return name ? name : std::string(what) + " " + hexadecimal(code);
}

} // namespace iommulab
