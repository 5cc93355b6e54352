// SPDX-License-Identifier: Apache-2.0
// Machines with one kind of IOMMU and its driver, for tests that say the same of all drivers.
#pragma once

#include "testbenches/iommu_testbench.h"
#include "testbenches/software/software_machine.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::harness {

using software::machine_kind;
using software::occupied;

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

/// Of every IOMMU that offers any.
inline std::vector<machine_kind> machine_kinds() {
    std::vector<machine_kind> kinds;
    for (const iommu_testbench* t : iommu_testbenches())
        kinds.insert(kinds.end(), t->machine_kinds.begin(), t->machine_kinds.end());
    return kinds;
}

} // namespace iommulab::harness
