// SPDX-License-Identifier: Apache-2.0
// The matrix: what each row of the tables says, and what was measured.
#pragma once

#include "sw/iommu/driver.h"
#include "testbenches/errno/errno_case.h"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::errno_matrix {

struct matrix_cell {
    sw::failure_outcome table;
    std::string number = "0"; ///< that the table lets expect; of a row that passes on: what its provocation injects
    std::optional<measurement> measured; ///< none: unreachable, or nobody looks under these rules
    std::vector<std::pair<std::string, caller_measurement>> callers; ///< by name, in the order of the list

    [[nodiscard]] std::string log() const { return sw::name_of(table.log); }
    [[nodiscard]] unsigned lines() const { return table.log == sw::log_level::none ? 0 : table.lines; }
    [[nodiscard]] bool agrees() const;
};

struct matrix_row {
    const sw::driver_description* driver = nullptr;
    const sw::failure_row* row = nullptr;
    std::vector<std::pair<sw::rule_set, matrix_cell>> rules;

    [[nodiscard]] const matrix_cell* under(sw::rule_set wanted) const;
    /// Some caller has met it.
    [[nodiscard]] bool has_callers() const;
};

struct matrix {
    std::vector<matrix_row> rows;
    std::vector<sw::rule_set> rules;
    std::vector<std::string> callers; ///< that were asked for

    /// All that was measured is what the tables say.
    [[nodiscard]] bool agrees() const;
    [[nodiscard]] std::size_t measured() const;  ///< cells
    [[nodiscard]] std::size_t differing() const; ///< of them
};

struct matrix_request {
    std::vector<std::string> drivers; ///< empty: all
    std::vector<std::string> rows;    ///< ids; empty: all
    std::vector<sw::rule_set> rules;  ///< empty: all
    bool callers = false;
};

/// The drivers of these names, in the order in which they are listed, the core as one more; all without names. Throws
/// std::invalid_argument, with the nearest name, for an unknown one.
std::vector<const sw::driver_description*> drivers_named(const std::vector<std::string>& wanted);

/// Runs all that was asked for, each case in a process of its own. Throws std::invalid_argument, with the nearest name,
/// for an unknown driver or row. `progress` hears of cases done, and of how many.
matrix run_matrix(const matrix_request& request, const std::function<void(std::size_t, std::size_t)>& progress = {});

} // namespace iommulab::errno_matrix
