// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/harness/iommu_machine.h"

namespace iommulab::harness {

/// Of a module that is made of a name and its `Parameters`.
template <class Model, class Parameters>
iommu_machine::maker maker_of(const Parameters& p) {
    return [p](const char* name) { return std::make_unique<Model>(name, p); };
}

} // namespace iommulab::harness
