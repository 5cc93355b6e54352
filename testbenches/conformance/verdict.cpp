// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/verdict.h"

#include <utility>

namespace iommulab::conformance {

namespace {

/// Lines of a case that are kept; of those that failed, as many again.
constexpr std::size_t most_notes = 10000;

} // namespace

void case_result::fail(const std::string& text) {
    ++failures;
    outcome = verdict::failed;
    if (reason.empty()) {
        reason = text;
    }
    if (failed_notes_++ < most_notes) {
        details.push_back("failed: " + text);
    }
}

void case_result::note(std::string text) {
    if (notes_++ < most_notes) {
        details.push_back(std::move(text));
    }
}

void case_result::dispute(const std::string& row, const std::string& why) {
    ++disputed;
    dispute_ = why;
    note(row + ": disputed, " + why);
}

std::string case_result::disputes() const {
    return disputed == 0 ? "" : "; " + std::to_string(disputed) + " disputed (" + dispute_ + ')';
}

const char* to_string(verdict outcome) {
    switch (outcome) {
    case verdict::passed:
        return "passed";
    case verdict::failed:
        return "failed";
    case verdict::skipped:
        return "skipped";
    default:
        return "disputed";
    }
}

} // namespace iommulab::conformance
