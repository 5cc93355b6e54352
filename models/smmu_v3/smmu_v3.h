// SPDX-License-Identifier: Apache-2.0
// Arm System Memory Management Unit, version 3: Arm IHI 0070, architecture versions 3.0 to 3.2, Non-secure programming
// interface.
//
// Models: linear and 2-level Stream tables; STE.Config abort, bypass, stage 1, stage 2, both; linear and 2-level
// context descriptor tables, SubstreamIDs, S1DSS; VMSAv8-64 tables with granules of 4K, 16K and 64K; HTTU; ASID, VMID
// and global TLB entries, NS-EL1, NS-EL2 and NS-EL2-E2H StreamWorlds; combined configuration cache; walk caches per
// stage and level, and a cache of stage 2 translations; terminate and stall fault models with CMD_RESUME and
// CMD_STALL_TERM; the Command queue with range invalidation; the Event queue with overflow; GERROR; wired interrupts
// and MSIs; GBPA.
//
// Does not: Secure, Realm and root interfaces (StreamIDs are Non-secure whatever the sideband says of security);
// AArch32 tables (IDR0.TTF = 2) and big-endian tables (IDR0.TTENDIAN = 2); ATS translation requests with an answer of
// their own, ATC invalidation traffic and page requests (IDR0.ATS and PRI can be set: CMD_ATC_INV and CMD_PRI_RESP then
// complete at once and PRIQ stays empty); BTM, ATOS, VATOS, VMW, MPAM, DPT, E0PD, S2FWB, ECMDQ, LPA2 (IDR5.DS); merging
// of events (STE.MEV); memory types and shareability of the accesses that leave, except where a rule depends on them
// (S2PTW); PMCG registers (the counters are named after its events).
#pragma once

#include "models/core/fifo.h"
#include "models/core/iommu.h"
#include "models/core/ring.h"
#include "models/core/walk_cache.h"
#include "models/pagetables/arm_vmsa_walk.h"
#include "models/smmu_v3/configuration.h"
#include "models/smmu_v3/features.h"
#include "models/smmu_v3/parameters.h"
#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"

#include <array>
#include <cstdint>

namespace iommulab::smmu_v3 {

/// Wired interrupts, by their number (3.18); each is a pulse.
enum class wired_interrupt : std::uint8_t { eventq, priq, cmdq_sync, gerror };

namespace detail {
/// The bank must exist before the module that the base class makes.
struct register_holder {
    explicit register_holder(const id_registers& id);
    register_bank bank;
};
} // namespace detail

class smmu : private detail::register_holder, public iommu {
  public:
    /// Throws parameter_error when the ID registers promise what the model doesn't do (see complaint_about).
    explicit smmu(sc_core::sc_module_name name, const smmu_parameters& parameters = {});

    [[nodiscard]] const smmu_parameters& model_parameters() const { return own_; }
    [[nodiscard]] const features& implemented() const { return features_; }
    [[nodiscard]] std::vector<const char*> interrupt_names() const override {
        return {"eventq", "priq", "cmdq_sync", "gerror"};
    }
    void trace(waveform_writer& writer) override;

  protected:
    walk<bool> translate(walk_context& context, const access& a, translation& page) override;
    void report(const access& a, const fault& f, std::uint32_t stall_tag) override;
    std::uint32_t invalidate_caches(const invalidation& i) override;
    void reset_model() override;

  private:
    // translation.cpp
    walk<bool> translate_special(walk_context& context, const access& a, translation& page);
    bool translate_plainly(walk_context& context, const access& a, const stream_configuration& known,
                           translation& page);
    walk<bool> translate_stream(walk_context& context, const access& a, translation& page,
                                const stream_configuration* known);
    walk<bool> find_configuration(walk_context& context, const access& a, stream_configuration& c);
    static event apply_ats(const access& a, stream_configuration& c);
    bool bypass_globally(walk_context& context, const access& a, translation& page) const;
    bool pass_or_abort(walk_context& context, const access& a, const stream_configuration& c, translation& page) const;
    [[nodiscard]] configuration_source source();
    [[nodiscard]] arm_vmsa::walk_caches caches() { return {&stage1_walks_, &stage2_walks_, &intermediate_}; }
    static cache_key configuration_key(const access& a);

    // commands.cpp
    using command_words = std::array<std::uint64_t, 8>;
    void kick_commands();
    walk<void> consume_commands(walk_context& context);
    walk<void> execute(walk_context& context, const command_words& w);
    walk<void> prefetch(walk_context& context, const command_words& w);
    walk<void> synchronise(walk_context& context);
    walk<void> signal_completion(walk_context& context, const command_words& w);
    [[nodiscard]] command_error check(const command_words& w) const;
    [[nodiscard]] bool commands_may_run() const;
    [[nodiscard]] bool range_of(const command_words& w, invalidation& i) const;
    [[nodiscard]] invalidation tlb_invalidation(opcode code, const command_words& w) const;
    static invalidation configuration_invalidation(opcode code, const command_words& w);
    void command_failed(command_error e);

    // events.cpp
    walk<void> write_events(walk_context& context);
    walk<void> write_event(walk_context& context, const fault& f);
    walk<void> signal(walk_context& context, wired_interrupt which);
    walk<void> signal_gerror(walk_context& context);
    walk<void> send_message(walk_context& context, std::uint64_t address, std::uint32_t data,
                            const bit_field& on_abort);
    void kick_events();
    void release_held_events();
    void forget_held_events(std::uint32_t source_id);
    void raise(const bit_field& error);
    [[nodiscard]] bool error_is_active(const bit_field& error) const;
    [[nodiscard]] bool event_queue_is_writable() const;

    // smmu_v3.cpp
    void connect_registers();
    void guard(const register_declaration& r, const register_declaration& by, std::uint64_t bits);
    void write_cr0(std::uint64_t before, std::uint64_t written);
    void write_gbpa(std::uint64_t before, std::uint64_t written);
    void acknowledge_cr0();
    void forget_requesters();
    void count_what_matters();
    [[nodiscard]] static wrapping_ring ring_of(std::uint64_t base, unsigned most_log2, unsigned entry_bytes);
    [[nodiscard]] static std::uint64_t base_of(std::uint64_t base, const wrapping_ring& ring);

    smmu_parameters own_;
    features features_;
    structure_cache<stream_configuration> configurations_;
    walk_cache_set stage1_walks_, stage2_walks_;
    second_stage_cache intermediate_;

    bool enabled_ = false;   ///< CR0.SMMUEN
    bool consuming_ = false; ///< consume_commands runs
    bool hung_ = false;      ///< it must not: commands_hang()
    bool writing_ = false;   ///< write_events runs
    fifo<fault> events_;     ///< records to write, in order
    fifo<fault> held_;       ///< records of stalled accesses that the queue had no room for (7.2)

    std::uint64_t consuming_since_ps_ = 0;
    struct {
        std::uint64_t commands = 0, syncs = 0, tlb_invalidations = 0, configuration_invalidations = 0,
                      command_errors = 0, command_busy_ps = 0, events = 0, events_lost = 0, messages = 0, wake_ups = 0;
    } counts_;
    iommulab::probe commands_probe_, events_probe_, overflow_probe_;
};

} // namespace iommulab::smmu_v3
