// SPDX-License-Identifier: Apache-2.0
// The log as data: who said what, when, and how grave it was.
#pragma once

#include "sw/cpu/cpu.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::sw {

struct log_entry {
    std::uint64_t time_ns = 0;
    unsigned cpu = 0;
    log_level level = log_level::info;
    std::string device; ///< the device or IOMMU instance that the line is about
    std::string message;
};

/// "error", "warning", "info", "debug", "none".
const char* name_of(log_level level);

class log_stream {
  public:
    using listener = std::function<void(const log_entry&)>;

    void add(log_entry entry);
    [[nodiscard]] const std::vector<log_entry>& entries() const { return entries_; }
    /// Lines of exactly this level, from entry `first` on; with `device`, only its lines.
    [[nodiscard]] std::size_t count(log_level level, std::size_t first = 0, std::string_view device = {}) const;
    /// Lines of errors and of what is graver, from entry `first` on.
    [[nodiscard]] std::size_t errors(std::size_t first = 0) const;
    /// Called with each line as it comes; a second one replaces the first.
    void on_entry(listener l) { listener_ = std::move(l); }
    void clear() { entries_.clear(); }

  private:
    std::vector<log_entry> entries_;
    listener listener_;
};

} // namespace iommulab::sw
