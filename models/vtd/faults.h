// SPDX-License-Identifier: Apache-2.0
// From what went wrong to the fault record: VT-d specification, "Non-Recoverable Faults", "Fault Recording Registers".
// No SystemC.
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/pagetables/vtd_second_stage_walk.h"
#include "models/pagetables/x86_64_walk.h"
#include "models/vtd/configuration.h"
#include "models/vtd/spec/faults.h"

namespace iommulab::vtd {

/// Blocked without a record: protected memory, reads of the interrupt address range.
fault silent_abort();
/// A record of `reason` for `a`, whose access aborts. `fault_disabled`: FPD in an entry of the request, which leaves
/// conditions that are qualified by it unrecorded.
fault fault_of(fault_reason reason, const access& a, bool fault_disabled);

/// What a second-stage walk's fault is called when no first stage is in front of it.
fault_reason reason_of(const vtd_second_stage::walk_fault& f, const access& a, bool scalable);
/// What a first-stage walk's fault is called; `behind`: what the second stage said, if it was that.
fault_reason reason_of(const x86_64::walk_fault& f, const vtd_second_stage::walk_fault& behind);

} // namespace iommulab::vtd
