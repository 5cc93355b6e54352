// SPDX-License-Identifier: Apache-2.0
// Machines with one kind of IOMMU and its driver, for tests that say the same of all drivers.
#pragma once

#include "sw/drivers/drivers.h"
#include "testbenches/software/software_machine.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::harness {

/// What map does where something is mapped.
enum class occupied : std::uint8_t {
    refused,  ///< EEXIST
    kept,     ///< success, and the old stays
    replaced, ///< success, and the old is gone
};

struct machine_kind {
    std::string name; ///< of the test
    std::string model, preset;
    std::vector<std::pair<std::string, std::uint64_t>> parameters{};
    std::map<std::string, std::uint64_t> properties{};
    unsigned page_shift = 12;
    occupied over = occupied::refused;
    /// A page is unmapped as it was mapped: a part of a larger one takes it all.
    bool whole_leaves = false;
    bool spans = true;        ///< a domain may have devices behind several IOMMUs
    std::string fault_text{}; ///< part of the line that a fault of a missing page leaves in the log
};
inline void PrintTo(const machine_kind& k, std::ostream* out) {
    *out << k.name;
}

struct machine_layout {
    static constexpr std::uint64_t ram = 0x40000000, ram_bytes = 0x40000000, kernel_bytes = 0x10000000;
    static constexpr std::uint64_t buffers = ram + kernel_bytes; ///< memory that the kernel does not allocate from
    static constexpr std::uint64_t first_registers = 0x9050000, registers_spacing = 0x100000;
};

/// `units` IOMMUs "iommu0", …, and a device "dev0", … behind each, with source id 0x20.
inline software::software_machine_description machine_of(const machine_kind& k, unsigned units = 1,
                                                         simulation_mode mode = simulation_mode::cycle_approximate) {
    using layout = machine_layout;
    software::software_machine_description d;
    d.mode = mode;
    memory_parameters dram;
    dram.ranges.push_back({layout::ram, layout::ram_bytes, "dram"});
    d.platform.name = "test";
    d.platform.memories.push_back({"dram", dram});
    for (unsigned n = 0; n < units; ++n) {
        const std::string number = std::to_string(n);
        d.platform.iommus.push_back({"iommu" + number,
                                     k.model,
                                     k.preset,
                                     k.parameters,
                                     {},
                                     layout::first_registers + n * layout::registers_spacing,
                                     1});
        sw::instance_firmware f;
        f.name = "iommu" + number;
        f.properties = k.properties;
        d.firmware.push_back(std::move(f));
        sw::device_description dev;
        dev.name = "dev" + number;
        dev.spec = sw::firmware_spec{"iommu" + number, {0x20}, false};
        d.devices.push_back({std::move(dev), 0});
    }
    d.kernel_memory_base = layout::ram;
    d.kernel_memory_bytes = layout::kernel_bytes;
    d.kernel.page_shift = k.page_shift;
    return d;
}

inline std::vector<machine_kind> x86_kinds() {
    const auto vtd = [](std::string name, std::string preset, std::string fault,
                        std::map<std::string, std::uint64_t> properties = {}) {
        return machine_kind{.name = "vtd_" + std::move(name),
                            .model = "vtd",
                            .preset = std::move(preset),
                            .properties = std::move(properties),
                            .over = occupied::kept,
                            .whole_leaves = true,
                            .fault_text = std::move(fault)};
    };
    const auto amd = [](std::string name, std::map<std::string, std::uint64_t> properties = {}) {
        return machine_kind{.name = "amd_" + std::move(name),
                            .model = "amd_vi",
                            .preset = "epyc-7002",
                            .properties = std::move(properties),
                            .over = occupied::replaced,
                            .whole_leaves = true,
                            .fault_text = "IO_PAGE_FAULT DeviceID=0x20"};
    };
    return {vtd("legacy", "qemu", "reason 0x0"),
            vtd("legacy_39_bits", "qemu-39", "reason 0x0"),
            vtd("registers", "qemu", "reason 0x0", {{"queued-invalidation", 0}}),
            vtd("caching_mode", "qemu-caching-mode", "reason 0x0"),
            vtd("second_level", "qemu-scalable", "reason 0x79"),
            vtd("first_level", "qemu-first-stage", "reason 0x71"),
            vtd("legacy_by_choice", "qemu-scalable", "reason 0x0", {{"scalable", 0}}),
            amd("version_1"),
            amd("version_2", {{"version-2", 1}})};
}

inline std::vector<machine_kind> arm_kinds() {
    std::vector<machine_kind> kinds;
    for (const auto& [name, preset] :
         {std::pair{"smmu_v3", "mmu-600"}, {"smmu_v3_range_invalidation", "mmu-700"}, {"smmu_v3_recorded", "qemu"}})
        kinds.push_back({.name = name,
                         .model = "smmu_v3",
                         .preset = preset,
                         .spans = false,
                         .fault_text = "F_TRANSLATION StreamID=0x20"});
    return kinds;
}

inline std::vector<machine_kind> all_kinds() {
    std::vector<machine_kind> kinds = x86_kinds();
    for (machine_kind& k : arm_kinds())
        kinds.push_back(std::move(k));
    return kinds;
}

} // namespace iommulab::harness
