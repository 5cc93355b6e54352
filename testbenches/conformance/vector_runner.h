// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/verdict.h"
#include "traces/vectors.h"

#include <string>

namespace iommulab::conformance {

/// The machine that a vector needs.
machine_configuration configuration_of(const traces::vector_file& file, const traces::test_vector& vector,
                                       machine_mode mode);

/// Runs one vector from reset. A check passes when the machine's outcome is the expected one (the architecture's, where
/// the recording differs from it), or one of its alternatives; a step marked unreviewed is reported and never fails.
/// After an accepted outcome that may have left another number of event records, the later checks of the event queue
/// are moved by as many records; where the IOMMU's event queue is not known for that, the rest of the vector is skipped
/// and the result says so. In mode debug only translations are checked, not memory and registers, since debug accesses
/// leave no trace.
case_result run_vector(machine& target, const traces::vector_file& file, const traces::test_vector& vector,
                       machine_mode mode);

} // namespace iommulab::conformance
