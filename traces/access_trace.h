// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace iommulab::traces {

/// One access of a DMA master.
struct traced_access {
    std::optional<std::uint64_t> time_ns; ///< not before this time after the start; empty: as soon as the master may
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

/// Reads the access traces that DMA masters replay: comma-separated values, plain or gzip, with the columns source_id,
/// address, size_bytes, rw (`r`: the master reads memory, `w`: it writes), and optionally time_ns and pasid. With a
/// column time_ns no time may be before the time of the row above it.
class access_trace_reader {
  public:
    /// Throws input_error for a file that can not be read and for a wrong header.
    explicit access_trace_reader(const std::string& path, const access_trace_limits& limits = {});
    ~access_trace_reader();
    access_trace_reader(access_trace_reader&&) noexcept;
    access_trace_reader& operator=(access_trace_reader&&) noexcept;

    /// The next access; false at the end. Throws input_error for a row that is wrong: no number, a size of 0 or too
    /// large, a direction that is neither r nor w, time going backwards, an address beyond the bus, damaged
    /// compression.
    bool next(traced_access& access);

  private:
    struct state;
    std::unique_ptr<state> state_;
};

/// Writes an access trace, compressed when the name ends in `.gz`.
class access_trace_writer {
  public:
    /// Throws input_error when the file can not be written. The columns time_ns and pasid are written when asked for.
    access_trace_writer(const std::string& path, bool with_time, bool with_pasid);
    /// Closes the file when close() was not called; errors are lost then.
    ~access_trace_writer();
    access_trace_writer(access_trace_writer&&) noexcept;
    access_trace_writer& operator=(access_trace_writer&&) noexcept;

    void write(const traced_access& access);
    /// Ends the file; throws input_error when not everything could be written.
    void close();

  private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace iommulab::traces
