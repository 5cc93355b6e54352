// SPDX-License-Identifier: Apache-2.0
// Figures for people, in one style: thousands apart, three digits of what was measured, each with its unit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace iommulab::results {

/// 1234567: "1,234,567", or with `brief` "1.23M".
std::string count_text(std::uint64_t count, bool brief = false);
/// "1 access", "2,345 accesses", "3 entries".
std::string counted(std::uint64_t count, std::string_view one);
/// Thousands apart: "1,234.5".
std::string decimal_text(double value, unsigned decimals);
/// "41.8 ms", "5.94 us", "915 ps" is "0.92 ns": from ns to s.
std::string time_text(double ps);
/// "4.40 GB/s": the one unit of bandwidth.
std::string rate_text(double bytes_per_second);
/// In GB/s, without the unit: for columns.
std::string gigabytes_text(double bytes_per_second);
/// "4 KiB": in the largest unit that it is a multiple of.
std::string bytes_text(std::uint64_t bytes);
/// "12.3%"; a share that is not zero but rounds to it is "<0.1%".
std::string share_text(double part, double whole);

/// What a name like "command_busy_ps" counts: without the unit, which stands at the figure.
std::string measure_name(std::string_view name);
/// And its value: of a time, of a bandwidth ("min_throughput"), else a count.
std::string measure_text(std::string_view name, std::uint64_t value);

/// A unit for times in one column: the largest in which none that is not zero is below 1.
struct time_unit {
    const char* name;
    double ps;
    /// With one decimal, without the unit; what is there but rounds to nothing is "<0.1".
    [[nodiscard]] std::string text(double value_ps) const {
        return value_ps > 0 && value_ps < 0.05 * ps ? "<0.1" : decimal_text(value_ps / ps, 1);
    }
};
time_unit unit_for(std::span<const double> times_ps);

} // namespace iommulab::results
