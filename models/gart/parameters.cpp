// SPDX-License-Identifier: Apache-2.0
#include "models/gart/parameters.h"

#include "models/core/iommu_parameter_table.h"
#include "models/gart/spec/registers.h"

#include <bit>

namespace iommulab::gart {

namespace {

using row = parameter<gart_parameters>;

std::vector<row> make_table() {
    std::vector<row> t = declare_iommu_parameters<gart_parameters>();
    default_comes_from(t, "clock_period_ps",
                       "Linux, tegra20-*.dts: 333 MHz is the fastest memory clock of the boards' emc-tables");
    default_comes_from(t, "port_outstanding", "assumption");
    default_comes_from(t, "port_accept_cycles", "assumption: one request a cycle");
    default_comes_from(t, "order", "assumption: in order, as the clients' read and write streams");
    for (const char* cache : {"micro_tlb", "tlb"})
        default_comes_from(t, cache, "none: the entries are on chip (Tegra 2 TRM, Memory Controller)");
    default_comes_from(t, "request_cycles", "none: it is in the memory controller");
    for (const char* of_walks : {"walkers", "table_outstanding"})
        default_comes_from(t, of_walks, "not used: nothing is walked");
    default_comes_from(t, "register_cycles", "assumption: 60 ns from the CPU's bus to the memory controller");
    default_comes_from(t, "posted_writes",
                       "assumption: the bridge to the peripheral bus; Linux, tegra-gart.c, says "
                       "that only a read-back makes sure of a write");
    default_comes_from(t, "stall_entries", "not used: nothing stalls");
    default_comes_from(t, "invalidate_cycles", "not used: there is nothing to invalidate");
    t.push_back(declare<gart_parameters>("aperture_base", "1", &gart_parameters::aperture_base, 0, 0xffff'ffff,
                                         "Linux, tegra20.dtsi: the aperture of the \"mc\" node, 0x58000000"));
    t.push_back(declare<gart_parameters>("entries", "entries", &gart_parameters::entries, 1, 1U << most_entries_log2,
                                         "Linux, tegra20.dtsi: 32 MiB; GART_ENTRY_ADDR[24:12] names 8192 pages"));
    t.push_back(declare<gart_parameters>("entry_latency_cycles", "cycles", &gart_parameters::entry_latency_cycles, 0,
                                         1000, "assumption: an array of 32 KiB on chip, read and registered"));
    t.push_back(declare<gart_parameters>("entry_initiation_cycles", "cycles", &gart_parameters::entry_initiation_cycles,
                                         1, 1000, "assumption: one look-up a cycle"));
    t.push_back(declare<gart_parameters>("refused", "choice", &gart_parameters::refused, 0, 1,
                                         "assumption: what a client sees depends on the client", {"abort", "ignore"}));
    return t;
}

} // namespace

gart_parameters::gart_parameters() {
    clock_period_ps = 3000; // 333 MHz: the fastest memory clock of Tegra20 boards (emc-tables of their device trees)
    micro_tlb = {.entries = 0};
    tlb = {.entries = 0};
    request_cycles = 0;
    register_cycles = 20;
    posted_writes = 4;
    port_outstanding = 32;
}

std::span<const row> parameter_table() {
    static const std::vector<row> table = make_table();
    return table;
}

std::span<const preset> presets() {
    static const std::vector<preset> all{{"tegra20", "the defaults: there has been no other GART of this kind", {}}};
    return all;
}

std::string complaint_about(const gart_parameters& p) {
    const std::uint64_t bytes = std::uint64_t{p.entries} << page_log2;
    if (!std::has_single_bit(p.entries))
        return "entries: found " + std::to_string(p.entries) + ", expected a power of two";
    if (p.aperture_base % bytes != 0)
        return "aperture_base: found " + std::to_string(p.aperture_base) + ", expected a multiple of the aperture's " +
               std::to_string(bytes) + " bytes";
    return {};
}

} // namespace iommulab::gart
