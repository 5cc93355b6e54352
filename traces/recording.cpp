// SPDX-License-Identifier: Apache-2.0
#include "traces/recording.h"

#include "traces/input_error.h"
#include "traces/json_document.h"
#include "traces/number.h"

#include <algorithm>
#include <utility>

namespace iommulab::traces {

namespace {

/// Differences of times have signs.
constexpr std::uint64_t latest_time_ns = ~std::uint64_t{0} >> 1;

/// Four times the largest in a recording of a kernel. What a row says is written to memory when it is replayed.
constexpr std::uint64_t largest_access_bytes = std::uint64_t{1} << 24;

/// `order`, which never decreases within a file.
std::uint64_t next_order(const csv_reader& csv, std::size_t column, std::uint64_t& last) {
    const std::uint64_t order = csv.number(column);
    if (order < last) {
        csv.fail(column, "order " + std::to_string(order) + " after " + std::to_string(last),
                 "orders that never decrease");
    }
    return last = order;
}

std::uint32_t source(const csv_reader& csv, std::size_t column) {
    return static_cast<std::uint32_t>(csv.number(column, 0xffffffff));
}

/// A part of `text` up to `separator`, which is taken off it with the separator.
std::string_view take(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

namespace dma_columns {
enum : std::size_t {
    seq,
    order,
    time_ns,
    source_id,
    iova,
    pa,
    size,
    rw,
    result,
    page_size,
    perm,
    role,
    req_id,
    walk_reads
};
}

recorded_result read_result(const csv_reader& csv, std::string& fault_code) {
    const std::string_view text = csv.text(dma_columns::result);
    fault_code.clear();
    if (text == "ok") {
        return recorded_result::ok;
    }
    if (text == "bypass") {
        return recorded_result::bypass;
    }
    if (text == "msi") {
        return recorded_result::msi;
    }
    if (text == "resv_msi") {
        return recorded_result::resv_msi;
    }
    if (text == "fault" || text.starts_with("fault:")) {
        fault_code = text.size() > 6 ? text.substr(6) : "";
        return recorded_result::fault;
    }
    csv.fail(dma_columns::result, "ok, fault, fault:CODE, bypass, msi or resv_msi");
}

void read_walk(const csv_reader& csv, std::vector<table_read>& reads) {
    reads.clear();
    std::string_view text = csv.text(dma_columns::walk_reads);
    while (!text.empty()) {
        std::string_view part = take(text, ';');
        const auto address = parse_hex_digits(take(part, ':'));
        const auto size = parse_number(part);
        if (!address || !size || *size == 0 || *size > 4096) {
            csv.fail(dma_columns::walk_reads, "ADDRESS:BYTES, separated by semicolons");
        }
        reads.push_back({*address, static_cast<std::uint32_t>(*size)});
    }
}

} // namespace

dma_trace_reader::dma_trace_reader(const std::string& path)
    : csv_(path, {{"seq"},
                  {"order"},
                  {"time_ns"},
                  {"source_id"},
                  {"iova"},
                  {"pa"},
                  {"size"},
                  {"rw"},
                  {"result"},
                  {"page_size"},
                  {"perm"},
                  {"role"},
                  {"req_id"},
                  {"walk_reads"}}) {}

bool dma_trace_reader::next(dma_row& row) {
    namespace c = dma_columns;
    if (!csv_.next()) {
        return false;
    }
    row.line = csv_.line();
    row.sequence = csv_.number(c::seq);
    row.order = next_order(csv_, c::order, last_order_);
    row.time_ns = csv_.number(c::time_ns, latest_time_ns);
    row.source_id = source(csv_, c::source_id);
    row.iova = csv_.number(c::iova);
    row.size_bytes = csv_.number(c::size, largest_access_bytes);
    row.write = csv_.is_write(c::rw);
    row.result = read_result(csv_, row.fault_code);
    const bool has_address = row.result != recorded_result::fault && row.result != recorded_result::msi;
    row.pa = has_address ? csv_.number(c::pa) : 0;
    row.page_bytes = csv_.number_or(c::page_size, 0);
    const std::string_view permission = csv_.text(c::perm);
    if (!permission.empty() && permission != "-" && permission != "r" && permission != "w" && permission != "rw") {
        csv_.fail(c::perm, "r, w, rw, - or nothing");
    }
    row.readable = permission.starts_with('r');
    row.writable = permission.ends_with('w');
    const std::string_view role = csv_.text(c::role);
    if (role != "dma" && role != "lookahead") {
        csv_.fail(c::role, "dma or lookahead");
    }
    row.lookahead = role == "lookahead";
    row.request_id = csv_.number_or(c::req_id, 0);
    read_walk(csv_, row.walk_reads);
    return true;
}

namespace request_columns {
enum : std::size_t { req_id, time_ns, source_id, device, iova, len, rw, kind, translations, ok };
}

dma_requests_reader::dma_requests_reader(const std::string& path)
    : csv_(path, {{"req_id"},
                  {"time_ns"},
                  {"source_id"},
                  {"device"},
                  {"iova"},
                  {"len"},
                  {"rw"},
                  {"kind"},
                  {"translations"},
                  {"ok"}}) {}

bool dma_requests_reader::next(dma_request_row& row) {
    namespace c = request_columns;
    if (!csv_.next()) {
        return false;
    }
    row.line = csv_.line();
    row.request_id = csv_.number(c::req_id);
    row.time_ns = csv_.number(c::time_ns, latest_time_ns);
    row.source_id = source(csv_, c::source_id);
    row.device = csv_.text(c::device);
    row.iova = csv_.number(c::iova);
    row.size_bytes = csv_.number(c::len);
    row.write = csv_.is_write(c::rw);
    row.kind = csv_.text(c::kind);
    row.translations = csv_.number_or(c::translations, 0);
    row.ok = csv_.number_or(c::ok, 0) != 0;
    return true;
}

command_log_reader::command_log_reader(const std::string& path)
    : csv_(path, {{"order"}, {"time_ns"}, {"qword0"}, {"qword1"}, {"type"}}) {}

bool command_log_reader::next(command_row& row) {
    if (!csv_.next()) {
        return false;
    }
    row.line = csv_.line();
    row.order = next_order(csv_, 0, last_order_);
    row.time_ns = csv_.number(1, latest_time_ns);
    row.qword0 = csv_.number(2);
    row.qword1 = csv_.number(3);
    row.type = csv_.text(4);
    return true;
}

virtio_request_reader::virtio_request_reader(const std::string& path)
    : csv_(path, {{"order"},
                  {"time_ns"},
                  {"op"},
                  {"domain"},
                  {"endpoint"},
                  {"virt_start"},
                  {"virt_end"},
                  {"phys_start"},
                  {"flags"}}) {}

bool virtio_request_reader::next(virtio_request_row& row) {
    if (!csv_.next()) {
        return false;
    }
    row.line = csv_.line();
    row.order = next_order(csv_, 0, last_order_);
    row.time_ns = csv_.number(1, latest_time_ns);
    row.operation = csv_.text(2);
    if (row.operation != "attach" && row.operation != "detach" && row.operation != "map" && row.operation != "unmap") {
        csv_.fail(2, "attach, detach, map or unmap");
    }
    row.domain = source(csv_, 3);
    row.endpoint = static_cast<std::uint32_t>(csv_.number_or(4, 0));
    row.virt_start = csv_.number_or(5, 0);
    row.virt_end = csv_.number_or(6, 0);
    row.phys_start = csv_.number_or(7, 0);
    row.flags = static_cast<std::uint32_t>(csv_.number_or(8, 0));
    return true;
}

namespace register_columns {
enum : std::size_t { order, time_ns, cpu, offset, size, value, rw };
}

register_log_reader::register_log_reader(const std::string& path)
    : csv_(path, {{"order"}, {"time_ns"}, {"cpu"}, {"offset"}, {"size"}, {"value"}, {"rw"}}) {}

bool register_log_reader::next(register_row& row) {
    namespace c = register_columns;
    if (!csv_.next()) {
        return false;
    }
    row.line = csv_.line();
    row.order = next_order(csv_, c::order, last_order_);
    row.time_ns = csv_.number(c::time_ns, latest_time_ns);
    row.cpu = static_cast<std::uint32_t>(csv_.number_or(c::cpu, 0));
    row.offset = csv_.number(c::offset);
    row.width_bytes = static_cast<std::uint32_t>(csv_.number(c::size, 8));
    if (row.width_bytes == 0 || (row.width_bytes & (row.width_bytes - 1)) != 0) {
        csv_.fail(c::size, "1, 2, 4 or 8 bytes");
    }
    row.value = csv_.number(c::value);
    row.write = csv_.is_write(c::rw);
    return true;
}

std::vector<mark_row> read_marks(const std::string& path) {
    csv_reader csv(path, {{"time_ns"}, {"order"}, {"mark"}, {"guest_time_s", false}}, other_columns::refused,
                   largest_table_bytes);
    std::vector<mark_row> rows;
    while (csv.next()) {
        rows.push_back({csv.number(0, latest_time_ns), csv.number(1), std::string(csv.text(2))});
    }
    return rows;
}

namespace expected_columns {
enum : std::size_t { source_id, iova, rw, result, pa, page_size, fault_code, origin, note };
}

expected_reader::expected_reader(const std::string& path)
    : csv_(path, {{"source_id"},
                  {"iova"},
                  {"rw"},
                  {"result"},
                  {"pa"},
                  {"page_size"},
                  {"fault_code"},
                  {"origin"},
                  {"note", false}}) {}

bool expected_reader::next(expected_row& row) {
    namespace c = expected_columns;
    if (!csv_.next()) {
        return false;
    }
    row.line = csv_.line();
    row.source_id = source(csv_, c::source_id);
    row.iova = csv_.number(c::iova);
    row.write = csv_.is_write(c::rw);
    const std::string_view result = csv_.text(c::result);
    if (result != "ok" && result != "fault") {
        csv_.fail(c::result, "ok or fault");
    }
    row.ok = result == "ok";
    row.pa = row.ok ? csv_.number(c::pa) : 0;
    row.page_bytes = csv_.number_or(c::page_size, 0);
    row.fault_code = csv_.text(c::fault_code);
    row.origin = csv_.text(c::origin);
    row.note = csv_.text(c::note);
    return true;
}

leaves_reader::leaves_reader(const std::string& path)
    : csv_(path, {{"source_ids"}, {"iova"}, {"size"}, {"pa"}, {"r"}, {"w"}}, other_columns::refused,
           largest_table_bytes) {}

bool leaves_reader::next(leaf_row& row) {
    if (!csv_.next()) {
        return false;
    }
    row.source_ids.clear();
    std::string_view sources = csv_.text(0);
    while (!sources.empty()) {
        // Several sources stand apart by a blank, a semicolon or a plus.
        const std::size_t end = std::min(sources.find_first_of(" ;+|"), sources.size());
        const auto id = parse_number(sources.substr(0, end));
        if (!id || *id > 0xffffffff) {
            csv_.fail(0, "source ids");
        }
        row.source_ids.push_back(static_cast<std::uint32_t>(*id));
        sources.remove_prefix(std::min(end + 1, sources.size()));
    }
    row.iova = csv_.number(1);
    row.size_bytes = csv_.number(2);
    if (row.size_bytes == 0 || row.iova + (row.size_bytes - 1) < row.iova) {
        csv_.fail(2, "the bytes of a range inside 64 bits of address");
    }
    row.pa = csv_.number(3);
    row.readable = csv_.number(4, 1) != 0;
    row.writable = csv_.number(5, 1) != 0;
    return true;
}

pages_reader::pages_reader(const std::string& path) : lines_(path, largest_table_bytes) {}

bool pages_reader::next(table_page& page) {
    do {
        if (!lines_.next(line_)) {
            return false;
        }
    } while (line_.empty());
    const json_document document(lines_.path(), line_, lines_.line());
    const json_node root = document.root();
    page.address = root.at("addr").number();
    page.kind = root.at("kind").text();
    page.bytes = root.at("hex").bytes();
    if (page.bytes.empty() || page.address + (page.bytes.size() - 1) < page.address) {
        root.at("hex").fail(std::to_string(page.bytes.size()) + " bytes at " + hex(page.address),
                            "some bytes inside 64 bits of address");
    }
    return true;
}

} // namespace iommulab::traces
