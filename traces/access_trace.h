// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::traces {

/// One access of a DMA master.
struct traced_access {
    std::optional<std::uint64_t> time_ps; ///< not before this time after the start; empty: as soon as the master may
    std::uint32_t source_id = 0;
    std::uint64_t address = 0; ///< I/O virtual address
    std::uint64_t size_bytes = 0;
    bool write = false; ///< the master writes memory
    std::optional<std::uint32_t> pasid;
};

/// What an access trace is checked against while it is read.
struct access_trace_limits {
    unsigned address_bits = 64; ///< width of the bus that the accesses go to
    /// 4 MiB: assumption; far beyond a PCIe transfer, and small enough to hold.
    std::uint64_t largest_access_bytes = std::uint64_t{1} << 22;
};

/// Whose a trace's accesses are: those of the sources in its rows, or all of the one that plays them.
enum class trace_sources { recorded, own };

/// Reads the access traces that DMA masters replay: comma-separated values, plain or gzip, with the columns source_id
/// (not needed for a source of its own), address, size_bytes, rw (`r`: the master reads memory, `w`: it writes), and
/// optionally time_ns, with or without a fraction, and pasid. Other columns are ignored. With a column time_ns no time
/// may be before the time of the row above it.
class access_trace_reader {
  public:
    /// Throws input_error for a file that can not be read and for a wrong header.
    explicit access_trace_reader(const std::string& path, trace_sources sources = trace_sources::recorded,
                                 const access_trace_limits& limits = {});
    ~access_trace_reader();
    access_trace_reader(access_trace_reader&&) noexcept;
    access_trace_reader& operator=(access_trace_reader&&) noexcept;

    /// The next access; false at the end. Throws input_error for a row that is wrong: no number, a size of 0 or too
    /// large, a direction that is neither r nor w, time going backwards or beyond what can be simulated, an address
    /// beyond the bus, damaged compression.
    bool next(traced_access& access);
    /// The columns that it ignores, in the file's order.
    const std::vector<std::string>& ignored_columns() const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace iommulab::traces
