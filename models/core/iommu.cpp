// SPDX-License-Identifier: Apache-2.0
#include "models/core/iommu.h"

#include "models/core/engine_state.h"

#include <algorithm>
#include <stdexcept>

namespace iommulab {

engine_state::engine_state(iommu& owner, const iommu_parameters& p, register_bank& bank)
    : model(owner),
      parameters(p),
      clock("clock", sc_core::sc_time(static_cast<double>(p.clock_period_ps), sc_core::SC_PS)),
      tables("tables", clock, p.table_outstanding, p.mode == simulation_mode::loosely_timed),
      registers("registers", clock, bank, p.register_cycles, p.posted_writes),
      tlb(p.tlb),
      misses(*this, p.tlb, p.walkers),
      stalls(p.stall_entries) {
    for (std::size_t n = 0; n < p.ports; ++n)
        ports.push_back(std::make_unique<upstream_port>(("port" + std::to_string(n)).c_str(), owner, *this, n));
}

void engine_state::leave(std::uint64_t generation) {
    if (accesses.leave(generation) && !drains.empty())
        wake_drains();
}

bool engine_state::begin_drain(timed_context& c) {
    ++counts.syncs;
    const std::uint64_t generation = accesses.close();
    for (auto& p : ports)
        p->renew_waiting();
    if (accesses.complete(generation))
        return true;
    drains.push_back({generation, &c, now_ps()});
    probes.syncs_waiting.set(drains.size(), now_ps());
    return false;
}

void engine_state::wake_drains() {
    std::erase_if(drains, [this](const drain_waiter& d) {
        if (!accesses.complete(d.generation))
            return false;
        counts.sync_wait_ps += now_ps() - d.since_ps;
        d.context->resume_soon(time_part::stalled);
        return true;
    });
    probes.syncs_waiting.set(drains.size(), now_ps());
}

iommu::iommu(sc_core::sc_module_name name, const iommu_parameters& parameters, register_bank& registers,
             std::size_t interrupts)
    : iommu_module(name),
      parameters_(parameters),
      registers_(registers),
      engine_(std::make_unique<engine_state>(*this, parameters_, registers)) {
    for (std::size_t n = 0; n < interrupts; ++n) {
        interrupts_.push_back(std::make_unique<interrupt_port>(("interrupt" + std::to_string(n)).c_str()));
        interrupt_probes_.emplace_back();
        interrupt_levels_.push_back(0);
    }
}

iommu::~iommu() = default;

tlm::tlm_target_socket<64>& iommu::upstream(std::size_t port) {
    return engine_->ports.at(port)->from_device;
}
tlm::tlm_initiator_socket<64>& iommu::downstream(std::size_t port) {
    return engine_->ports.at(port)->to_memory;
}
tlm::tlm_initiator_socket<64>& iommu::tables() {
    return engine_->tables.socket;
}
tlm::tlm_target_socket<64>& iommu::registers_socket() {
    return engine_->registers.socket;
}
const access_statistics& iommu::statistics() const {
    return engine_->statistics;
}
scheduler& iommu::clock() {
    return engine_->clock;
}
iommu::interrupt_port& iommu::interrupt(std::size_t n) {
    return *interrupts_.at(n);
}

std::vector<counter> iommu::counters() const {
    const engine_state& e = *engine_;
    std::vector<counter> all{
        {"faults", "accesses refused, or stalled for software", &e.counts.faults},
        {"stalled", "accesses stalled for software", &e.counts.stalled},
        {"split", "cuts where an access crossed a page", &e.counts.split},
        {"tlb_lookups", "look-ups in the main TLB", &e.misses.counts.lookups},
        {"tlb_hits", "look-ups that the main TLB answered", &e.misses.counts.hits},
        {"walks", "table walks begun", &e.misses.counts.walks},
        {"merged_misses", "misses that waited for another access's walk of the same page", &e.misses.counts.merged},
        {"walker_waits", "misses that found every walker busy", &e.misses.counts.waited},
        {"table_reads", "reads of tables and queues", &e.tables.reads()},
        {"table_writes", "writes of tables, queues and messages", &e.tables.writes()},
        {"table_errors", "of these, answered with a bus error", &e.tables.errors()},
        {"invalidations", "invalidations applied", &e.counts.invalidations},
        {"invalidated_entries", "entries that invalidations removed", &e.counts.invalidated_entries},
        {"synchronisations", "waits for the accesses in flight", &e.counts.syncs},
        {"synchronisation_wait_ps", "time that these waits took, added up", &e.counts.sync_wait_ps},
        {"direct_grants", "direct memory pointers given out", &e.counts.dmi_grants},
        {"direct_revocations", "direct memory pointers taken back", &e.counts.dmi_revocations},
    };
    all.insert(all.end(), e.model_counters.begin(), e.model_counters.end());
    return all;
}

bool iommu::idle() const {
    const engine_state& e = *engine_;
    unsigned accesses = 0;
    bool waiting = false;
    for (const auto& p : e.ports) {
        accesses += p->outstanding();
        waiting |= p->waits_for_room();
    }
    return accesses <= e.stalls.waiting() && !waiting && e.tables.idle() && e.registers.idle() &&
           std::none_of(e.background.begin(), e.background.end(), [](const auto& b) { return b->running; });
}

void iommu::trace(waveform_writer& writer) {
    waves_ = &writer;
    engine_state& e = *engine_;
    const std::string scope = name();
    for (auto& p : e.ports)
        p->trace(writer, scope);
    e.probes.tlb_hit.attach(&writer, scope + ".tlb", "hit", 1);
    e.probes.tlb_miss.attach(&writer, scope + ".tlb", "miss", 1);
    e.probes.tlb_merged.attach(&writer, scope + ".tlb", "merged", 1);
    e.probes.walkers.attach(&writer, scope + ".walkers", "busy", 16);
    e.tables.outstanding_probe.attach(&writer, scope + ".walkers", "reads_outstanding", 16);
    e.probes.fault.attach(&writer, scope, "fault", 1);
    e.probes.invalidation.attach(&writer, scope + ".commands", "invalidation", 1);
    e.probes.syncs_waiting.attach(&writer, scope + ".commands", "syncs_waiting", 8);
    const auto names = interrupt_names();
    for (std::size_t n = 0; n < interrupts_.size(); ++n)
        interrupt_probes_[n].attach(&writer, scope + ".interrupts", n < names.size() ? names[n] : "irq", 1);
    register_probes_.resize(registers_.slots());
    for (std::size_t s = 0; s < registers_.slots(); ++s)
        register_probes_[s].attach(&writer, scope + ".registers", registers_.slot_name(s), registers_.slot_bits(s),
                                   registers_.slot_value(s));
    registers_.on_change(
        [this](std::size_t slot, std::uint64_t value) { register_probes_[slot].set(value, engine_->now_ps()); });
}

void iommu::reset() {
    engine_state& e = *engine_;
    if (!idle())
        throw std::logic_error(std::string(name()) + ": reset while busy");
    registers_.reset();
    e.tlb.clear();
    for (auto& p : e.ports)
        p->reset();
    e.statistics.reset();
    e.counts = {};
    e.misses.counts = {};
    e.tables.reset_counts();
    for (std::size_t n = 0; n < interrupts_.size(); ++n)
        set_interrupt(n, false);
    reset_model();
}

void iommu::on_access(access_observer told) {
    engine_->observer = std::move(told);
    for (auto& p : engine_->ports)
        p->observed();
}

std::optional<translation> iommu::probe(const access& a, fault* why) {
    if (!can_name(a)) {
        if (why)
            *why = {.recorded = false};
        return std::nullopt;
    }
    debug_context context(*engine_);
    std::optional<translation> page(std::in_place);
    walk<bool> w = translate(context, a, *page);
    w.start();
    if (w.result())
        return page;
    if (why)
        *why = context.refusal();
    return std::nullopt;
}

void iommu::spawn(walk<void> (*work)(iommu&, walk_context&)) {
    engine_state& e = *engine_;
    background_work* b = nullptr;
    for (auto& idle : e.background)
        if (!idle->running)
            b = idle.get();
    if (!b) {
        e.background.push_back(std::make_unique<background_work>(e));
        b = e.background.back().get();
    }
    b->running = true;
    b->make = work;
    // begun by the scheduler: a register write returns before its consequences begin
    e.clock.after(0, {[](void* p) {
                          auto& self = *static_cast<background_work*>(p);
                          self.context.begin(nullptr, {}, nullptr);
                          self.work = self.make(self.context.model(), self.context);
                          self.work.start([](void* q) { static_cast<background_work*>(q)->running = false; }, &self);
                      },
                      b});
}

walk<void> iommu::translate_ahead(walk_context& background, access a) {
    auto& context = static_cast<timed_context&>(background); // as spawn() gave it
    context.begin(nullptr, a, nullptr);
    translation page;
    walk<bool> ahead = translate(context, a, page);
    const bool ok = co_await ahead;
    engine_->misses.finish(context, ok ? &page : nullptr);
}

std::uint32_t iommu::invalidate(const invalidation& i) {
    engine_state& e = *engine_;
    e.log.add(i);
    e.misses.close();
    std::uint32_t gone = invalidate_caches(i);
    if (i.kind == invalidation::what::translations)
        gone += e.tlb.erase_if([&](tlb_owner, const translation& t) { return i.matches(t); });
    for (auto& p : e.ports) {
        gone += p->invalidate(i);
        p->invalidate_direct(i);
    }
    ++e.counts.invalidations;
    e.counts.invalidated_entries += gone;
    e.probes.invalidation.pulse(e.now_ps(), e.clock.period_ps());
    return gone;
}

bool iommu::look_at_memory(std::uint64_t address, std::uint32_t bytes, std::array<std::uint64_t, 8>& words) {
    memory_request r;
    r.bytes = bytes;
    r.address = address;
    engine_->tables.look(r);
    words = r.words;
    return r.ok;
}

bool iommu::resume_stalled(std::uint32_t stall_tag, std::uint32_t source_id, verdict v) {
    return engine_->stalls.decide(stall_tag, source_id, v);
}

void iommu::terminate_stalled(std::uint32_t source_id, verdict v) {
    engine_->stalls.decide_all(source_id, v);
}

void iommu::names_have(unsigned source_id_bits, unsigned pasid_bits) {
    const auto ones = [](unsigned bits) { return static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1); };
    source_id_mask_ = ones(source_id_bits);
    pasid_mask_ = ones(pasid_bits);
}

