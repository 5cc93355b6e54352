// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace iommulab::conformance {

enum class verdict {
    passed,
    failed,
    disputed,
    skipped, ///< nothing was checked; the reason says why
};

/// What became of a case: a vector, a snapshot, or a recording in motion.
struct case_result {
    std::string name;
    verdict outcome = verdict::passed;
    std::string reason;               ///< of a failure: the first; of a dispute: the manual's section and why
    std::string summary;              ///< of a case that passed: what was checked
    std::vector<std::string> details; ///< a line a row or step that is worth a word
    std::uint64_t checks = 0;
    std::uint64_t failures = 0;
};

const char* to_string(verdict outcome);

} // namespace iommulab::conformance
