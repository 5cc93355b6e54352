// SPDX-License-Identifier: Apache-2.0
// A shared library of someone else's with a model in it, as virtual platforms load them.
#include "models/smmu_v3/smmu_v3.h"

sc_core::sc_module* make_iommu(const char* name) {
    return new iommulab::smmu_v3::smmu(name);
}
