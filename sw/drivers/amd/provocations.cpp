// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/provocations.h"

#include <vector>

namespace iommulab::sw::amd {
namespace {

constexpr const char* preset = "epyc-7002";

device_description at(const char* name, std::uint32_t id, device_description d = {}) {
    d.name = name;
    d.spec = firmware_spec{provoking_unit_name(0), {id}, true};
    return d;
}

std::vector<provocation> make() {
    std::vector<provocation> all;
    all.push_back({.row = "A-1", // such a device is in no group: only a direct call gets there
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", 0x10), {.name = "stranger"}},
                   .direct = true});
    all.push_back({.row = "A-4",
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", 0x10)},
                   .others_join = false,
                   .pasids = 2});
    all.push_back({.row = "A-5", // such a device is on an identity domain from the start
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", 0x10, {.ats = true, .pasid_bits = 8, .pri = true})},
                   .pasids = 2,
                   .inject = "amd.pri.enable"});
    all.push_back({.row = "A-6",
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", 0x10, {.ats = true})},
                   .inject = "amd.ats.enable"});
    all.push_back({.row = "A-7", // off the old domain: its entry, its pages, and then the wait
                   .preset = preset,
                   .units = {{}},
                   .devices = {at("dev", 0x10)},
                   .inject = "amd.command_buffer.doorbell",
                   .inject_nth = 3});
    return all;
}

} // namespace

std::span<const provocation> provocations() {
    static const std::vector<provocation> all = make();
    return all;
}

} // namespace iommulab::sw::amd
