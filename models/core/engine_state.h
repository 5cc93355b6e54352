// SPDX-License-Identifier: Apache-2.0
// The parts of one IOMMU's engine, and what they tell each other. Internal to core.
#pragma once

#include "models/core/contexts.h"
#include "models/core/in_flight.h"
#include "models/core/invalidation_log.h"
#include "models/core/iommu.h"
#include "models/core/miss_unit.h"
#include "models/core/register_port.h"
#include "models/core/stall_buffer.h"
#include "models/core/table_port.h"
#include "models/core/upstream_port.h"

#include <memory>
#include <vector>

namespace iommulab {

/// A command, an event write: work of the IOMMU's own.
struct background_work {
    explicit background_work(engine_state& e) : context(e) {}
    timed_context context;
    walk<void> work;
    walk<void> (*make)(iommu&, walk_context&) = nullptr;
    bool running = false;
};

struct engine_state {
    engine_state(iommu& owner, const iommu_parameters& p, register_bank& registers);

    iommu& model;
    const iommu_parameters& parameters;
    scheduler clock;
    table_port tables;
    register_port registers;
    translation_lookaside_buffer tlb;
    miss_unit misses;
    invalidation_log log;
    in_flight accesses;
    stall_buffer stalls;
    std::vector<std::unique_ptr<upstream_port>> ports;
    std::vector<std::unique_ptr<background_work>> background;
    access_statistics statistics;
    access_observer observer; ///< empty: nobody asks

    struct drain_waiter {
        std::uint64_t generation;
        timed_context* context;
        std::uint64_t since_ps;
    };
    std::vector<drain_waiter> drains;

    struct {
        std::uint64_t transactions = 0, faults = 0, invalidations = 0, invalidated_entries = 0, syncs = 0,
                      sync_wait_ps = 0, stalled = 0, dmi_grants = 0, dmi_revocations = 0, split = 0;
    } counts;
    struct {
        probe tlb_hit, tlb_miss, tlb_merged, fault, walkers, invalidation, syncs_waiting;
    } probes;
    std::vector<counter> model_counters;

    /// An access leaves its generation; drains that waited for it go on.
    void leave(std::uint64_t generation);
    bool begin_drain(timed_context& c);
    void wake_drains();
    [[nodiscard]] std::uint64_t now_ps() const { return clock.now_ps(); }
};

inline loose_context::loose_context(engine_state& engine, time_sheet& sheet, walk_reads* reads)
    : engine_(engine), sheet_(sheet) {
    reads_ = reads;
    if (!reads) // else begin_memory records them
        in_place_ = &engine.tables.in_place();
    annotated_ = &sheet;
    annotated_cycle_ps_ = engine.clock.period_ps();
}

inline tlm::tlm_response_status upstream_port::objection_to(const tlm::tlm_generic_payload& p, const access& a) const {
    const tlm::tlm_response_status wrong = check_attributes(p);
    if (wrong == tlm::TLM_OK_RESPONSE && !model_.can_name(a)) [[unlikely]]
        return tlm::TLM_ADDRESS_ERROR_RESPONSE; // as of everybody whom the model refuses
    return wrong;
}

} // namespace iommulab