void iommu::set_interrupt(std::size_t n, bool level) {
    interrupt_levels_.at(n) = level;
    interrupt_probes_[n].set(level, engine_->now_ps());
    if (interrupts_[n]->size() == 0)
        return;
    // always by the engine's own process, also when a guest's register write is the cause: a wire has one driver
    engine_->clock.after(0, {[](void* p) {
                                 auto& self = *static_cast<iommu*>(p);
                                 for (std::size_t i = 0; i < self.interrupts_.size(); ++i)
                                     if (self.interrupts_[i]->size() != 0)
                                         (*self.interrupts_[i])->write(self.interrupt_levels_[i]);
                             },
                             this});
}

void iommu::pulse_interrupt(std::size_t n) {
    // an edge: high for one cycle
    set_interrupt(n, true);
    pulses_.push_back(n);
    engine_->clock.after(1, {[](void* p) {
                                 auto& self = *static_cast<iommu*>(p);
                                 self.set_interrupt(self.pulses_.front(), false);
                                 self.pulses_.pop_front();
                             },
                             this});
}

void iommu::add_counter(const char* counter_name, const char* text, const std::uint64_t& value) {
    engine_->model_counters.push_back({counter_name, text, &value});
}

// --- the port's part in invalidation and tracing

std::uint32_t upstream_port::invalidate(const invalidation& i) {
    forget();
    return micro_tlb_.erase_if([&](tlb_owner owner, const translation& t) {
        return i.kind == invalidation::what::configuration
                   ? i.matches_requester(owner.source_id(), owner.has_pasid(), owner.pasid())
                   : i.matches(t);
    });
}

void upstream_port::reset() {
    forget();
    micro_tlb_.clear();
    accesses_ = backpressure_ = 0;
    invalidate_direct(invalidation{});
}

void upstream_port::trace(waveform_writer& writer, const std::string& scope) {
    const std::string mine = scope + ".port" + std::to_string(number_);
    outstanding_probe_.attach(&writer, mine, "outstanding", 16);
    hit_probe_.attach(&writer, mine, "micro_tlb_hit", 1);
    miss_probe_.attach(&writer, mine, "micro_tlb_miss", 1);
}

} // namespace iommulab
