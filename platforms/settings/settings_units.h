// SPDX-License-Identifier: Apache-2.0
// Quantities as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace iommulab::settings {

/// "4096", "0x1000", "4KiB": bytes. Units B, KiB, MiB, GiB, TiB, PiB; nothing beyond 64 bits.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "2.5ns": picoseconds. Units ps, ns, us, ms, s; a plain 0 needs none; a part of a picosecond is refused.
std::optional<std::uint64_t> parse_time_ps(std::string_view text);

/// "4GB/s": bytes per second. Units B/s, kB/s, MB/s, GB/s, decimal as links are sold.
std::optional<std::uint64_t> parse_rate(std::string_view text);

/// The shortest text that reads back the same: "4KiB", "100 B" is "100B"; "2500ps", "50ns".
std::string bytes_text(std::uint64_t bytes);
std::string time_text(std::uint64_t ps);
std::string rate_text(std::uint64_t bytes_per_second);

} // namespace iommulab::settings
