// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/provocations.h"

#include "sw/iommu/iommu_core.h"

#include <utility>

namespace iommulab::sw::arm_smmu_v3 {
namespace {

// The ID registers are those of the SMMU whose Linux driver was recorded, but for what a row needs.
constexpr const char* preset = "qemu";

device_description at(const char* name, std::uint32_t stream, std::size_t unit = 0, device_description d = {}) {
    d.name = name;
    d.spec = firmware_spec{provoking_unit_name(unit), {stream}, true};
    return d;
}

provoking_unit with_substreams() {
    return {.hardware = {{"CD2L", 1}, {"SSIDSIZE", 16}}};
}

/// One device, one failure on the way.
provocation injected(const char* row, const char* point, unsigned pasid_bits = 0) {
    return {.row = row,
            .preset = preset,
            .units = {with_substreams()},
            .devices = {at("dev", 1, 0, {.pasid_bits = pasid_bits})},
            .inject = point};
}

std::vector<provocation> make() {
    std::vector<provocation> all;
    all.push_back({.row = "S3-1", // such a device is in no group: only a direct call gets there
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", 1), {.name = "stranger"}},
                   .direct = true});
    all.push_back({.row = "S3-2", // through the core, the rollback would meet the row again
                   .preset = preset,
                   .units = {with_substreams()},
                   .devices = {at("dev", 1, 0, {.pasid_bits = 8})},
                   .direct = true,
                   .before = [](iommu_core& core, device& dev) {
                       return core.enable_feature(dev, device_feature::shared_virtual_addressing);
                   }});
    all.push_back(
        {.row = "S3-3", .preset = preset, .units = {{}, {}}, .devices = {at("first", 1, 0), at("second", 1, 1)}});
    all.push_back({.row = "S3-4",
                   .preset = preset,
                   .units = {with_substreams()},
                   .devices = {at("first", 1), at("second", 2, 0, {.pasid_bits = 10})}});
    all.push_back({.row = "S3-5",
                   .preset = preset,
                   .units = {{.hardware = {{"STALL_MODEL", 0}}}},
                   .devices = {at("first", 1, 0, {.can_stall = true}), at("second", 2)}});
    all.push_back(injected("S3-7", "arm_lpae.root.alloc"));
    all.push_back({.row = "S3-8", // the default domain has the first of 255
                   .preset = preset,
                   .units = {{.hardware = {{"ASID16", 0}}}},
                   .devices = {at("dev", 1)},
                   .used_up = 254});
    all.push_back(injected("S3-9", "smmu_v3.asid.node"));
    all.push_back(injected("S3-10", "smmu_v3.cd_l1_descriptors.alloc", 16));
    all.push_back(injected("S3-11", "smmu_v3.cd_table.alloc"));
    all.push_back(injected("S3-12", "smmu_v3.cd_leaf.alloc", 16));
    all.push_back({.row = "S3-14",
                   .preset = preset,
                   .units = {{.hardware = {{"S1P", 0}, {"S2P", 1}, {"VMID16", 0}}}},
                   .devices = {at("dev", 1)},
                   .used_up = 254});
    all.push_back(injected("S3-15", "smmu_v3.cmdq.doorbell"));
    all.push_back({.row = "S3-16",
                   .preset = preset,
                   .units = {{.hardware = {{"ATS", 1}}}},
                   .devices = {at("dev", 1, 0, {.ats = true})},
                   .inject = "smmu_v3.ats.enable"});
    return all;
}

} // namespace

std::span<const provocation> provocations() {
    static const std::vector<provocation> all = make();
    return all;
}

} // namespace iommulab::sw::arm_smmu_v3
