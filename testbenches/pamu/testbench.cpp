// SPDX-License-Identifier: Apache-2.0
#include "testbenches/pamu/testbench.h"

#include "testbenches/iommu_testbench.h"

namespace iommulab {

const iommu_testbench& pamu_testbench() {
    static const iommu_testbench all{
        .model = "pamu",
        .make_firmware = firmware::make_pamu_firmware,
    };
    return all;
}

} // namespace iommulab
