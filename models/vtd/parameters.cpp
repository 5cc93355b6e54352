// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/parameters.h"

#include "models/core/iommu_parameter_table.h"
#include "models/vtd/spec/registers.h"

#include <string>
#include <vector>

namespace iommulab::vtd {

namespace {

using row = parameter<unit_parameters>;

constexpr const char* reach_source = "pcie-bench (Neugebauer et al., SIGCOMM 2018), raw data: the latency curves of "
                                     "three Xeons fit a reach of 117 to 127 "
                                     "pages of 4 KiB; replacement and associativity: assumption";
constexpr const char* paging_cache_source = "assumption: 16 entries, fully associative; pcie-bench: one memory read a "
                                            "miss up to 8 MiB, so pointers to at least "
                                            "four last tables are kept";

void add_identification(std::vector<row>& t) {
    constexpr std::uint64_t whole = ~std::uint64_t{0};
    constexpr const char* all = "assumption: everything that the model has";
    const auto cap_of = [](unit_parameters& p) -> std::uint64_t& { return p.id.CAP; };
    const auto ecap_of = [](unit_parameters& p) -> std::uint64_t& { return p.id.ECAP; };
    t.push_back({"VER", "1", 0, 0xffff'ffff, "1.0, as server units up to Cascade Lake say",
                 [](const unit_parameters& p) { return std::uint64_t{p.id.VER}; },
                 [](unit_parameters& p, std::uint64_t v) { p.id.VER = static_cast<std::uint32_t>(v); }});
    t.push_back({"CAP", "1", 0, whole, "the register as software reads it",
                 [](const unit_parameters& p) { return p.id.CAP; },
                 [](unit_parameters& p, std::uint64_t v) { p.id.CAP = v; }});
    t.push_back({"ECAP", "1", 0, whole, "the register as software reads it",
                 [](const unit_parameters& p) { return p.id.ECAP; },
                 [](unit_parameters& p, std::uint64_t v) { p.id.ECAP = v; }});
    for (const bit_field& f : {cap::ND, cap::PLMR, cap::PHMR, cap::SAGAW, cap::MGAW, cap::SSLPS, cap::PSI, cap::NFR,
                               cap::MAMV, cap::DWD, cap::DRD, cap::FS1GP, cap::FS5LP, cap::ESRTPS})
        declare_field(t, f.name, cap_of, f, all);
    declare_field(t, cap::RWBF.name, cap_of, cap::RWBF,
                  "assumption: 0, since desktop chips of 2008 no unit asks for it");
    declare_field(t, cap::CM.name, cap_of, cap::CM, "0: units in silicon don't cache what is not present");
    for (const bit_field& f :
         {ecap::C, ecap::QI, ecap::DT, ecap::PT, ecap::SC, ecap::MHMV, ecap::NEST, ecap::ERS, ecap::SRS, ecap::EAFS,
          ecap::PSS, ecap::PASID, ecap::SMTS, ecap::SSADS, ecap::SSTS, ecap::FSTS, ecap::RPS, ecap::ADMS})
        declare_field(t, f.name, ecap_of, f, all);
    declare_field(t, ecap::IR.name, ecap_of, ecap::IR, "0: interrupt remapping is not modelled");
    declare_field(t, ecap::PRS.name, ecap_of, ecap::PRS, "0: nothing behind the model asks for pages");
}

std::vector<row> make_table() {
    std::vector<row> t = declare_iommu_parameters<unit_parameters>();
    default_comes_from(t, "port_outstanding", "assumption: a root port's non-posted requests under way");
    default_comes_from(t, "port_accept_cycles", "assumption: one request a cycle");
    default_comes_from(t, "order", "PCIe Base 2.4: posted writes of a requester keep their order; for all: assumption");
    default_comes_from(t, "micro_tlb", "assumption: a few translations beside each root port");
    default_comes_from(t, "tlb", reach_source);
    default_comes_from(t, "request_cycles", "assumption: from a root port to the unit in the same stack");
    default_comes_from(t, "walkers", "assumption; F&S (SOSP 2024) and pcie-bench fit a few walks side by side");
    default_comes_from(t, "table_outstanding", "assumption: one read for each walker");
    default_comes_from(t, "register_cycles", "assumption: an access to a register on the processor's mesh");
    const auto cache = [&](const std::string& name, auto get, const char* source) {
        declare_cache(t, name, get, source);
    };
    cache(
        "context_cache", [](unit_parameters& p) -> cache_parameters& { return p.context_cache; },
        "assumption: 64 entries of 4 ways");
    cache(
        "pasid_cache", [](unit_parameters& p) -> cache_parameters& { return p.pasid_cache; },
        "assumption: 64 entries of 4 ways");
    for (unsigned level = x86_64::most_levels; level > 1; --level) {
        const unsigned n = x86_64::most_levels - level;
        cache(
            "first_stage_cache_level_" + std::to_string(level),
            [n](unit_parameters& p) -> cache_parameters& { return p.first_stage_cache[n]; }, paging_cache_source);
        cache(
            "second_stage_cache_level_" + std::to_string(level),
            [n](unit_parameters& p) -> cache_parameters& { return p.second_stage_cache[n]; }, paging_cache_source);
    }
    cache(
        "nested_cache", [](unit_parameters& p) -> cache_parameters& { return p.nested_cache; },
        "assumption: 64 entries of 4 ways");
    const auto cycles = [&](const char* name, auto member, const char* source) {
        t.push_back(declare<unit_parameters>(name, "cycles", member, 0, 1'000'000, source));
    };
    cycles("walk_step_cycles", &unit_parameters::walk_step_cycles, "assumption: one register stage for each entry");
    cycles("descriptor_cycles", &unit_parameters::descriptor_cycles,
           "assumption: decode and dispatch like a small microcoded machine");
    cycles("fault_cycles", &unit_parameters::fault_cycles, "assumption: like a descriptor");
    t.push_back(declare<unit_parameters>("host_address_bits", "bits", &unit_parameters::host_address_bits, 0, 52,
                                         "0: as many as CAP.MGAW says, at most 52; firmware tells it (DMAR table)"));
    add_identification(t);
    return t;
}

/// CAP and ECAP as QEMU's machines have them: Linux boots on these, and recordings were made with them.
preset qemu(const char* name, std::uint64_t cap, std::uint64_t ecap) {
    return {name,
            "identification registers as QEMU's VT-d shows them (recorded); structures as by default",
            {{"CAP", cap}, {"ECAP", ecap}}};
}

/// What the latency and bandwidth curves of one machine say of its unit.
struct measured_unit {
    const char* name;
    const char* source;
    std::uint64_t ecap;
    std::uint64_t reach;        ///< translations of 4 KiB pages
    std::uint64_t walk_step_ns; ///< of the walker's way to memory, beside the time of memory itself
    std::uint64_t walkers;
    bool reserves;             ///< a walk takes its entry when it begins
    std::uint64_t outstanding; ///< accesses in the unit
    std::uint64_t reads;       ///< at most, among these
    std::uint64_t retry_ns;    ///< until a read that found no walker looks up again
};

/// One TLB, which blocks when the miss of a write finds no walker, while reads look up again; accessed in order. Clock:
/// 1 GHz, so that cycles are nanoseconds.
preset xeon(const measured_unit& m) {
    // sys-*.txt of the data set (0x8d2078c106f0466), without posted interrupts, and fault records where the model has
    // them
    constexpr std::uint64_t broadwell_cap = 0x00d2'078c'226f'0466;
    return {m.name,
            m.source,
            {{"CAP", broadwell_cap},
             {"ECAP", m.ecap},
             {"clock_period_ps", 1000},
             {"micro_tlb.entries", 0},
             {"tlb.entries", m.reach},
             {"tlb_reserves", m.reserves},
             {"walkers", m.walkers},
             {"blocking_misses", 1},
             {"read_retry_cycles", m.retry_ns},
             {"port_outstanding", m.outstanding},
             {"port_reads", m.reads},
             {"table_outstanding", m.walkers},
             {"walk_step_cycles", m.walk_step_ns},
             {"second_stage_cache_level_2.entries", 64}}};
}

std::vector<preset> make_presets() {
    return {
        xeon({"ivy-bridge-e5-2620v2",
              "pcie-bench (Neugebauer et al., SIGCOMM 2018), raw data, Xeon E5-2620 v2: reach and walk from read "
              "latency, walkers and accesses in the unit from writes, reads in the unit and their retry from reads; "
              "64 pointers to last tables serve the 128 MiB of its windows; walks don't snoop. CAP is that of the "
              "Broadwell machine; interrupt remapping is left out",
              0xf0'0fc6, 126, 76, 6, false, 26, 17, 32}),
        xeon({"haswell-e5-2620v3",
              "pcie-bench, Xeon E5-2620 v3: as ivy-bridge-e5-2620v2, walks snoop; that a walk reserves its entry: "
              "writes between 1 and 4 MiB",
              0xf0'0fc7, 117, 16, 5, true, 24, 17, 32}),
        xeon({"broadwell-e5-2630v4",
              "pcie-bench, Xeon E5-2630 v4: as haswell-e5-2620v3; no reads were measured, theirs are assumed as there",
              0xf0'0fc7, 117, 72, 6, true, 24, 17, 32}),
        qemu("qemu", 0x00d2'008c'222f'0606, 0xf42),
        qemu("qemu-39", 0x00d2'008c'2226'0206, 0xf42),
        qemu("qemu-caching-mode", 0x00d2'008c'222f'0686, 0xf42),
        qemu("qemu-scalable", 0x00d2'008c'222f'0606, 0x4800'8000'0f42),
        qemu("qemu-first-stage", 0x01d2'008c'222f'0606, 0x8800'0000'0f42),
        qemu("qemu-first-stage-no-1g", 0x00d2'008c'222f'0606, 0x8800'0000'0f42),
        qemu("qemu-second-stage", 0x00d2'008c'222f'0606, 0x4800'8000'0f42),
    };
}

} // namespace

unit_parameters::unit_parameters() {
    micro_tlb = {.entries = 16, .ways = 0, .policy = replacement::pseudo_lru};
    tlb = {.entries = 128, .ways = 0, .policy = replacement::lru, .latency_cycles = 3};
    walkers = 8;
    table_outstanding = 8;
    register_cycles = 40;
    const cache_parameters configuration{
        .entries = 64, .ways = 4, .policy = replacement::pseudo_lru, .latency_cycles = 2};
    const cache_parameters paging{.entries = 16, .ways = 0, .policy = replacement::pseudo_lru, .latency_cycles = 1};
    context_cache = pasid_cache = nested_cache = configuration;
    first_stage_cache.fill(paging);
    second_stage_cache.fill(paging);
}

std::span<const row> parameter_table() {
    static const std::vector<row> table = make_table();
    return table;
}

std::span<const preset> presets() {
    static const std::vector<preset> all = make_presets();
    return all;
}

unit_parameters preset_parameters(std::string_view name) {
    return parameters_of_preset(parameter_table(), presets(), name);
}

} // namespace iommulab::vtd
