// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/parameters.h"

#include "models/amd_vi/spec/registers.h"
#include "models/core/iommu_parameter_table.h"

#include <string>

namespace iommulab::amd_vi {

namespace {

using row = parameter<amd_vi_parameters>;

// No size of an AMD IOMMU's caches is published. What is known: device table, page directory and page table entries
// have caches of their own (the performance counters of publication 48882, 4.4, count look-ups in each).
constexpr const char* unpublished =
    "assumption: structure after the events of publication 48882, 4.4; AMD publishes no sizes or latencies";

constexpr const char* unpublished_engine =
    "assumption: as in the engine's own defaults (an Arm SMMU's), since AMD publishes no sizes or latencies";

std::uint64_t& feature_register(amd_vi_parameters& p) {
    return p.extended_feature;
}

void add_features(std::vector<row>& t) {
    namespace ef = extended_feature;
    constexpr const char* all = "assumption: everything that the model has";
    t.push_back({"ExtendedFeature", "1", 0, ~std::uint64_t{0},
                 "the register as software reads it (publication 48882, 3.4.7)",
                 [](const amd_vi_parameters& p) { return p.extended_feature; },
                 [](amd_vi_parameters& p, std::uint64_t v) { p.extended_feature = v; }});
    for (const bit_field* f : {&ef::PreFSup, &ef::PPRSup, &ef::NXSup, &ef::GTSup, &ef::IASup, &ef::HESup, &ef::HATS,
                               &ef::GATS, &ef::GLXSup, &ef::PASmax, &ef::USSup, &ef::MsiCapMmioSup, &ef::GIoSup})
        declare_field(t, f->name, feature_register, *f, all);
}

std::vector<row> make_table() {
    std::vector<row> t = declare_iommu_parameters<amd_vi_parameters>();
    for (const char* name : {"port_outstanding", "port_accept_cycles", "micro_tlb", "tlb", "request_cycles", "walkers",
                             "table_outstanding"})
        default_comes_from(t, name, unpublished_engine);
    declare_cache(
        t, "device_table_cache", [](amd_vi_parameters& p) -> cache_parameters& { return p.device_table_cache; },
        unpublished);
    for (unsigned n = 0; n < amd_v1::walk_cache_levels; ++n)
        declare_cache(
            t, "directory_cache_level_" + std::to_string(amd_v1::most_levels - n),
            [n](amd_vi_parameters& p) -> cache_parameters& { return p.directory_cache[n]; }, unpublished);
    for (unsigned n = 0; n < guest_cache_levels; ++n)
        declare_cache(
            t, "guest_directory_cache_level_" + std::to_string(x86_64::most_levels - n),
            [n](amd_vi_parameters& p) -> cache_parameters& { return p.guest_directory_cache[n]; }, unpublished);
    t.push_back(declare<amd_vi_parameters>("command_cycles", "cycles", &amd_vi_parameters::command_cycles, 0, 1000000,
                                           "assumption: decode and dispatch like a small microcoded machine"));
    t.push_back(declare<amd_vi_parameters>("event_cycles", "cycles", &amd_vi_parameters::event_cycles, 0, 1000000,
                                           "assumption: like a command"));
    add_features(t);
    return t;
}

std::vector<preset> make_presets() {
    // The register that Linux prints on EPYC 7002, 0x058f77ef22294ade, without what this model does not have: XTSup,
    // GASup, PCSup, SmiFSup, GAMSup, dual logs, device table segments, PPR auto response, MARC, HASup and above.
    constexpr std::uint64_t epyc_7002_features = 0x0001'402f'0000'485a;
    return {{"epyc-7002",
             "AMD EPYC 7002 (Rome): features as Linux prints them (AMD-Vi: Extended features 0x58f77ef22294ade), "
             "without those of interrupts and others that the model does not have; sizes and latencies: assumption",
             {{"ExtendedFeature", epyc_7002_features}}},
            {"qemu",
             "the feature register of QEMU's amd-iommu (recorded); structures as by default",
             {{"ExtendedFeature", 0x29d3}}}};
}

} // namespace

amd_vi_parameters::amd_vi_parameters() {
    const cache_parameters directory{.entries = 256, .ways = 8, .policy = replacement::lru, .latency_cycles = 4};
    device_table_cache = {.entries = 64, .ways = 4, .policy = replacement::lru, .latency_cycles = 3};
    directory_cache.fill(directory);
    guest_directory_cache.fill(directory);
}

std::span<const parameter<amd_vi_parameters>> parameter_table() {
    static const std::vector<row> table = make_table();
    return table;
}

std::span<const preset> presets() {
    static const std::vector<preset> all = make_presets();
    return all;
}

amd_vi_parameters preset_parameters(std::string_view name) {
    return parameters_of_preset(parameter_table(), presets(), name);
}

} // namespace iommulab::amd_vi
