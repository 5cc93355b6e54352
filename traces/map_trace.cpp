// SPDX-License-Identifier: Apache-2.0
#include "traces/map_trace.h"

#include "traces/input_error.h"
#include "traces/number.h"

#include <algorithm>
#include <optional>

namespace iommulab::traces {

namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view number_characters = "0123456789abcdefABCDEFx";

std::string_view without_spaces(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    return text;
}

/// A number of a few decimal digits, which need not be without zeros in front.
std::optional<std::uint64_t> decimal(std::string_view text) {
    if (text.empty() || text.size() > 18 || text.find_first_not_of(digits) != std::string_view::npos) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

/// Where "[CPU] " begins: a task's name may have brackets too, but no number in them between blanks.
std::size_t find_cpu(std::string_view line) {
    for (std::size_t at = line.find(" ["); at != std::string_view::npos; at = line.find(" [", at + 1)) {
        const std::size_t end = line.find("] ", at);
        if (end != std::string_view::npos && decimal(line.substr(at + 2, end - at - 2))) {
            return at + 2;
        }
    }
    return std::string_view::npos;
}

} // namespace

void map_trace_reader::fail(std::string_view at, const std::string& found, const std::string& expected) const {
    const std::size_t column = static_cast<std::size_t>(at.data() - line_.data()) + 1;
    throw input_error(lines_.path(), lines_.line(), column, found, expected);
}

/// `TASK-PID [CPU] FLAGS SECONDS.MICROSECONDS: `; returns what follows.
std::string_view map_trace_reader::read_head(map_event& event) const {
    const std::string_view line = line_;
    const std::string expected = "TASK-PID [CPU] FLAGS SECONDS: EVENT";
    const std::size_t cpu = find_cpu(line);
    if (cpu == std::string_view::npos) {
        const bool lost = line.find("[LOST ") != std::string_view::npos;
        fail(line, lost ? "lost events" : quoted(line_), lost ? "a trace that has every event" : expected);
    }
    std::string_view rest = line.substr(cpu);
    event.cpu = static_cast<unsigned>(*decimal(rest.substr(0, rest.find(']'))));
    rest.remove_prefix(rest.find(']') + 1);
    rest = without_spaces(rest);
    rest.remove_prefix(std::min(rest.find(' '), rest.size())); // the flags
    rest = without_spaces(rest);
    const std::string_view time = rest.substr(0, rest.find(": "));
    const std::size_t dot = time.find('.');
    const auto seconds = decimal(time.substr(0, dot));
    const auto microseconds =
        dot == std::string_view::npos ? std::nullopt : decimal(time.substr(dot + 1)); // the kernel prints six digits
    if (!seconds || *seconds > 1'000'000'000'000 || !microseconds || time.size() - dot != 7) {
        fail(rest, quoted(std::string(time)), "a time as SECONDS.MICROSECONDS");
    }
    event.time_us = *seconds * 1'000'000 + *microseconds;
    rest.remove_prefix(std::min(time.size() + 2, rest.size()));
    return rest;
}

std::uint64_t map_trace_reader::number_after(std::string_view& values, std::string_view key) const {
    if (!values.starts_with(key)) {
        fail(values, quoted(std::string(values)), std::string(key) + " and a number");
    }
    values.remove_prefix(key.size());
    const std::string_view text = values.substr(0, values.find_first_not_of(number_characters));
    const auto value = parse_number(text);
    if (!value) {
        fail(values, quoted(std::string(text)), "a number");
    }
    values.remove_prefix(text.size());
    values = without_spaces(values);
    return *value;
}

/// `iova=FROM - TO`, TO exclusive.
void map_trace_reader::read_range(std::string_view& values, map_event& event) const {
    event.iova = number_after(values, "iova=");
    event.size_bytes = number_after(values, "- ") - event.iova; // may end at 2^64
    if (event.size_bytes == 0 || event.iova + (event.size_bytes - 1) < event.iova) {
        fail(values, "a range that ends before it begins", "a range of addresses");
    }
}

/// `device=SEGMENT:BUS:DEVICE.FUNCTION`
std::uint32_t map_trace_reader::read_device(std::string_view& values) const {
    const std::string_view key = "device=";
    const std::string_view name = values.starts_with(key) ? values.substr(key.size()) : std::string_view();
    // 0000:00:03.0
    const auto field = [&](std::size_t at, std::size_t size, std::uint64_t limit) -> std::optional<std::uint64_t> {
        const auto value = parse_hex_digits(name.substr(at, size));
        return value && *value <= limit ? value : std::nullopt;
    };
    std::optional<std::uint64_t> bus, device, function;
    if (name.size() == 12 && name[4] == ':' && name[7] == ':' && name[10] == '.') {
        bus = field(5, 2, 0xff);
        device = field(8, 2, 0x1f);
        function = field(11, 1, 7);
    }
    if (!bus || !device || !function) {
        fail(values, quoted(std::string(values)), "device=SEGMENT:BUS:DEVICE.FUNCTION of PCI");
    }
    return static_cast<std::uint32_t>(*bus << 8 | *device << 3 | *function);
}

void map_trace_reader::read_values(std::string_view name, std::string_view values, map_event& event) const {
    using kind = map_event::kind;
    if (event.what == kind::mark) {
        event.text = values;
        return;
    }
    const std::string_view prefix = "IOMMU: ";
    if (!values.starts_with(prefix)) {
        fail(values, quoted(std::string(values)), "'IOMMU: ' and what the event " + std::string(name) + " says");
    }
    values.remove_prefix(prefix.size());
    if (event.what == kind::group) {
        event.group = static_cast<unsigned>(number_after(values, "groupID="));
        event.device = read_device(values);
        return;
    }
    if (event.what == kind::attach) {
        event.device = read_device(values);
        return;
    }
    read_range(values, event);
    if (event.what == kind::map) {
        event.pa = number_after(values, "paddr=");
    }
    const std::string_view size = values;
    if (const std::uint64_t said = number_after(values, "size="); said != event.size_bytes) {
        fail(size, std::to_string(said) + " bytes", std::to_string(event.size_bytes) + ", as the range has");
    }
    if (event.what == kind::unmap) {
        event.unmapped_bytes = number_after(values, "unmapped_size=");
    }
}

bool map_trace_reader::next(map_event& event) {
    using kind = map_event::kind;
    while (lines_.next(line_)) {
        if (line_.empty() || line_.front() == '#') {
            continue;
        }
        event = {};
        event.line = lines_.line();
        std::string_view rest = read_head(event);
        const std::string_view name = rest.substr(0, rest.find(": "));
        if (name.size() == rest.size()) {
            fail(rest, quoted(std::string(rest)), "EVENT: VALUES");
        }
        rest.remove_prefix(name.size() + 2);
        if (name == "map") {
            event.what = kind::map;
        } else if (name == "unmap") {
            event.what = kind::unmap;
        } else if (name == "attach_device_to_domain") {
            event.what = kind::attach;
        } else if (name == "add_device_to_group") {
            event.what = kind::group;
        } else if (name != "tracing_mark_write") {
            continue;
        }
        read_values(name, rest, event);
        return true;
    }
    return false;
}

} // namespace iommulab::traces
