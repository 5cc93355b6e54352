// SPDX-License-Identifier: Apache-2.0
#include "platforms/settings/settings_units.h"

#include "traces/number.h"

#include <algorithm>
#include <array>
#include <limits>

namespace iommulab::settings {

namespace {

struct unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr std::array<unit, 6> byte_units{{{"B", 1},
                                          {"KiB", std::uint64_t{1} << 10},
                                          {"MiB", std::uint64_t{1} << 20},
                                          {"GiB", std::uint64_t{1} << 30},
                                          {"TiB", std::uint64_t{1} << 40},
                                          {"PiB", std::uint64_t{1} << 50}}};
constexpr std::array<unit, 4> rate_units{{{"B/s", 1}, {"kB/s", 1'000}, {"MB/s", 1'000'000}, {"GB/s", 1'000'000'000}}};
constexpr std::array<unit, 5> time_units{
    {{"ps", 1}, {"ns", 1'000}, {"us", 1'000'000}, {"ms", 1'000'000'000}, {"s", 1'000'000'000'000}}};

template <std::size_t N>
const unit* find_unit(const std::array<unit, N>& units, std::string_view name) {
    const auto found = std::find_if(units.begin(), units.end(), [&](const unit& u) { return u.name == name; });
    return found == units.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> multiply(std::uint64_t a, std::uint64_t b) {
    if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b)
        return {};
    return a * b;
}

std::string_view trimmed_left(std::string_view text) {
    return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

template <std::size_t N>
std::string in_largest_unit(std::uint64_t value, const std::array<unit, N>& units) {
    const unit* best = &units[0];
    for (const unit& u : units)
        if (value != 0 && value % u.factor == 0)
            best = &u;
    return std::to_string(value / best->factor) + std::string(best->name);
}

/// A decimal number, perhaps with a fraction, and a unit; nothing smaller than the first unit.
template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<unit, N>& units) {
    if (text == "0")
        return 0;
    const std::size_t whole_end = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto whole = traces::parse_number(text.substr(0, whole_end));
    if (!whole)
        return {};
    std::string_view rest = text.substr(whole_end), fraction;
    if (rest.starts_with('.')) {
        const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
        fraction = rest.substr(1, end - 1);
        rest = rest.substr(end);
        if (fraction.empty())
            return {};
    }
    const unit* u = find_unit(units, trimmed_left(rest));
    if (!u)
        return {};
    auto value = multiply(*whole, u->factor);
    std::uint64_t place = u->factor;
    for (const char c : fraction) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (place < 10 && digit != 0)
            return {}; // less than one of the first unit
        place /= 10;
        if (!value || digit * place > std::numeric_limits<std::uint64_t>::max() - *value)
            return {};
        *value += digit * place;
    }
    return value;
}

} // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    if (const auto plain = traces::parse_number(text))
        return plain;
    const std::size_t end = text.find_first_not_of("0123456789");
    if (end == 0 || end == std::string_view::npos)
        return {};
    const auto count = traces::parse_number(text.substr(0, end));
    const unit* u = find_unit(byte_units, trimmed_left(text.substr(end)));
    return count && u ? multiply(*count, u->factor) : std::nullopt;
}

std::optional<std::uint64_t> parse_time_ps(std::string_view text) {
    return parse_quantity(text, time_units);
}

std::optional<std::uint64_t> parse_rate(std::string_view text) {
    return parse_quantity(text, rate_units);
}

std::string rate_text(std::uint64_t bytes_per_second) {
    return in_largest_unit(bytes_per_second, rate_units);
}

std::string bytes_text(std::uint64_t bytes) {
    return in_largest_unit(bytes, byte_units);
}

std::string time_text(std::uint64_t ps) {
    return in_largest_unit(ps, time_units);
}

} // namespace iommulab::settings
