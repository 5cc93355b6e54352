// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace iommulab::errno_matrix {

/// A driver on which failures of the core are shown, and what its devices offer for that.
struct core_stage {
    const char* driver;
    const char* preset;
    const char* domain_memory; ///< the injection point at which the memory of a domain runs out
    const char* refuses_all;   ///< the row by which a device with shared virtual addressing refuses every attach
};

} // namespace iommulab::errno_matrix
