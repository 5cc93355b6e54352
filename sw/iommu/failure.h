// SPDX-License-Identifier: Apache-2.0
// The errno contract as data: every way to fail is a row of a table, and the table alone knows what it is called.
#pragma once

#include "sw/cpu/cpu.h"
#include "sw/iommu/linux_errno.h"
#include "sw/iommu/rules.h"

#include <boost/system/result.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
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
    not_reached, ///< the kernel below these rules does not get there
    crashes,     ///< nothing: the kernel follows a null pointer
};
const char* name_of(disposition d);

/// One cell: a row under one set of rules.
struct failure_outcome {
    linux_errno number = linux_errno::none;
    log_level log = log_level::none;
    disposition what = disposition::returned;
    std::uint8_t lines = 1;    ///< lines logged, when `log` is not none
    std::uint8_t warnings = 0; ///< lines logged before them, as warnings
    bool at_probe = false;     ///< of a row of attach: this kernel does it when it probes the device

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
    std::array<failure_outcome, rule_sets> all;
    all.fill(o);
    return all;
}
constexpr std::array<failure_outcome, rule_sets> always(linux_errno number, log_level log = log_level::none) {
    return always(failure_outcome{number, log});
}
/// A failure that is logged, and nothing more.
constexpr std::array<failure_outcome, rule_sets> swallowed(log_level log) {
    return always(failure_outcome{linux_errno::none, log, disposition::swallowed});
}
/// A row that all proposals changed; v6.1 came before the series landed.
constexpr std::array<failure_outcome, rule_sets> changed(failure_outcome before, failure_outcome proposal,
                                                         failure_outcome after) {
    return {before, proposal, after, before, after};
}
/// A row that the series changes, but the earlier proposal did not.
constexpr std::array<failure_outcome, rule_sets> changed(failure_outcome before, failure_outcome after) {
    return changed(before, before, after);
}
/// A row that only some kernels get to.
constexpr std::array<failure_outcome, rule_sets> only_in(std::initializer_list<kernel_version> versions,
                                                         failure_outcome there) {
    std::array<failure_outcome, rule_sets> all = always({linux_errno::none, log_level::none, disposition::not_reached});
    for (const rule_set rules : all_rule_sets)
        for (const kernel_version v : versions)
            if (v == base_of(rules))
                all[static_cast<std::size_t>(rules)] = there;
    return all;
}
/// A row of attach that is one of probe from a kernel on.
constexpr std::array<failure_outcome, rule_sets> at_probe_from(kernel_version first,
                                                               std::array<failure_outcome, rule_sets> all) {
    for (const rule_set rules : all_rule_sets)
        all[static_cast<std::size_t>(rules)].at_probe = base_of(rules) >= first;
    return all;
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
constexpr const failure_row* row_named(std::span<const failure_row> table, std::string_view id) {
    for (const failure_row& row : table)
        if (id == row.id)
            return &row;
    return nullptr;
}
/// Throws std::logic_error naming the row when a table contradicts itself: an id used twice, an errno beside
/// disposition::swallowed, none beside disposition::returned.
constexpr void check_table(std::span<const failure_row> table) {
    for (const failure_row& row : table) {
        const auto must = [&](bool holds, const char* what) {
            if (!holds)
                throw std::logic_error(std::string("failure row ") + row.id + what);
        };
        must(row_named(table, row.id) == &row, " is there twice");
        for (const failure_outcome& o : row.under) {
            must((o.what == disposition::returned) == (o.number != linux_errno::none),
                 ": an errno belongs to what is returned, and to nothing else");
            must(o.lines != 0, ": no line is said with log_level::none");
        }
    }
}

/// A table as its file keeps it: checked when it is compiled, its rows known by their ids.
template <std::size_t rows_in_it>
class failure_table {
  public:
    consteval explicit failure_table(const failure_row (&list)[rows_in_it]) : rows_(std::to_array(list)) {
        check_table(rows_);
    }
    consteval const failure_row& operator[](std::string_view id) const {
        const failure_row* const row = row_named(rows_, id);
        if (!row)
            throw std::logic_error("no failure row has this id");
        return *row;
    }
    [[nodiscard]] std::span<const failure_row> rows() const { return rows_; }

  private:
    std::array<failure_row, rows_in_it> rows_;
};

/// What such a file is written in.
namespace failure_terms {
using enum linux_errno;
using enum failure_class;
using enum failure_scope;
inline constexpr auto A = log_level::alert, E = log_level::error, W = log_level::warning, D = log_level::debug;
} // namespace failure_terms

} // namespace iommulab::sw
