// SPDX-License-Identifier: Apache-2.0
#include "models/core/contexts.h"

#include "models/core/engine_state.h"

namespace iommulab {

void timed_context::begin(time_sheet* sheet, const access& a, walk_reads* reads) {
    sheet_ = sheet;
    reads_ = reads;
    access_ = a;
    began_ = engine_.log.now();
    hit = missed = false;
    walker = -1;
}

iommu& timed_context::model() const {
    return engine_.model;
}

void timed_context::charge(time_part part) {
    if (sheet_)
        sheet_->charge(part, engine_.now_ps());
}

void timed_context::resume() {
    charge(part_);
    waiter_->resume();
}

void timed_context::resume_soon(time_part part) {
    part_ = part;
    engine_.clock.after(0, resumption());
}

void timed_context::looked_up() {
    engine_.misses.looked_up(*this);
}

void timed_context::look_up_again() {
    charge(time_part::walker_wait);
    engine_.misses.look_up(*this);
}

bool timed_context::may_fill(const translation_tag& tag, bool global, std::uint64_t base, std::uint64_t mask) const {
    return engine_.log.spares(began_, tag, global, base, mask);
}

bool timed_context::may_fill_configuration(std::uint32_t source_id, std::uint32_t pasid) const {
    return engine_.log.spares_requester(began_, source_id, true, pasid);
}

bool timed_context::begin_memory(memory_request& r) {
    part_ = r.part;
    waiter_ = &r.waiter;
    r.done = resumption();
    record(r);
    engine_.tables.begin(r);
    return false;
}

bool timed_context::begin_pause(pause_request& r, std::uint64_t cycles) {
    part_ = r.part;
    waiter_ = &r.waiter;
    engine_.clock.after(cycles, resumption());
    return false;
}

bool timed_context::begin_look_up(pause_request& r, structure_port& port) {
    part_ = r.part;
    waiter_ = &r.waiter;
    engine_.clock.at(port.reserve(engine_.clock.cycle_after(sc_core::SC_ZERO_TIME)), resumption());
    return false;
}

bool timed_context::begin_translation(translation_request& r) {
    waiter_ = &r.waiter;
    request = &r;
    retries = 0;
    engine_.misses.look_up(*this);
    return false;
}

bool timed_context::begin_drain(pause_request& r) {
    part_ = time_part::stalled;
    waiter_ = &r.waiter;
    return engine_.begin_drain(*this);
}

bool loose_context::begin_memory(memory_request& r) {
    sc_core::sc_time delay;
    record(r);
    engine_.tables.serve(r, delay);
    sheet_.add(r.part, engine_.clock.ps(delay));
    return true;
}

bool loose_context::begin_pause(pause_request& r, std::uint64_t cycles) {
    sheet_.add(r.part, engine_.clock.to_ps(cycles));
    return true;
}

bool loose_context::begin_look_up(pause_request& r, structure_port& port) {
    sheet_.add(r.part, engine_.clock.to_ps(port.cost()));
    return true;
}

bool loose_context::begin_translation(translation_request& r) {
    asked = true;
    if (!engine_.tlb.exists())
        return true;
    sheet_.add(time_part::tlb, engine_.clock.to_ps(engine_.misses.look_up_cycles()));
    const translation* found = engine_.misses.find(r);
    hit = found != nullptr;
    r.found = hit;
    if (found)
        *r.page = *found;
    return true;
}

bool debug_context::begin_memory(memory_request& r) {
    engine_.tables.look(r);
    return true;
}

} // namespace iommulab
