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
    std::vector<std::string> details; ///< a line a row or step: those that failed, and the first of the others
    std::uint64_t checks = 0;
    std::uint64_t failures = 0;
    std::uint64_t disputed = 0; ///< rows that the manual contradicts, where the machine does as the manual says

    /// A failed check: counted, the first of them the reason, and a line of the details.
    void fail(const std::string& text);
    /// A line of the details.
    void note(std::string text);
    /// A row is disputed, for this reason.
    void dispute(const std::string& row, const std::string& why);
    /// "; N rows disputed (why)"; empty: none.
    [[nodiscard]] std::string disputes() const;

  private:
    std::size_t notes_ = 0, failed_notes_ = 0;
    std::string dispute_;
};

const char* to_string(verdict outcome);

} // namespace iommulab::conformance
