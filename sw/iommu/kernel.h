// SPDX-License-Identifier: Apache-2.0
// What all kernel code here shares: the machine, the rules in force, the log, the failures, the interrupts.
#pragma once

#include "sw/cpu/log.h"
#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::sw {

struct kernel_options {
    rule_set rules = rule_set::v6_1; ///< the kernel whose code the drivers are, errnos included
    unsigned page_shift = 12;        ///< PAGE_SIZE as a power of two: 12, 14 or 16
    unsigned va_bits = 48;           ///< CONFIG_ARM64_VA_BITS
};

/// A failure that happened, in order.
struct raised_failure {
    std::uint64_t time_ns = 0;
    const failure_row* row = nullptr;
    linux_errno number = linux_errno::none; ///< none: swallowed
    std::string device;
    std::size_t first_line = 0, end_line = 0; ///< of the log: what was logged for it
};

/// Where the kernel would stop for good, or wait for ever: it is told of, and nothing is run on.
struct kernel_stop : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct kernel_crash : kernel_stop {
    kernel_crash(const failure_row& r, std::string_view device)
        : kernel_stop(std::string(device) + ": the kernel crashes at " + r.id + ": " + r.condition), row(&r) {}
    const failure_row* row;
};

class kernel {
  public:
    /// `log` is where `machine` puts its lines: read here, so that they can be counted.
    kernel(cpu& machine, log_stream& log, const kernel_options& options);
    kernel(const kernel&) = delete;
    kernel& operator=(const kernel&) = delete;

    [[nodiscard]] cpu& machine() { return machine_; }
    [[nodiscard]] const kernel_options& options() const { return options_; }
    [[nodiscard]] rule_set rules() const { return options_.rules; }
    /// Whose code the rules are in.
    [[nodiscard]] kernel_version version() const { return base_of(options_.rules); }
    [[nodiscard]] injection_registry& injection() { return injection_; }
    [[nodiscard]] const log_stream& log() const { return log_; }

    /// One line of the log.
    void say(log_level level, std::string_view device, std::string_view message);

    // --- failures. `message` is logged as the table says; of a message with several lines, as many as the table says.
    // All throw std::logic_error when the row's disposition under the rules in force is another, or the message has
    // fewer lines than the table wants.
    /// An operation fails: what to return.
    error fail(const failure_row& row, std::string_view device, std::string_view message = {});
    /// It fails with what a callee failed with (disposition::passed_on).
    error pass_on(const failure_row& row, linux_errno number, std::string_view device, std::string_view message = {});
    /// It goes on in spite of it (disposition::swallowed).
    void note(const failure_row& row, std::string_view device, std::string_view message = {});
    /// It does not go on at all (disposition::crashes): throws kernel_crash.
    [[noreturn]] void crash(const failure_row& row, std::string_view device);
    /// Whether anybody looks (not disposition::not_checked).
    [[nodiscard]] bool checks(const failure_row& row) const;
    [[nodiscard]] const std::vector<raised_failure>& raised() const { return raised_; }

    /// Zeroed memory that the injection point may refuse; 0 when there is none.
    std::uint64_t allocate(std::string_view point, std::uint64_t bytes, std::uint64_t alignment, unsigned node,
                           memory_kind kind);

    // --- interrupts
    using handler = std::function<void()>;
    /// Called, one after the other, for each interrupt of the line.
    void request_interrupt(int line, std::string device, handler h);
    void free_interrupts(std::string_view device);
    /// Takes interrupts on the calling CPU until none has come for `timeout_ns`; returns how many came.
    std::uint64_t service_interrupts(std::uint64_t timeout_ns);

    /// From now on the hardware is gone: destructors neither command it nor wait for it.
    void power_off() { powered_ = false; }
    [[nodiscard]] bool powered() const { return powered_; }

  private:
    void raise(const failure_row& row, linux_errno number, const failure_outcome& o, std::string_view device,
               std::string_view message);
    void log_lines(const failure_row& row, const failure_outcome& o, std::string_view device, std::string_view message);
    const failure_outcome& expect(const failure_row& row, disposition d) const;

    struct requested {
        std::string device;
        handler call;
    };
    cpu& machine_;
    log_stream& log_;
    kernel_options options_;
    injection_registry injection_;
    std::vector<raised_failure> raised_;
    std::multimap<int, requested> handlers_;
    bool powered_ = true;
};

/// At most `burst` lines in `interval_ns`; the rest is counted. Linux: 10 in 5 s (include/linux/ratelimit_types.h).
class rate_limit {
  public:
    explicit rate_limit(std::uint64_t interval_ns = 5'000'000'000, unsigned burst = 10)
        : interval_ns_(interval_ns), burst_(burst) {}
    bool allows(std::uint64_t now_ns) {
        if (!started_ || now_ns - begin_ns_ > interval_ns_) {
            started_ = true;
            begin_ns_ = now_ns;
            used_ = 0;
        }
        if (used_ < burst_) {
            ++used_;
            return true;
        }
        ++suppressed_;
        return false;
    }
    [[nodiscard]] std::uint64_t suppressed() const { return suppressed_; }

  private:
    std::uint64_t interval_ns_, begin_ns_ = 0, suppressed_ = 0;
    unsigned burst_, used_ = 0;
    bool started_ = false;
};

} // namespace iommulab::sw
