// SPDX-License-Identifier: Apache-2.0
// The module: its registers' behaviour (Arm IHI 0070, chapter 6), reset, counters, waveforms.
#include "models/smmu_v3/smmu_v3.h"

#include <algorithm>
#include <string>

namespace iommulab::smmu_v3 {

namespace {

const smmu_parameters& checked(const smmu_parameters& p) {
    const std::string complaint = complaint_about(p.id);
    if (!complaint.empty())
        throw parameter_error(complaint);
    return p;
}

constexpr std::uint64_t cr0_always = cr0::SMMUEN.make(1) | cr0::EVENTQEN.make(1) | cr0::CMDQEN.make(1);

} // namespace

detail::register_holder::register_holder(const id_registers& id) : bank(smmu_v3::registers()) {
    bank.set_reset(reg::IDR0, id.IDR0);
    bank.set_reset(reg::IDR1, id.IDR1);
    bank.set_reset(reg::IDR3, id.IDR3);
    bank.set_reset(reg::IDR5, id.IDR5);
    bank.set_reset(reg::IIDR, id.IIDR);
    bank.set_reset(reg::AIDR, id.AIDR);
    bank.reset();
}

smmu::smmu(sc_core::sc_module_name name, const smmu_parameters& parameters)
    : detail::register_holder(checked(parameters).id),
      iommu(name, parameters, bank, 4),
      own_(parameters),
      features_(features::of(parameters.id)),
      configurations_(parameters.configuration_cache),
      stage1_walks_(0, parameters.stage1_walk_cache),
      stage2_walks_(2, parameters.stage2_walk_cache),
      intermediate_(parameters.intermediate_cache) {
    names_have(record::StreamID.width, record::SubstreamID.width);
    connect_registers();
    count_what_matters();
}

/// Writes of `r` are lost while one of `bits` of `by` is set: the manual leaves open what they do then (6.3,
/// "guarded").
void smmu::guard(const register_declaration& r, const register_declaration& by, std::uint64_t bits) {
    bank.on_write(r, [this, &r, &by, bits](unsigned, std::uint64_t before, std::uint64_t) {
        if (bank.get(by) & bits)
            bank.set(r, before);
    });
}

void smmu::connect_registers() {
    bank.on_write(reg::CR0,
                  [this](unsigned, std::uint64_t before, std::uint64_t written) { write_cr0(before, written); });
    bank.on_write(reg::GBPA,
                  [this](unsigned, std::uint64_t before, std::uint64_t written) { write_gbpa(before, written); });
    bank.on_write(reg::IRQ_CTRL,
                  [this](unsigned, std::uint64_t, std::uint64_t written) { bank.set(reg::IRQ_CTRLACK, written); });
    bank.on_write(reg::GERRORN, [this](unsigned, std::uint64_t, std::uint64_t) {
        kick_commands();
        release_held_events();
    });
    bank.on_write(reg::CMDQ_PROD, [this](unsigned, std::uint64_t, std::uint64_t) {
        hung_ = commands_hang();
        kick_commands();
    });
    bank.on_write(reg::EVENTQ_CONS, [this](unsigned, std::uint64_t, std::uint64_t) { release_held_events(); });
    bank.on_write(reg::CR1, [this](unsigned, std::uint64_t before, std::uint64_t written) {
        const std::uint64_t cr0 = bank.get(reg::CR0);
        constexpr std::uint64_t tables = cr1::TABLE_IC.make(3) | cr1::TABLE_OC.make(3) | cr1::TABLE_SH.make(3);
        std::uint64_t locked = cr0::SMMUEN.of(cr0) ? tables : 0;
        if (cr0 & ~cr0::SMMUEN.make(1))
            locked |= cr1::QUEUE_IC.make(3) | cr1::QUEUE_OC.make(3) | cr1::QUEUE_SH.make(3);
        bank.set(reg::CR1, (before & locked) | (written & ~locked));
    });
    const std::uint64_t smmuen = cr0::SMMUEN.make(1), cmdqen = cr0::CMDQEN.make(1), eventqen = cr0::EVENTQEN.make(1),
                        priqen = cr0::PRIQEN.make(1);
    for (const auto* r : {&reg::CR2, &reg::STRTAB_BASE, &reg::STRTAB_BASE_CFG})
        guard(*r, reg::CR0, smmuen);
    for (const auto* r : {&reg::CMDQ_BASE, &reg::CMDQ_CONS})
        guard(*r, reg::CR0ACK, cmdqen);
    for (const auto* r : {&reg::EVENTQ_BASE, &reg::EVENTQ_PROD})
        guard(*r, reg::CR0ACK, eventqen);
    for (const auto* r : {&reg::PRIQ_BASE, &reg::PRIQ_PROD})
        guard(*r, reg::CR0, priqen);
    for (const auto* r : {&reg::GERROR_IRQ_CFG0, &reg::GERROR_IRQ_CFG1, &reg::GERROR_IRQ_CFG2})
        guard(*r, reg::IRQ_CTRL, irq_ctrl::GERROR_IRQEN.make(1));
    for (const auto* r : {&reg::EVENTQ_IRQ_CFG0, &reg::EVENTQ_IRQ_CFG1, &reg::EVENTQ_IRQ_CFG2})
        guard(*r, reg::IRQ_CTRL, irq_ctrl::EVENTQ_IRQEN.make(1));
    for (const auto* r : {&reg::PRIQ_IRQ_CFG0, &reg::PRIQ_IRQ_CFG1, &reg::PRIQ_IRQ_CFG2})
        guard(*r, reg::IRQ_CTRL, irq_ctrl::PRIQ_IRQEN.make(1));
}

void smmu::write_cr0(std::uint64_t before, std::uint64_t written) {
    const std::uint64_t kept =
        cr0_always | (features_.pri ? cr0::PRIQEN.make(1) : 0) | (features_.ats ? cr0::ATSCHK.make(1) : 0);
    bank.set(reg::CR0, written & kept);
    if (cr0::SMMUEN.of(before) != cr0::SMMUEN.of(written)) {
        enabled_ = cr0::SMMUEN.of(written) != 0;
        forget_requesters();
    }
    acknowledge_cr0();
    kick_commands();
    release_held_events();
}

/// 6.3.10: a queue is disabled when its work in progress has ended.
void smmu::acknowledge_cr0() {
    std::uint64_t ack = bank.get(reg::CR0);
    const std::uint64_t old = bank.get(reg::CR0ACK);
    if (consuming_)
        ack |= old & cr0::CMDQEN.make(1);
    if (writing_)
        ack |= old & cr0::EVENTQEN.make(1);
    bank.set(reg::CR0ACK, ack);
}

/// 6.3.14: only a write with Update set counts; Update reads as 0 when it has taken effect.
void smmu::write_gbpa(std::uint64_t before, std::uint64_t written) {
    if (!gbpa::Update.of(written)) {
        bank.set(reg::GBPA, before);
        return;
    }
    bank.set(reg::GBPA, gbpa::Update.put(written, 0));
    if (!enabled_)
        forget_requesters();
}

/// What was granted to requesters under another global setting is granted no more.
void smmu::forget_requesters() {
    invalidation everything;
    everything.kind = invalidation::what::configuration;
    invalidate(everything);
}

void smmu::reset_model() {
    configurations_.clear();
    configurations_.lookups = configurations_.hits = 0;
    intermediate_.cache().lookups = intermediate_.cache().hits = 0;
    for (auto* walks : {&stage1_walks_, &stage2_walks_})
        for (unsigned level = 0; level < walks->levels(); ++level)
            walks->at(level).lookups = walks->at(level).hits = 0;
    stage1_walks_.clear();
    stage2_walks_.clear();
    intermediate_.clear();
    enabled_ = consuming_ = hung_ = writing_ = false;
    events_ = {};
    held_ = {};
    counts_ = {};
}

void smmu::count_what_matters() {
    add_counter("config_cache_lookups", "look-ups in the configuration cache", configurations_.lookups);
    add_counter("config_cache_hits", "look-ups that the configuration cache answered", configurations_.hits);
    static constexpr const char* names[2][3][2] = {{{"s1_level_0_cache_lookups", "s1_level_0_cache_hits"},
                                                    {"s1_level_1_cache_lookups", "s1_level_1_cache_hits"},
                                                    {"s1_level_2_cache_lookups", "s1_level_2_cache_hits"}},
                                                   {{"s2_level_0_cache_lookups", "s2_level_0_cache_hits"},
                                                    {"s2_level_1_cache_lookups", "s2_level_1_cache_hits"},
                                                    {"s2_level_2_cache_lookups", "s2_level_2_cache_hits"}}};
    for (unsigned stage = 0; stage < 2; ++stage)
        for (unsigned level = 0; level < 3; ++level) {
            const auto& cache = (stage == 0 ? stage1_walks_ : stage2_walks_).at(level);
            add_counter(names[stage][level][0], "look-ups in the walk cache of this stage and level", cache.lookups);
            add_counter(names[stage][level][1], "look-ups that it answered", cache.hits);
        }
    add_counter("ipa_cache_lookups", "look-ups in the cache of stage 2 translations", intermediate_.cache().lookups);
    add_counter("ipa_cache_hits", "look-ups that it answered", intermediate_.cache().hits);
    add_counter("commands", "commands executed", counts_.commands);
    add_counter("tlb_invalidation_commands", "CMD_TLBI_* executed", counts_.tlb_invalidations);
    add_counter("config_invalidation_commands", "CMD_CFGI_* executed", counts_.configuration_invalidations);
    add_counter("syncs", "CMD_SYNC executed", counts_.syncs);
    add_counter("command_busy_ps", "time in which the Command queue was being worked on", counts_.command_busy_ps);
    add_counter("command_errors", "commands that stopped the queue", counts_.command_errors);
    add_counter("events", "event records written", counts_.events);
    add_counter("events_lost", "event records lost: queue full, disabled or unreachable", counts_.events_lost);
    add_counter("messages", "MSIs sent", counts_.messages);
    add_counter("wake_ups", "CMD_SYNC completions signalled by an event to the PEs", counts_.wake_ups);
}

void smmu::trace(waveform_writer& writer) {
    iommu::trace(writer);
    const std::string scope = std::string(name());
    commands_probe_.attach(&writer, scope + ".commands", "consuming", 1);
    events_probe_.attach(&writer, scope + ".events", "writing", 1);
    overflow_probe_.attach(&writer, scope + ".events", "overflow", 1);
}

wrapping_ring smmu::ring_of(std::uint64_t base, unsigned most_log2, unsigned entry_bytes) {
    // 6.3.25: a LOG2SIZE beyond IDR1's limit behaves as the limit
    return {.log2_entries = std::min(static_cast<unsigned>(queue_base::LOG2SIZE.of(base)), most_log2),
            .entry_bytes = entry_bytes};
}

/// 6.3.25: the base is aligned to the queue's size, at least 32 bytes; lower bits are taken as 0.
std::uint64_t smmu::base_of(std::uint64_t base, const wrapping_ring& ring) {
    const std::uint64_t bytes = std::uint64_t{ring.entry_bytes} << ring.log2_entries;
    return queue_base::ADDR.of(base) & ~(std::max<std::uint64_t>(bytes, 32) - 1);
}

} // namespace iommulab::smmu_v3
