// SPDX-License-Identifier: Apache-2.0
#include "models/pamu/parameters.h"

#include "models/core/iommu_parameter_table.h"

namespace iommulab::pamu {

namespace {

using row = parameter<pamu_parameters>;

std::vector<row> make_table() {
    std::vector<row> t = declare_iommu_parameters<pamu_parameters>();
    default_comes_from(t, "clock_period_ps", "P4080 product brief: a CoreNet fabric of up to 800 MHz");
    default_comes_from(t, "port_outstanding", "assumption");
    default_comes_from(t, "port_accept_cycles", "assumption: one request a cycle");
    default_comes_from(t, "order", "assumption: in order for each LIODN, as CoreNet keeps transactions of one source");
    for (const char* cache : {"micro_tlb", "tlb"})
        default_comes_from(t, cache, "none: entries are cached, not translations (Linux, devicetree binding fsl/pamu)");
    default_comes_from(t, "request_cycles", "none: one unit");
    for (const char* of_misses : {"walkers", "table_outstanding"})
        default_comes_from(t, of_misses, "assumption: four misses at a time");
    default_comes_from(t, "register_cycles", "assumption: 25 ns from CoreNet to the configuration space");
    default_comes_from(t, "stall_entries", "not used: nothing stalls");
    default_comes_from(t, "invalidate_cycles", "not used: caches snoop");
    declare_cache(
        t, "primary_cache", [](pamu_parameters& p) -> cache_parameters& { return p.primary_cache; },
        "Linux, devicetree binding fsl/pamu: 32 lines, direct mapped; assumption: 2 cycles");
    declare_cache(
        t, "secondary_cache", [](pamu_parameters& p) -> cache_parameters& { return p.secondary_cache; },
        "Linux, devicetree binding fsl/pamu: 128 lines, 2 ways; assumption: 2 cycles");
    declare_cache(
        t, "operation_cache", [](pamu_parameters& p) -> cache_parameters& { return p.operation_cache; },
        "assumption: 16 lines, as many as Linux' table has entries");
    t.push_back(declare<pamu_parameters>("snoops", "choice", &pamu_parameters::snoops, 0, 1,
                                         "assumption: CoreNet is coherent; Linux changes entries without invalidating",
                                         {"no", "yes"}));
    t.push_back(declare<pamu_parameters>("MLIODN", "1", &pamu_parameters::MLIODN, 0, 0xffff,
                                         "Linux, devicetree binding fsl/pamu: fsl,liodn-bits = 12"));
    t.push_back(declare<pamu_parameters>("MWCE", "1", &pamu_parameters::MWCE, 0, 15,
                                         "Linux, fsl_pamu.c before 5.12: up to 256 subwindows; 2^(MWCE + 1)"));
    t.push_back(declare<pamu_parameters>("bypassed_at_reset", "choice", &pamu_parameters::bypassed_at_reset, 0, 1,
                                         "assumption: software clears the bits of PAMUBYPENR (Linux, fsl_pamu.c)",
                                         {"no", "yes"}));
    return t;
}

} // namespace

pamu_parameters::pamu_parameters() {
    clock_period_ps = 1250;
    order = access_order::per_requester;
    micro_tlb = {.entries = 0};
    tlb = {.entries = 0};
    request_cycles = 0;
    walkers = table_outstanding = 4;
    register_cycles = 20;
    primary_cache = {.entries = 32, .ways = 1, .latency_cycles = 2};
    secondary_cache = {.entries = 128, .ways = 2, .latency_cycles = 2};
    operation_cache = {.entries = 16, .ways = 0, .latency_cycles = 2};
}

std::span<const row> parameter_table() {
    static const std::vector<row> table = make_table();
    return table;
}

std::span<const preset> presets() {
    static const std::vector<preset> all{{"p4080", "the defaults: PAMU 1.0 of the P4080", {}}};
    return all;
}

} // namespace iommulab::pamu
