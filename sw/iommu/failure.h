// SPDX-License-Identifier: Apache-2.0
// The errno contract as data: every way to fail is a row of a table, and the table alone knows what it is called.
#pragma once

#include "sw/cpu/cpu.h"
#include "sw/iommu/linux_errno.h"
#include "sw/iommu/rules.h"

#include <boost/system/result.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace iommulab::sw {

enum class failure_class : std::uint8_t { incompatible, busy, device, memory, resource, other };
const char* name_of(failure_class kind);

/// What the caller gets.
enum class disposition : std::uint8_t {
    returned,    ///< the errno of the row
    passed_on,   ///< whatever the callee failed with
    swallowed,   ///< nothing: the operation goes on, or claims success
    not_checked, ///< under these rules nobody looks
    crashes,     ///< nothing: the kernel follows a null pointer
};
const char* name_of(disposition d);

/// One cell: a row under one set of rules.
struct failure_outcome {
    linux_errno number = linux_errno::none;
    log_level log = log_level::none;
    disposition what = disposition::returned;
    std::uint8_t lines = 1; ///< lines logged, when `log` is not none

    friend constexpr bool operator==(const failure_outcome&, const failure_outcome&) = default;
};

/// Where a row belongs.
enum class failure_scope : std::uint8_t { attach, probe, map, feature, runtime, core };
const char* name_of(failure_scope scope);

struct failure_row {
    const char* id;        ///< "S3-3"
    const char* where;     ///< the function of Linux 6.1 that fails so
    const char* condition; ///< in plain words
    failure_class kind;
    failure_scope scope;
    std::array<failure_outcome, rule_sets> under;
    const char* patch = "";               ///< the patch of the series that changes it: "P5"
    const char* unreachable_because = ""; ///< empty: it can be provoked

    [[nodiscard]] constexpr const failure_outcome& outcome(rule_set rules) const {
        return under[static_cast<std::size_t>(rules)];
    }
    [[nodiscard]] constexpr bool reachable() const { return *unreachable_because == 0; }
};

/// A row that no rule set changes.
constexpr std::array<failure_outcome, rule_sets> always(failure_outcome o) {
    return {o, o, o, o};
}
constexpr std::array<failure_outcome, rule_sets> always(linux_errno number, log_level log = log_level::none) {
    return always(failure_outcome{number, log});
}
/// A failure that is logged, and nothing more.
constexpr std::array<failure_outcome, rule_sets> swallowed(log_level log) {
    return always(failure_outcome{linux_errno::none, log, disposition::swallowed});
}
/// A row that the series changes, but the earlier proposal did not.
constexpr std::array<failure_outcome, rule_sets> changed(failure_outcome before, failure_outcome after) {
    return {before, before, after, after};
}
/// A row that all proposals changed.
constexpr std::array<failure_outcome, rule_sets> changed(failure_outcome before, failure_outcome proposal,
                                                         failure_outcome after) {
    return {before, proposal, after, after};
}

/// Why an operation failed: the errno, and the row that it comes from (null: a caller of ours decided it).
struct error {
    linux_errno number = linux_errno::none;
    const failure_row* row = nullptr;

    friend bool operator==(const error& a, const error& b) { return a.number == b.number; }
};
inline boost::system::error_code make_error_code(const error& e) {
    return make_error_code(e.number);
}
/// For result<T>::value() on an error.
[[noreturn]] void throw_exception_from_error(const error& e, const boost::source_location& where);

template <class T>
using result = boost::system::result<T, error>;

/// The errno of a result; `none` for success.
template <class T>
linux_errno errno_of(const result<T>& r) {
    return r ? linux_errno::none : r.error().number;
}

/// The row with this id; null when the table has none.
const failure_row* row_named(std::span<const failure_row> table, std::string_view id);
/// Throws std::logic_error naming the row when a table contradicts itself: an id used twice, an errno beside
/// disposition::swallowed, none beside disposition::returned.
void check_table(std::span<const failure_row> table);

} // namespace iommulab::sw
