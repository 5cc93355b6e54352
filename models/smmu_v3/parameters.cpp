// SPDX-License-Identifier: Apache-2.0
#include "models/smmu_v3/parameters.h"

#include "models/core/iommu_parameter_table.h"
#include "models/smmu_v3/spec/registers.h"

#include <string>

namespace iommulab::smmu_v3 {

namespace {

using row = parameter<smmu_parameters>;

constexpr const char* arm_walk_caches =
    "MMU-600AE TRM: separate 4-way walk caches per stage and level, round robin; entries: Intel 814346 4.3.4.4.1, "
    "Agilex 5; latency: gem5 SMMUv3.py (b1a44b89), 4";

using id_word = std::uint32_t id_registers::*;

void add_id_word(std::vector<row>& table, const char* name, id_word word) {
    table.push_back({name, "1", 0, 0xffff'ffff, "the register as software reads it (IHI 0070, 6.3)",
                     [word](const smmu_parameters& p) { return std::uint64_t{p.id.*word}; },
                     [word](smmu_parameters& p, std::uint64_t v) { p.id.*word = static_cast<std::uint32_t>(v); }});
}

void add_feature(std::vector<row>& table, const char* name, id_word word, const bit_field& field, const char* source) {
    declare_field(
        table, name, [word](smmu_parameters& p) -> std::uint32_t& { return p.id.*word; }, field, source);
}

void add_features(std::vector<row>& t) {
    constexpr id_word r0 = &id_registers::IDR0, r1 = &id_registers::IDR1, r3 = &id_registers::IDR3,
                      r5 = &id_registers::IDR5;
    constexpr const char* all = "assumption: everything that the model has";
    add_id_word(t, "IDR0", r0);
    add_id_word(t, "IDR1", r1);
    add_id_word(t, "IDR3", r3);
    add_id_word(t, "IDR5", r5);
    add_id_word(t, "IIDR", &id_registers::IIDR);
    add_id_word(t, "AIDR", &id_registers::AIDR);
    add_feature(t, "S1P", r0, idr0::S1P, all);
    add_feature(t, "S2P", r0, idr0::S2P, all);
    add_feature(t, "HYP", r0, idr0::HYP, all);
    add_feature(t, "HTTU", r0, idr0::HTTU, all);
    add_feature(t, "ATS", r0, idr0::ATS, "assumption: off, as there is no ATC behind the model");
    add_feature(t, "PRI", r0, idr0::PRI, "assumption: off, as nothing behind the model asks for pages");
    add_feature(t, "MSI", r0, idr0::MSI, all);
    add_feature(t, "SEV", r0, idr0::SEV, all);
    add_feature(t, "ASID16", r0, idr0::ASID16, all);
    add_feature(t, "VMID16", r0, idr0::VMID16, all);
    add_feature(t, "CD2L", r0, idr0::CD2L, all);
    add_feature(t, "ST_LEVEL", r0, idr0::ST_LEVEL, all);
    add_feature(t, "STALL_MODEL", r0, idr0::STALL_MODEL, "assumption: both models, 0b00");
    add_feature(t, "TERM_MODEL", r0, idr0::TERM_MODEL, "assumption: abort or RAZ/WI, 0b0");
    add_feature(t, "SIDSIZE", r1, idr1::SIDSIZE, "MMU-600 TRM 100310: 24 bits of StreamID");
    add_feature(t, "SSIDSIZE", r1, idr1::SSIDSIZE, "PCIe: a PASID has up to 20 bits");
    add_feature(t, "CMDQS", r1, idr1::CMDQS, "IHI 0070, 6.3.2: the largest, 19");
    add_feature(t, "EVENTQS", r1, idr1::EVENTQS, "IHI 0070, 6.3.2: the largest, 19");
    add_feature(t, "PRIQS", r1, idr1::PRIQS, "assumption: 0, without PRI");
    add_feature(t, "ATTR_PERMS_OVR", r1, idr1::ATTR_PERMS_OVR, all);
    add_feature(t, "HAD", r3, idr3::HAD, all);
    add_feature(t, "XNX", r3, idr3::XNX, all);
    add_feature(t, "STT", r3, idr3::STT, all);
    add_feature(t, "RIL", r3, idr3::RIL, all);
    add_feature(t, "OAS", r5, idr5::OAS, "assumption: 48 bits, 0b101");
    add_feature(t, "VAX", r5, idr5::VAX, "assumption: 48 bits, 0b00");
    add_feature(t, "GRAN4K", r5, idr5::GRAN4K, all);
    add_feature(t, "GRAN16K", r5, idr5::GRAN16K, all);
    add_feature(t, "GRAN64K", r5, idr5::GRAN64K, all);
}

std::vector<row> make_table() {
    std::vector<row> t = declare_iommu_parameters<smmu_parameters>();
    default_comes_from(
        t, "port_outstanding",
        "gem5 src/dev/arm (b1a44b89): xlate_slots 64; MMU-600 TCU in Agilex 5 (Intel 814346): XLATE_SLOTS "
        "64");
    default_comes_from(t, "port_accept_cycles", "MMU-600AE TRM: one look-up a cycle");
    default_comes_from(t, "order", "assumption: in order, as one AXI id");
    default_comes_from(
        t, "micro_tlb",
        "gem5 src/dev/arm (b1a44b89): 32 entries, fully associative, 1 cycle; MMU-600AE TRM: pseudo-LRU");
    default_comes_from(
        t, "tlb",
        "Intel 683567 (MMU-500): 512 entries; MMU-600AE TRM: 4-way, random; gem5 src/dev/arm (b1a44b89): 3 cycles");
    default_comes_from(t, "request_cycles",
                       "gem5 src/dev/arm (b1a44b89): ifc_smmu_lat 8, from a port to the shared part");
    default_comes_from(t, "walkers", "gem5 src/dev/arm (b1a44b89): ptw_slots 16");
    default_comes_from(
        t, "blocking_misses",
        "assumption: 0; 1: a miss without a walker holds up the look-ups behind it (MMU-500 TRM DDI0517: "
        "blocks the channel)");
    default_comes_from(t, "table_outstanding", "assumption: as many as walkers; MMU-600AE TRM: at most PTW_SLOTS + 2");
    default_comes_from(t, "register_cycles", "assumption: an APB access");
    declare_cache(
        t, "configuration_cache", [](smmu_parameters& p) -> cache_parameters& { return p.configuration_cache; },
        "MMU-600AE TRM: 4-way, STE and CD together; 256 entries: Intel 814346 4.3.4.4.1; latency: gem5 SMMUv3.py "
        "(b1a44b89), 3");
    for (unsigned level = 0; level < 4; ++level) {
        declare_cache(
            t, "stage1_walk_cache_level_" + std::to_string(level),
            [level](smmu_parameters& p) -> cache_parameters& { return p.stage1_walk_cache[level]; }, arm_walk_caches);
        declare_cache(
            t, "stage2_walk_cache_level_" + std::to_string(level),
            [level](smmu_parameters& p) -> cache_parameters& { return p.stage2_walk_cache[level]; }, arm_walk_caches);
    }
    declare_cache(
        t, "intermediate_cache", [](smmu_parameters& p) -> cache_parameters& { return p.intermediate_cache; },
        "the walk cache of stage 2, level 3: 256 entries, Intel 814346 4.3.4.4.1");
    t.push_back(declare<smmu_parameters>("command_cycles", "cycles", &smmu_parameters::command_cycles, 0, 1000000,
                                         "assumption: decode and dispatch like a small microcoded machine"));
    t.push_back(declare<smmu_parameters>("event_cycles", "cycles", &smmu_parameters::event_cycles, 0, 1000000,
                                         "assumption: like a command"));
    add_features(t);
    return t;
}

constexpr std::uint64_t policy(replacement r) {
    return static_cast<std::uint64_t>(r);
}

/// ID registers as QEMU's machines have them: Linux boots on these, and recordings were made with them.
preset qemu(const char* name, std::uint64_t idr0, std::uint64_t idr3) {
    return {name,
            "ID registers as QEMU's SMMUv3 shows them (recorded); structures as by default",
            {{"IDR0", idr0}, {"IDR1", 0x0273'0010}, {"IDR3", idr3}, {"IDR5", 0x0000'0074}, {"IIDR", 0}, {"AIDR", 1}}};
}

std::vector<preset> make_presets() {
    std::vector<preset> all;
    all.push_back(
        {"mmu-600",
         "Arm MMU-600 TRM 100310 and MMU-600AE TRM; sizes of the instance in Intel Agilex 5 (814346, 4.3.4.4). "
         "Table accesses: PTW_SLOTS + 2, with PTW_SLOTS = 16 as in gem5 (assumption). BTM, ATS, PRI and AArch32 "
         "tables of the silicon are left out",
         {{"micro_tlb.entries", 32},
          {"micro_tlb.ways", 0},
          {"micro_tlb.policy", policy(replacement::pseudo_lru)},
          {"tlb.entries", 512}, // assumption: the Agilex tables are cut off before MTLB_DEPTH
          {"tlb.ways", 4},
          {"tlb.policy", policy(replacement::random)},
          {"port_outstanding", 64}, // XLATE_SLOTS
          {"walkers", 16},
          {"table_outstanding", 18},
          {"IDR3", 0x0004}, // HAD
          {"AIDR", 1},      // SMMUv3.1
          {"IIDR", 0x4830'043b}}});
    all.push_back({"mmu-700",
                   "Arm MMU-700 TRM 101542, tables 2-28 and 2-32: legal values; the choice among them is an assumption "
                   "(UTLB 64, MTLB 1024 of 8 ways, walk caches 1024 of 8 ways, PTW_SLOTS 64, XLATE_SLOTS 128)",
                   {{"micro_tlb.entries", 64},
                    {"micro_tlb.ways", 0},
                    {"tlb.entries", 1024},
                    {"tlb.ways", 8},
                    {"tlb.policy", policy(replacement::random)},
                    {"port_outstanding", 128},
                    {"walkers", 64},
                    {"table_outstanding", 66},
                    {"configuration_cache.entries", 1024},
                    {"AIDR", 2}, // SMMUv3.2
                    {"IIDR", 0x4870'043b}}});
    for (const char* stage : {"stage1", "stage2"})
        for (unsigned level = 0; level < 4; ++level) {
            const std::string name = std::string(stage) + "_walk_cache_level_" + std::to_string(level);
            if (level == 3)
                continue;
            all.back().values.emplace_back(detail::keep(name + ".entries"), 1024);
            all.back().values.emplace_back(detail::keep(name + ".ways"), 8);
        }
    all.push_back(
        {"mmu-500",
         "Arm MMU-500 TRM DDI0517 and Intel 683567 (Agilex 7, Stratix 10): sizes alone, as MMU-500 is an SMMUv2: "
         "a TBU hit takes 2 clocks, 8 parallel walks, macro TLB of 512 entries, micro TLB of 128, 128 outstanding "
         "reads (and as many writes)",
         {{"micro_tlb.entries", 128},
          {"micro_tlb.ways", 0},
          {"micro_tlb.policy", policy(replacement::round_robin)}, // assumption
          {"micro_tlb.latency_cycles", 2},
          {"tlb.entries", 512},
          {"tlb.ways", 4},
          {"port_outstanding", 256},
          {"walkers", 8},
          {"table_outstanding", 8}}});
    all.push_back(qemu("qemu", 0x0d40'101a, 0x1404));
    all.push_back(qemu("qemu-s2", 0x0d44'1019, 0x1414));
    all.push_back(qemu("qemu-nested", 0x0d44'101b, 0x1414));
    return all;
}

} // namespace

smmu_parameters::smmu_parameters() {
    const cache_parameters walk{.entries = 256, .ways = 4, .policy = replacement::round_robin, .latency_cycles = 4};
    configuration_cache = {.entries = 256, .ways = 4, .policy = replacement::round_robin, .latency_cycles = 3};
    // A level's entry points to the next table: the last level has none, and its leaves are in the TLB.
    stage1_walk_cache = {walk, walk, walk, {}};
    stage2_walk_cache = {walk, walk, walk, {}};
    intermediate_cache = walk;
}

std::span<const parameter<smmu_parameters>> parameter_table() {
    static const std::vector<row> table = make_table();
    return table;
}

std::span<const preset> presets() {
    static const std::vector<preset> all = make_presets();
    return all;
}

smmu_parameters preset_parameters(std::string_view name) {
    return parameters_of_preset(parameter_table(), presets(), name);
}

} // namespace iommulab::smmu_v3
