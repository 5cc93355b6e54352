// SPDX-License-Identifier: Apache-2.0
#include "testbenches/amd_vi/testbench.h"

#include "testbenches/iommu_testbench.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace iommulab {

namespace {

software::machine_kind kind(const char* name, std::map<std::string, std::uint64_t> properties = {}) {
    return {.name = std::string("amd_") + name,
            .model = "amd_vi",
            .preset = "epyc-7002",
            .properties = std::move(properties),
            .over = software::occupied::replaced,
            .whole_leaves = true,
            .fault_text = "IO_PAGE_FAULT DeviceID=0x20"};
}

/// 48882, 3.4.3 event log base, 3.4.14 event log tail and head: byte offsets.
constexpr conformance::event_queue_layout event_queue{
    .base_register = 0x10,
    .base_address_mask = 0x000ffffffffff000,
    .size_log2_shift = 56,
    .size_log2_mask = 0xf,
    .producer_registers = {0x2018, 0x2018},
    .consumer_registers = {0x2010, 0x2010},
    .record_bytes = 16,
    .index_unit = 16,
    .wrap_bit = false,
};

} // namespace

const iommu_testbench& amd_vi_testbench() {
    static const iommu_testbench all{
        .model = "amd_vi",
        .make_firmware = firmware::make_amd_vi_firmware,
        .read_faults = firmware::read_amd_vi_faults,
        .make_dialect = conformance::make_amd_vi_dialect,
        .event_queue = event_queue,
        .contestant =
            bench::contestant{"AMD-Vi", "amd_vi_", "4 levels of a guest over 4 of the host", bench::make_amd_vi_world},
        .machine_kinds = {kind("version_1"), kind("version_2", {{"version-2", 1}})},
    };
    return all;
}

} // namespace iommulab
