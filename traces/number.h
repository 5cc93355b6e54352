// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::traces {

/// `0x` and hexadecimal digits, or decimal digits; nothing else around them. Empty when it is neither, or beyond 64
/// bits.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// Hexadecimal digits without a prefix.
std::optional<std::uint64_t> parse_hex_digits(std::string_view digits);

/// Two hexadecimal digits a byte, lowest address first. Empty when the count is odd or a digit is not hexadecimal.
std::optional<std::vector<std::uint8_t>> parse_bytes(std::string_view digits);

/// `0x` and the hexadecimal digits of `value`.
std::string hex(std::uint64_t value);

/// Two hexadecimal digits a byte.
std::string hex_bytes(const std::vector<std::uint8_t>& bytes);

} // namespace iommulab::traces
