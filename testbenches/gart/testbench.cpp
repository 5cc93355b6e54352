// SPDX-License-Identifier: Apache-2.0
#include "testbenches/gart/testbench.h"

#include "testbenches/iommu_testbench.h"

namespace iommulab {

const iommu_testbench& gart_testbench() {
    static const iommu_testbench all{
        .model = "gart",
        .make_firmware = firmware::make_gart_firmware,
    };
    return all;
}

} // namespace iommulab
