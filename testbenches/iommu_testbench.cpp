// SPDX-License-Identifier: Apache-2.0
#include "testbenches/iommu_testbench.h"

#include "platforms/iommu_model.h"

#include <array>

namespace iommulab {

// testbenches.list, made by testbenches/CMakeLists.txt, has a line for each: IOMMULAB_TESTBENCH(name)
#define IOMMULAB_TESTBENCH(name) const iommu_testbench& name##_testbench();
#include "testbenches.list"
#undef IOMMULAB_TESTBENCH

std::span<const iommu_testbench* const> iommu_testbenches() {
    static const std::array all{
#define IOMMULAB_TESTBENCH(name) &name##_testbench(),
#include "testbenches.list"
#undef IOMMULAB_TESTBENCH
    };
    return all;
}

const iommu_testbench* find_iommu_testbench(std::string_view model) {
    if (const platforms::iommu_model* known = platforms::find_iommu_model(model))
        for (const iommu_testbench* t : iommu_testbenches())
            if (t->model == known->name())
                return t;
    return nullptr;
}

} // namespace iommulab
