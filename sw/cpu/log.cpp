// SPDX-License-Identifier: Apache-2.0
#include "sw/cpu/log.h"

#include <algorithm>

namespace iommulab::sw {

const char* name_of(log_level level) {
    switch (level) {
    case log_level::debug:
        return "debug";
    case log_level::info:
        return "info";
    case log_level::warning:
        return "warning";
    case log_level::error:
        return "error";
    case log_level::alert:
        return "alert";
    case log_level::none:
        break;
    }
    return "none";
}

void log_stream::add(log_entry entry) {
    entries_.push_back(std::move(entry));
    if (listener_)
        listener_(entries_.back());
}

std::size_t log_stream::count(log_level level, std::size_t first, std::string_view device) const {
    first = std::min(first, entries_.size());
    return static_cast<std::size_t>(
        std::count_if(entries_.begin() + static_cast<std::ptrdiff_t>(first), entries_.end(),
                      [&](const log_entry& e) { return e.level == level && (device.empty() || e.device == device); }));
}

std::size_t log_stream::errors(std::size_t first) const {
    return count(log_level::error, first) + count(log_level::alert, first);
}

} // namespace iommulab::sw
