// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/drivers.h"

#include "sw/drivers/amd/amd_driver.h"
#include "sw/drivers/arm_smmu_v3/smmu_driver.h"
#include "sw/drivers/fsl_pamu/pamu_driver.h"
#include "sw/drivers/intel/intel_driver.h"
#include "sw/drivers/tegra_gart/gart_driver.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace iommulab::sw {

namespace {

std::vector<driver_description>& list() {
    static std::vector<driver_description> all{
        arm_smmu_v3::description(), intel::description(),      amd::description(),
        fsl_pamu::description(),    tegra_gart::description(),
    };
    return all;
}

} // namespace

std::span<const driver_description> drivers() {
    return list();
}

void add_driver(const driver_description& description) {
    if (driver_named(description.name))
        throw std::invalid_argument("there is a driver \"" + std::string(description.name) + "\" already");
    list().push_back(description);
}

const driver_description* driver_named(std::string_view name) {
    for (const driver_description& d : drivers())
        if (name == d.name)
            return &d;
    return nullptr;
}

const driver_description* driver_for_model(std::string_view model) {
    for (const driver_description& d : drivers())
        if (model == d.model)
            return &d;
    return nullptr;
}

} // namespace iommulab::sw
