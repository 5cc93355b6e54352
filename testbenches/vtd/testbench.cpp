// SPDX-License-Identifier: Apache-2.0
#include "testbenches/vtd/testbench.h"

#include "testbenches/iommu_testbench.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace iommulab {

namespace {

software::machine_kind kind(const char* name, const char* preset, const char* fault_text,
                            std::map<std::string, std::uint64_t> properties = {}) {
    return {.name = std::string("vtd_") + name,
            .model = "vtd",
            .preset = preset,
            .properties = std::move(properties),
            .over = software::occupied::kept,
            .whole_leaves = true,
            .fault_text = fault_text};
}

} // namespace

const iommu_testbench& vtd_testbench() {
    static const software::machine_kind first_level = [] {
        software::machine_kind k = kind("first_level", "qemu-first-stage", "reason 0x71");
        k.flushes_aligned_alone = true;
        return k;
    }();
    static const iommu_testbench all{
        .model = "vtd",
        .make_firmware = firmware::make_vtd_firmware,
        .read_faults = firmware::read_vtd_faults,
        .make_dialect = conformance::make_vtd_dialect,
        .contestant = bench::contestant{"VT-d", "vtd_", "4 levels of the first stage over 4 of the second",
                                        bench::make_vtd_world},
        .machine_kinds = {kind("legacy", "qemu", "reason 0x0"), kind("legacy_39_bits", "qemu-39", "reason 0x0"),
                          kind("registers", "qemu", "reason 0x0", {{"queued-invalidation", 0}}),
                          kind("caching_mode", "qemu-caching-mode", "reason 0x0"),
                          kind("second_level", "qemu-scalable", "reason 0x79"), first_level,
                          kind("legacy_by_choice", "qemu-scalable", "reason 0x0", {{"scalable", 0}})},
    };
    return all;
}

} // namespace iommulab
