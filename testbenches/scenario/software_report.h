// SPDX-License-Identifier: Apache-2.0
// What device drivers in the loop found, for findings::software and its text.
#pragma once

#include "testbenches/scenario/exposure.h"
#include "testbenches/scenario/queue_driver.h"
#include "testbenches/scenario/report.h"

#include <cstdint>
#include <string>
#include <vector>

namespace iommulab::scenarios {

struct software_findings {
    const software_description* what = nullptr;
    std::vector<const queue_driver::statistics*> queues;
    const exposure::found* reach = nullptr;
    sw::iova_allocator::statistics addresses; ///< of all domains
    sw::flush_queue::statistics flushes;
    std::uint64_t commands = 0, synchronisations = 0; ///< of all IOMMUs: invalidations and the waits for them
    std::uint64_t lock_waits = 0;
    std::uint64_t error_lines = 0; ///< of the kernel's log
};

/// Fills in software, its text and its judgements.
void report_software(const software_findings& s, findings& into);

} // namespace iommulab::scenarios
