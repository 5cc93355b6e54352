// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <tuple>

namespace iommulab::results {

namespace {

constexpr std::array<time_unit, 4> time_units{{{"ns", 1e3}, {"us", 1e6}, {"ms", 1e9}, {"s", 1e12}}};

std::string grouped(const std::string& digits) {
    const std::size_t first = digits.starts_with('-') ? 1 : 0, point = std::min(digits.find('.'), digits.size());
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > first && i < point && (point - i) % 3 == 0)
            text += ',';
        text += digits[i];
    }
    return text;
}

std::string plural_of(std::string_view one) {
    const auto ends = [&](std::initializer_list<std::string_view> endings) {
        return std::ranges::any_of(endings, [&](std::string_view e) { return one.ends_with(e); });
    };
    if (ends({"s", "x", "ch", "sh"}))
        return std::string(one) + "es";
    if (ends({"y"}) && !ends({"ay", "ey", "oy"}))
        return std::string(one.substr(0, one.size() - 1)) + "ies";
    return std::string(one) + "s";
}

} // namespace

std::string count_text(std::uint64_t count, bool brief) {
    if (brief)
        for (const auto& [from, unit, letter] :
             {std::tuple{1e12, 1e12, 'T'}, {1e9, 1e9, 'G'}, {1e6, 1e6, 'M'}, {1e4, 1e3, 'k'}})
            if (static_cast<double>(count) >= from)
                return fmt::format("{:.2f}{}", static_cast<double>(count) / unit, letter);
    return grouped(std::to_string(count));
}

std::string counted(std::uint64_t count, std::string_view one) {
    return count_text(count) + " " + (count == 1 ? std::string(one) : plural_of(one));
}

std::string decimal_text(double value, unsigned decimals) {
    return grouped(fmt::format("{:.{}f}", value, decimals));
}

std::string time_text(double ps) {
    if (ps == 0)
        return "0 ns";
    if (ps < 5)
        return "<0.01 ns";
    for (const time_unit& u : time_units) {
        const double value = ps / u.ps;
        // what rounds to 1,000 is 1 of the next unit
        if (value < 999.95 || &u == &time_units.back())
            return decimal_text(value, value < 9.995 ? 2 : 1) + " " + u.name;
    }
    return {};
}

std::string gigabytes_text(double bytes_per_second) {
    const double value = bytes_per_second / 1e9;
    return decimal_text(value, value != 0 && value < 0.0995 ? 3 : 2);
}

std::string rate_text(double bytes_per_second) {
    return gigabytes_text(bytes_per_second) + " GB/s";
}

std::string bytes_text(std::uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    for (; bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(units); ++unit)
        bytes /= 1024;
    return count_text(bytes) + " " + units[unit];
}

std::string share_text(double part, double whole) {
    if (part <= 0 || whole <= 0)
        return "-";
    const double percent = 100.0 * part / whole;
    return percent < 0.05 ? "<0.1%" : fmt::format("{:.1f}%", percent);
}

std::string measure_name(std::string_view name) {
    return std::string(name.ends_with("_ps") ? name.substr(0, name.size() - 3) : name);
}

std::string measure_text(std::string_view name, std::uint64_t value) {
    if (name.ends_with("_ps"))
        return time_text(static_cast<double>(value));
    return name.ends_with("throughput") ? rate_text(static_cast<double>(value)) : count_text(value);
}

time_unit unit_for(std::span<const double> times_ps) {
    double least = 0;
    for (const double ps : times_ps)
        if (ps > 0 && (least == 0 || ps < least))
            least = ps;
    time_unit best = time_units.front();
    for (const time_unit& u : time_units)
        if (least >= u.ps)
            best = u;
    return best;
}

} // namespace iommulab::results
