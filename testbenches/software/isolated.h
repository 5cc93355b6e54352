// SPDX-License-Identifier: Apache-2.0
// Many simulations by one program: SystemC simulates once a process, so each gets a process of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace iommulab::software {

struct isolated_result {
    std::string text;    ///< what the job returned
    std::string failure; ///< empty: it returned; else what it threw, or how its process ended
};

/// The failure of a job that was not begun or not done when the process was interrupted.
inline constexpr const char* interrupted_job = "interrupted";

/// Calls each job in a process of its own, as many at a time as there are processors, and returns what they said in the
/// order of the jobs. Call it before anything of SystemC is elaborated. A job that takes more than `limit_s` seconds is
/// ended; none outlives this process. `progress`, when not empty, hears how many are done. Throws std::system_error
/// when processes cannot be had.
std::vector<isolated_result> run_isolated(const std::vector<std::function<std::string()>>& jobs,
                                          const std::function<void(std::size_t done)>& progress = {},
                                          unsigned limit_s = 600);

} // namespace iommulab::software
