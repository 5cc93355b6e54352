// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/fsl_pamu/provocations.h"

#include "sw/drivers/fsl_pamu/tables.h"

#include <utility>

namespace iommulab::sw::fsl_pamu {
namespace {

constexpr const char* preset = "p4080";

device_description at(const char* name, std::vector<std::uint32_t> liodns, bool pci = false) {
    device_description d;
    d.name = name;
    d.spec = firmware_spec{provoking_unit_name(0), std::move(liodns)};
    d.pci = pci;
    return d;
}

std::vector<provocation> make() {
    std::vector<provocation> all;
    // a platform device without LIODN would be in no group; a PCI device is in its controller's
    all.push_back({.row = "PA-1", .preset = preset, .units = {{}}, .devices = {at("dev", {}, true)}});
    all.push_back({.row = "PA-2", .preset = preset, .units = {{}}, .devices = {at("dev", {primary_entries})}});
    all.push_back(
        {.row = "PA-3", .preset = preset, .units = {{.firmware = {{"no-interrupt", 1}}}}, .devices = {at("dev", {1})}});
    all.push_back({.row = "PA-7",
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", {1})},
                   .inject = "pamu.device_info.alloc"});
    return all;
}

} // namespace

std::span<const provocation> provocations() {
    static const std::vector<provocation> all = make();
    return all;
}

} // namespace iommulab::sw::fsl_pamu
