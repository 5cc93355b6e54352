// SPDX-License-Identifier: Apache-2.0
// One row under one set of rules, brought about on the models: what attach says by itself, or what a caller makes of
// it.
#pragma once

#include "sw/callers/callers.h"
#include "sw/iommu/provocation.h"

#include <string>

namespace iommulab::errno_matrix {

/// In the place of an errno: the kernel does not survive it.
inline constexpr const char* crash_name = "crash";

/// What attach said.
struct measurement {
    std::string number = "0"; ///< "ENXIO"; "0" for success; crash_name
    std::string log = "none"; ///< the gravest level logged during the attempt
    unsigned lines = 0;       ///< of that level
    unsigned warnings = 0;    ///< besides
    std::string problem;      ///< empty: the row was met, once, and nothing else failed
};

/// What a caller made of it.
struct caller_measurement {
    std::string number = "0";
    bool at_claim = false; ///< the claim of the group failed already
    unsigned domains = 0;  ///< of the address space, afterwards
    unsigned attach_calls = 0, error_lines = 0;
    std::uint64_t attach_ns = 0; ///< simulated time in attach_dev
    std::string dma = "untried"; ///< of the device, to what is mapped
    std::string problem;         ///< empty, or why there is no result
};

/// Builds a machine for the provocation, boots it, and attaches. Once a process. Throws what the models or the software
/// throw.
measurement measure(const sw::driver_description& driver, const sw::failure_row& row, const sw::provocation& p,
                    sw::rule_set rules);
/// The same scene, but the devices are taken onto one address space by a caller; what is to fail once fails after the
/// claim of the last device. Its report is that of the last device.
caller_measurement measure_caller(const sw::driver_description& driver, const sw::provocation& p, sw::rule_set rules,
                                  const sw::caller_description& by);

} // namespace iommulab::errno_matrix
