// SPDX-License-Identifier: Apache-2.0
// The invented IOMMU, as platforms know it.
#pragma once

#include "platforms/iommu_model.h"

namespace iommulab::flat {

const platforms::iommu_model& model();

} // namespace iommulab::flat
