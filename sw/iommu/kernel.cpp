// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/kernel.h"

#include "sw/iommu/core_failures.h"

#include <stdexcept>

namespace iommulab::sw {

kernel::kernel(cpu& machine, log_stream& log, const kernel_options& options)
    : machine_(machine), log_(log), options_(options) {
    if (options.page_shift != 12 && options.page_shift != 14 && options.page_shift != 16)
        throw std::invalid_argument("page_shift is 12, 14 or 16, not " + std::to_string(options.page_shift));
    check_table(core_failures());
}

void kernel::say(log_level level, std::string_view device, std::string_view message) {
    machine_.log(level, std::string(device).c_str(), std::string(message).c_str());
}

void kernel::log_lines(const failure_row& row, const failure_outcome& o, std::string_view device,
                       std::string_view message) {
    const unsigned lines = o.log == log_level::none ? 0 : o.lines;
    for (unsigned line = 0; line < o.warnings + lines; ++line) {
        if (message.empty())
            throw std::logic_error(std::string("failure ") + row.id + " has fewer lines to log than its table wants");
        const std::size_t end = message.find('\n');
        say(line < o.warnings ? log_level::warning : o.log, device, message.substr(0, end));
        message = end == std::string_view::npos ? std::string_view() : message.substr(end + 1);
    }
}

void kernel::raise(const failure_row& row, linux_errno number, const failure_outcome& o, std::string_view device,
                   std::string_view message) {
    const std::size_t first_line = log_.entries().size();
    log_lines(row, o, device, message);
    raised_.push_back({machine_.now_ns(), &row, number, std::string(device), first_line, log_.entries().size()});
}

const failure_outcome& kernel::expect(const failure_row& row, disposition d) const {
    const failure_outcome& o = row.outcome(options_.rules);
    if (o.what != d)
        throw std::logic_error(std::string("failure ") + row.id + " is " + name_of(o.what) + " under " +
                               name_of(options_.rules) + ", the code wants it " + name_of(d));
    return o;
}

error kernel::fail(const failure_row& row, std::string_view device, std::string_view message) {
    const failure_outcome& o = expect(row, disposition::returned);
    raise(row, o.number, o, device, message);
    return {o.number, &row};
}

error kernel::pass_on(const failure_row& row, linux_errno number, std::string_view device, std::string_view message) {
    const failure_outcome& o = expect(row, disposition::passed_on);
    raise(row, number, o, device, message);
    return {number, &row};
}

void kernel::crash(const failure_row& row, std::string_view device) {
    expect(row, disposition::crashes);
    raised_.push_back({machine_.now_ns(), &row, linux_errno::none, std::string(device)});
    throw kernel_crash(row, device);
}

void kernel::note(const failure_row& row, std::string_view device, std::string_view message) {
    const failure_outcome& o = expect(row, disposition::swallowed);
    raise(row, linux_errno::none, o, device, message);
}

bool kernel::checks(const failure_row& row) const {
    return row.outcome(options_.rules).what != disposition::not_checked;
}

std::uint64_t kernel::allocate(std::string_view point, std::uint64_t bytes, std::uint64_t alignment, unsigned node,
                               memory_kind kind) {
    return injection_.fires(point) ? 0 : machine_.allocate(bytes, alignment, node, kind);
}

void kernel::request_interrupt(int line, std::string device, handler h) {
    handlers_.emplace(line, requested{std::move(device), std::move(h)});
}

void kernel::free_interrupts(std::string_view device) {
    std::erase_if(handlers_, [&](const auto& entry) { return entry.second.device == device; });
}

std::uint64_t kernel::service_interrupts(std::uint64_t timeout_ns) {
    std::uint64_t taken = 0;
    for (int line = machine_.wait_interrupt(timeout_ns); line >= 0; line = machine_.wait_interrupt(timeout_ns)) {
        ++taken;
        const auto [first, last] = handlers_.equal_range(line);
        if (first == last)
            say(log_level::warning, "kernel", "interrupt " + std::to_string(line) + ": nobody cared");
        for (auto place = first; place != last; ++place)
            place->second.call();
    }
    return taken;
}

} // namespace iommulab::sw
