// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/line_reader.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace iommulab::traces {

/// One event of a kernel's IOMMU core, as /sys/kernel/tracing/trace prints it (include/trace/events/iommu.h of Linux).
/// Events do not say of which domain they are.
struct map_event {
    enum class kind {
        map,    ///< iova, pa, size_bytes
        unmap,  ///< iova, size_bytes asked for, unmapped_bytes
        attach, ///< device: it has been attached to another domain
        group,  ///< device, group: it has become a member
        mark,   ///< text that user space wrote into the trace
    };
    kind what = kind::mark;
    std::uint64_t time_us = 0; ///< the kernel's clock
    unsigned cpu = 0;
    std::uint64_t iova = 0;
    std::uint64_t size_bytes = 0;
    std::uint64_t pa = 0;
    std::uint64_t unmapped_bytes = 0;
    std::uint32_t device = 0; ///< requester id: bus<<8 | device<<3 | function
    unsigned group = 0;
    std::string text;
    std::size_t line = 0;
};

/// Reads such a trace, plain or gzip. Events of other names (intel_iommu, dma) are left out, comments too. Throws
/// input_error for what is no line of a trace, for a known event whose values do not fit each other, and where the
/// kernel says that events are lost.
class map_trace_reader {
  public:
    explicit map_trace_reader(const std::string& path) : lines_(path, largest_table_bytes) {}
    /// False at the end.
    bool next(map_event& event);
    const std::string& path() const { return lines_.path(); }

  private:
    [[noreturn]] void fail(std::string_view at, const std::string& found, const std::string& expected) const;
    std::string_view read_head(map_event& event) const;
    void read_values(std::string_view name, std::string_view values, map_event& event) const;
    void read_range(std::string_view& values, map_event& event) const;
    std::uint64_t number_after(std::string_view& values, std::string_view key) const;
    std::uint32_t read_device(std::string_view& values) const;

    line_reader lines_;
    std::string line_;
};

} // namespace iommulab::traces
