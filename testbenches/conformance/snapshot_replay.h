// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/recording_dialect.h"
#include "testbenches/conformance/verdict.h"
#include "traces/recording.h"

namespace iommulab::conformance {

/// Replays a recording at rest: loads a snapshot's pages, programs the machine from its registers, and makes every
/// access of expected.csv. Checked: the response, the output address (by what the machine says of it, and by data that
/// is there and nowhere else), the page size and the permissions where the machine knows them, and for a fault the
/// record in memory. In mode debug fault records are not checked. A row that the manual contradicts counts as disputed
/// when the machine does what the manual says. Throws input_error for damaged files.
case_result replay_snapshot(machine& target, recording_dialect& dialect, const traces::snapshot& state,
                            machine_mode mode);

} // namespace iommulab::conformance
