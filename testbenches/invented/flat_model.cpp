// SPDX-License-Identifier: Apache-2.0
#include "testbenches/invented/flat_model.h"

#include "models/core/iommu_parameter_table.h"
#include "platforms/model_registration.h"
#include "testbenches/invented/flat_iommu.h"

namespace iommulab::flat {

namespace {

std::span<const parameter<iommu_parameters>> parameter_table() {
    static const std::vector<parameter<iommu_parameters>> table = declare_iommu_parameters<iommu_parameters>();
    return table;
}

constexpr platforms::model_text text{
    .name = "flat",
    .title = "An invented IOMMU",
    .recorded_name = "flat-recorded",
    .models = "One level of tables, 4 KiB pages.",
    .does_not = "Anything else.",
};
constexpr std::uint64_t register_space_bytes = 0x1000;

} // namespace

const platforms::iommu_model& model() {
    static const platforms::model_registration<flat_iommu, iommu_parameters> instance(text, parameter_table(), {},
                                                                                      registers, register_space_bytes);
    return instance;
}

} // namespace iommulab::flat
