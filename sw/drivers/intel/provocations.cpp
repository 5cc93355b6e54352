// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/provocations.h"

#include "sw/iommu/iommu_core.h"
#include "sw/iommu/mapping.h"

#include <string>

namespace iommulab::sw::intel {
namespace {

// The capability registers are those of the units whose Linux driver was recorded, but for what a row needs.
constexpr const char* legacy = "qemu";
constexpr const char* scalable = "qemu-scalable";

using source_ids = std::vector<std::uint32_t>;

device_description at(const std::string& name, source_ids ids, std::size_t unit = 0, device_description d = {}) {
    d.name = name;
    d.spec = firmware_spec{provoking_unit_name(unit), std::move(ids), true};
    return d;
}

/// One device, one failure on the way.
provocation injected(const char* row, const char* point) {
    return {.row = row, .preset = legacy, .units = {{}}, .devices = {at("dev", {0x10})}, .inject = point};
}

// SAGAW: a bit for each number of levels, from 3 (39 bits) in bit 1 on. MGAW: one less than the bits of addresses.
const provoking_unit narrow{.hardware = {{"SAGAW", 0b10}, {"MGAW", 38}}};
const provoking_unit wide{.hardware = {{"SAGAW", 0b110}, {"MGAW", 47}}};
// A unit without scalable mode beside another: all domains have second level tables then.
const provoking_unit first_level_alone{.hardware = {{"FSTS", 1}, {"SSTS", 0}}};
const provoking_unit legacy_alone{
    .hardware = {{"SMTS", 0}, {"FSTS", 0}, {"SSTS", 0}, {"NEST", 0}, {"PASID", 0}, {"SAGAW", 0b110}}};

/// The domain that a device of the scene was put on.
domain& domain_of(iommu_core& core, const char* device) {
    return *core.find_device(device)->in_group->current();
}

/// A bridge with two devices behind it, both of which go by the bridge's id as well; one of them leaves. With it goes
/// what the id is translated by, so that attach takes the other for a device that has never been attached.
provocation left_behind(const char* row, const char* preset) {
    constexpr std::uint32_t bridge = 0x00f0;
    return {.row = row,
            .preset = preset,
            .units = {{}},
            .devices = {at("mate", {0x0100, bridge}, 0, {.isolation = "bridge"}),
                        at("dev", {0x0108, bridge}, 0, {.isolation = "bridge"})},
            .others_join = false,
            .before = [](iommu_core& core, device&) -> result<void> {
                core.release(*core.find_device("mate"));
                return {};
            }};
}

/// A domain id for each of 13 devices and one for a group of two; ND = 0 makes 16, of which two are the driver's in
/// scalable mode.
provocation no_domain_id_left() {
    provocation p{.row = "V-6", .preset = scalable, .units = {{.hardware = {{"ND", 0}}}}, .devices = {}};
    p.others_join = false;
    for (std::uint32_t n = 0; n < 13; ++n)
        p.devices.push_back(at("alone" + std::to_string(n), {0x100 + n}));
    p.devices.push_back(at("one", {0x200}, 0, {.isolation = "slot"}));
    p.devices.push_back(at("two", {0x208}, 0, {.isolation = "slot"}));
    return p;
}

/// What Linux 6.0 does at each attach and later kernels at the probe: making the PASID table of a device.
std::vector<provocation> pasid_tables_refused() {
    std::vector<provocation> all;
    all.push_back({.row = "V-20",
                   .preset = scalable,
                   .units = {{}},
                   .devices = {at("dev", {0x10}, 0, {.pci = false})},
                   .no_default_domains = true,
                   .probe = [](iommu_core& core, device& dev) { return core.probe(dev); }});
    all.push_back(left_behind("V-21", scalable));
    all.back().probe = [](iommu_core&, device& dev) { return dev.behind->driver().probe_device(dev, *dev.behind); };
    all.push_back({.row = "V-22",
                   .preset = scalable,
                   .units = {{}},
                   .devices = {at("dev", {0x10})},
                   .inject = "intel.pasid_directory.alloc",
                   .probe = [](iommu_core& core, device& dev) {
                       core.release(dev);
                       core.in().injection().nth("intel.pasid_directory.alloc", 1);
                       return core.probe(dev);
                   }});
    return all;
}

std::vector<provocation> make() {
    std::vector<provocation> all;
    all.push_back({.row = "V-1",
                   .preset = legacy,
                   .units = {{}},
                   .devices = {at("dev", {0x10}, 0, {.regions = {{0x7f000000, 0x10000, region_type::direct}}})}});
    all.push_back({.row = "V-2", // such a device is in no group: only a direct call gets there
                   .preset = legacy,
                   .units = {{}},
                   .devices = {at("dev", {0x10}), {.name = "stranger"}},
                   .direct = true});
    all.push_back({.row = "V-3",
                   .preset = legacy,
                   .units = {{.hardware = {{"SC", 1}}}, {.hardware = {{"SC", 0}}}},
                   .devices = {at("first", {0x10}, 0), at("second", {0x10}, 1)},
                   .before = [](iommu_core& core, device&) -> result<void> {
                       domain_of(core, "first").enforce_cache_coherency();
                       return {};
                   }});
    all.push_back({.row = "V-4",
                   .preset = legacy,
                   .units = {wide, narrow},
                   .devices = {at("first", {0x10}, 0), at("second", {0x10}, 1)},
                   .before = [](iommu_core& core, device&) {
                       constexpr std::uint64_t above_39_bits = std::uint64_t{1} << 40;
                       return map(core.in(), domain_of(core, "first"), above_39_bits, 0x60000000, 0x1000,
                                  {.read = true, .write = true});
                   }});
    all.push_back(injected("V-5", "intel.domain_info.alloc"));
    all.push_back(no_domain_id_left());
    all.push_back(injected("V-7", "intel.domain_slot.store"));
    all.push_back({.row = "V-13",
                   .preset = scalable,
                   .units = {first_level_alone, legacy_alone},
                   .devices = {at("dev", {0x10}, 0)},
                   .no_default_domains = true});
    all.push_back({.row = "V-15",
                   .preset = scalable,
                   .units = {{}},
                   .devices = {at("dev", {0x10})},
                   .no_default_domains = true,
                   .inject = "intel.pasid_table.alloc"});
    all.push_back(left_behind("V-16", scalable));
    all.push_back({.row = "V-17",
                   .preset = legacy,
                   .units = {{}},
                   .devices = {at("dev", {0x10})},
                   .no_default_domains = true,
                   .inject = "intel.context_table.alloc"});
    all.push_back(left_behind("V-19", legacy));
    for (provocation& p : pasid_tables_refused())
        all.push_back(std::move(p));
    return all;
}

} // namespace

std::span<const provocation> provocations() {
    static const std::vector<provocation> all = make();
    return all;
}

} // namespace iommulab::sw::intel
