// SPDX-License-Identifier: Apache-2.0
#include "models/core/time_sheet.h"

namespace iommulab {

namespace {

struct label {
    const char* name;
    const char* text;
};

constexpr label parts[] = {
    {"port_wait", "waiting for the port"},
    {"micro_tlb", "micro-TLB look-up"},
    {"configuration", "configuration cache look-up"},
    {"configuration_fetch", "fetching configuration"},
    {"own_table", "table on chip"},
    {"tlb", "main TLB look-up"},
    {"merge_wait", "waiting for the same page's walk"},
    {"walker_wait", "waiting for a free walker"},
    {"walk_cache", "walk cache look-up"},
    {"walk_level_0", "table walk, level 0"},
    {"walk_level_1", "table walk, level 1"},
    {"walk_level_2", "table walk, level 2"},
    {"walk_level_3", "table walk, level 3"},
    {"walk_level_4", "table walk, level 4"},
    {"walk_level_5", "table walk, level 5"},
    {"stage2_level_0", "stage-2 walk, level 0"},
    {"stage2_level_1", "stage-2 walk, level 1"},
    {"stage2_level_2", "stage-2 walk, level 2"},
    {"stage2_level_3", "stage-2 walk, level 3"},
    {"stage2_level_4", "stage-2 walk, level 4"},
    {"stage2_level_5", "stage-2 walk, level 5"},
    {"table_update", "accessed/dirty update"},
    {"fault_report", "reporting the fault"},
    {"stalled", "stalled for software"},
    {"order_wait", "waiting for older accesses"},
    {"downstream_wait", "waiting for the bus"},
    {"memory", "memory"},
    {"response", "response"},
};
static_assert(sizeof parts / sizeof *parts == time_parts);

constexpr label outcomes[] = {
    {"micro_tlb_hit", "micro-TLB hit"},
    {"tlb_hit", "TLB hit"},
    {"merged_miss", "merged miss"},
    {"miss", "miss"},
    {"bypass", "bypass"},
    {"fault", "fault"},
    {"error", "bus error"},
};
static_assert(sizeof outcomes / sizeof *outcomes == access_outcomes);

} // namespace

const char* name_of(time_part part) {
    return parts[static_cast<std::size_t>(part)].name;
}
const char* text_of(time_part part) {
    return parts[static_cast<std::size_t>(part)].text;
}
const char* name_of(access_outcome outcome) {
    return outcomes[static_cast<std::size_t>(outcome)].name;
}
const char* text_of(access_outcome outcome) {
    return outcomes[static_cast<std::size_t>(outcome)].text;
}

} // namespace iommulab
