// SPDX-License-Identifier: Apache-2.0
// The engine: an IOMMU without an architecture. A model derives from it and says what a translation is; when things
// happen, and what waits for what, is decided here, the same for all.
#pragma once

#include "models/core/fifo.h"
#include "models/core/invalidation.h"
#include "models/core/iommu_module.h"
#include "models/core/registers.h"
#include "models/core/scheduler.h"
#include "models/core/stall_buffer.h"
#include "models/core/tlb.h"
#include "models/core/walk_context.h"
#include "models/core/waveform.h"

#include <systemc>
#include <tlm>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace iommulab {

class upstream_port;
class transaction;
struct engine_state;

/// What iommu_module says, done once for all models.
class iommu : public iommu_module {
  public:
    /// `interrupts`: the number of wired interrupts. The bank must outlive the module.
    iommu(sc_core::sc_module_name name, const iommu_parameters& parameters, register_bank& registers,
          std::size_t interrupts);
    ~iommu() override;

    tlm::tlm_target_socket<64>& upstream(std::size_t port = 0) override;
    tlm::tlm_initiator_socket<64>& downstream(std::size_t port = 0) override;
    tlm::tlm_initiator_socket<64>& tables() override;
    tlm::tlm_target_socket<64>& registers_socket() override;
    [[nodiscard]] const iommu_parameters& parameters() const override { return parameters_; }
    [[nodiscard]] const access_statistics& statistics() const override;
    [[nodiscard]] std::vector<counter> counters() const override;
    interrupt_port& interrupt(std::size_t n) override;
    [[nodiscard]] bool idle() const override;
    void trace(waveform_writer& writer) override;
    void reset() override;
    void on_access(access_observer told) override;
    void on_commands(std::function<bool()> hangs) override { commands_hang_ = std::move(hangs); }
    std::optional<translation> probe(const access& a, fault* why = nullptr) override;

  protected:
    // --- what a model says
    /// The translation of one access, in place: a copy would cost as much as reading a level. `page` is fresh from its
    /// constructor. False: refused, see walk_context::refuse(). Runs in all three modes.
    virtual walk<bool> translate(walk_context& context, const access& a, translation& page) = 0;
    /// A fault was decided; the model records it (usually by spawning the write of an event). `stall_tag` names the
    /// access in the stall buffer when it waits for software. Never called for a debug access.
    virtual void report(const access& a, const fault& f, std::uint32_t stall_tag) = 0;
    /// An invalidation took effect: the model drops what its own caches hold of it. Returns entries dropped.
    virtual std::uint32_t invalidate_caches(const invalidation& i) = 0;
    /// Back to power-on state, apart from the registers.
    virtual void reset_model() = 0;

    // --- what a model asks for
    /// Runs work in the background: commands, event writes. It gets a context of its own.
    void spawn(walk<void> (*work)(iommu&, walk_context&));
    template <class Model, walk<void> (Model::*Work)(walk_context&)>
    void spawn() {
        spawn([](iommu& self, walk_context& c) { return (static_cast<Model&>(self).*Work)(c); });
    }
    /// A hint, for background work: translates as an access would be, so that the shared caches hold what it needs. It
    /// takes a walker like any other miss; what is refused is not reported.
    walk<void> translate_ahead(walk_context& background, access a);
    /// Removes translations or configuration from every structure now. Accesses that use them already are waited for by
    /// walk_context::drain. Returns entries dropped.
    std::uint32_t invalidate(const invalidation& i);
    /// What memory holds at `address` now, without time or a trace: for caches that snoop, whose entries are void once
    /// memory differs. `bytes` as for walk_context::read_words; false: a bus error.
    bool look_at_memory(std::uint64_t address, std::uint32_t bytes, std::array<std::uint64_t, 8>& words);
    /// Software's verdict on a stalled access; false: no access has this tag (and source).
    using verdict = stall_verdict;
    bool resume_stalled(std::uint32_t stall_tag, std::uint32_t source_id, verdict v);
    /// Ends every stalled access of a source.
    void terminate_stalled(std::uint32_t source_id, verdict v);
    /// Software has announced commands: whether the model must not consume any until it does so again.
    [[nodiscard]] bool commands_hang() { return commands_hang_ && commands_hang_(); }
    /// How wide the bus's names are: a source id or PASID that does not fit names nobody, and is refused before the
    /// model sees it. Not told, source ids have 32 bits and PASIDs 20.
    void names_have(unsigned source_id_bits, unsigned pasid_bits);
    /// Can the bus say who asks?
    [[nodiscard]] bool can_name(const access& a) const {
        return (a.source_id & ~source_id_mask_) == 0 && (!a.has_pasid || (a.pasid & ~pasid_mask_) == 0);
    }
    void set_interrupt(std::size_t n, bool level);
    void pulse_interrupt(std::size_t n);
    void add_counter(const char* name, const char* text, const std::uint64_t& value);
    [[nodiscard]] register_bank& registers() { return registers_; }
    [[nodiscard]] scheduler& clock();
    [[nodiscard]] waveform_writer* waves() const { return waves_; }

  private:
    friend class upstream_port;
    friend class transaction;
    iommu_parameters parameters_;
    std::uint32_t source_id_mask_ = ~0U, pasid_mask_ = 0xf'ffff;
    register_bank& registers_;
    waveform_writer* waves_ = nullptr;
    std::function<bool()> commands_hang_;
    std::unique_ptr<engine_state> engine_;
    std::vector<std::unique_ptr<interrupt_port>> interrupts_;
    std::vector<bool> interrupt_levels_;
    std::vector<iommulab::probe> interrupt_probes_, register_probes_;
    fifo<std::size_t> pulses_;
};

} // namespace iommulab
