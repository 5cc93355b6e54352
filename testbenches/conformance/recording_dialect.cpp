// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/recording_dialect.h"

#include "traces/number.h"

#include <algorithm>

namespace iommulab::conformance {

std::string difference(const fault_record& record, const expected_fault& expected) {
    std::string text;
    const auto differs = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
    if (std::find(record.codes.begin(), record.codes.end(), expected.code) == record.codes.end()) {
        differs("expected " + expected.code);
    }
    if (record.source_id && *record.source_id != expected.source_id) {
        differs("expected source " + traces::hex(expected.source_id));
    }
    if (record.address && ((*record.address ^ expected.iova) & record.address_mask) != 0) {
        differs("expected address " + traces::hex(expected.iova));
    }
    if (record.write && *record.write != expected.write) {
        differs(expected.write ? "expected a write" : "expected a read");
    }
    return text.empty() ? text : "fault record " + record.text + ", " + text;
}

} // namespace iommulab::conformance
