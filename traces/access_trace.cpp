// SPDX-License-Identifier: Apache-2.0
#include "traces/access_trace.h"

#include "traces/csv_reader.h"
#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>

namespace iommulab::traces {

namespace {

enum column : std::size_t { time_ns, source_id, address, size_bytes, rw, pasid };

constexpr std::uint64_t largest_pasid = 0xfffff; // 20 bits: PCIe Base Specification, PASID TLP prefix
/// 2^63 ps are 106 days; as much again is left for what a simulation does before a trace starts.
constexpr std::uint64_t latest_time_ps = ~std::uint64_t{0} >> 1;

/// Nanoseconds, possibly with a fraction, of which whole picoseconds count.
std::optional<std::uint64_t> parse_ns(std::string_view text) {
    const std::size_t point = std::min(text.find('.'), text.size());
    const auto ns = parse_number(text.substr(0, point));
    std::string fraction(text.substr(std::min(point + 1, text.size())));
    const bool digits = fraction.find_first_not_of("0123456789") == std::string::npos;
    if (!ns || !digits || (point != text.size() && (fraction.empty() || text.starts_with("0x")))) {
        return std::nullopt;
    }
    fraction.resize(3, '0');
    return *ns > latest_time_ps / 1000 ? ~std::uint64_t{0} : *ns * 1000 + *parse_number(fraction);
}

} // namespace

struct access_trace_reader::state {
    state(const std::string& path, trace_sources sources, const access_trace_limits& given)
        : csv(path,
              {{"time_ns", false},
               {"source_id", sources == trace_sources::recorded},
               {"address"},
               {"size_bytes"},
               {"rw"},
               {"pasid", false}},
              other_columns::ignored),
          limits(given) {}

    csv_reader csv;
    access_trace_limits limits;
    std::uint64_t last_time_ps = 0;
    std::string last_time;
};

access_trace_reader::access_trace_reader(const std::string& path, trace_sources sources,
                                         const access_trace_limits& limits)
    : state_(std::make_unique<state>(path, sources, limits)) {}
access_trace_reader::~access_trace_reader() = default;
access_trace_reader::access_trace_reader(access_trace_reader&&) noexcept = default;
access_trace_reader& access_trace_reader::operator=(access_trace_reader&&) noexcept = default;

bool access_trace_reader::next(traced_access& access) {
    csv_reader& csv = state_->csv;
    if (!csv.next()) {
        return false;
    }
    access = {};
    if (const std::string_view text = csv.text(time_ns); !text.empty()) {
        access.time_ps = parse_ns(text);
        if (!access.time_ps) {
            csv.fail(time_ns, "a number of nanoseconds, possibly with a fraction");
        }
        if (*access.time_ps > latest_time_ps) {
            csv.fail(time_ns, "at most " + std::to_string(latest_time_ps / 1000) + " ns, about 106 days");
        }
        if (*access.time_ps < state_->last_time_ps) {
            csv.fail(time_ns, "time going backwards: " + std::string(text) + " ns after " + state_->last_time + " ns",
                     "times that never decrease");
        }
        state_->last_time_ps = *access.time_ps;
        state_->last_time = text;
    }
    access.source_id = csv.has(source_id) ? static_cast<std::uint32_t>(csv.number(source_id, 0xffffffff)) : 0;
    access.address = csv.number(address);
    access.size_bytes = csv.number(size_bytes, state_->limits.largest_access_bytes);
    if (access.size_bytes == 0) {
        csv.fail(size_bytes, "at least one byte");
    }
    const unsigned bits = state_->limits.address_bits;
    const std::uint64_t last_address = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    if (access.address > last_address || access.size_bytes - 1 > last_address - access.address) {
        csv.fail(address, "address " + hex(access.address) + " with " + std::to_string(access.size_bytes) + " bytes",
                 "an access that ends at or below " + hex(last_address) + ", the last address of a bus of " +
                     std::to_string(bits) + " bits");
    }
    access.write = csv.is_write(rw);
    if (!csv.text(pasid).empty()) {
        access.pasid = static_cast<std::uint32_t>(csv.number(pasid, largest_pasid));
    }
    return true;
}

const std::vector<std::string>& access_trace_reader::ignored_columns() const {
    return state_->csv.ignored_columns();
}

} // namespace iommulab::traces
