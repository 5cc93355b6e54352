// SPDX-License-Identifier: Apache-2.0
// DMA remapping unit of Intel Virtualization Technology for Directed I/O: the Architecture Specification, revision 4.1,
// cited by the titles of its sections, as their numbers differ between revisions.
//
// Models: legacy mode (root and context tables, all translation types) and scalable mode (PASID directories and tables,
// RID_PASID; first stage of 4 and 5 levels, second stage, nested, pass-through), abort-DMA mode; second-stage tables of
// 3, 4 and 5 levels with 4 KiB, 2 MiB and 1 GiB pages; accessed, extended accessed and dirty bits of both stages;
// domain ids, PASIDs; context cache, PASID cache, paging-structure caches of each stage and level, a cache of
// second-stage translations for nested walks, IOTLB; invalidation by register and by queue (128 and 256 bits), all
// granularities, address mask and invalidation hint, read and write drain; wait descriptors with status write,
// interrupt and fence; queue errors; fault recording registers with FPD, collapsing and overflow; the fault and
// invalidation completion events; protected memory ranges; the interrupt address range.
//
// Does not: interrupt remapping (IRTA and the GCMD bits that belong to it are storage; interrupt entry cache
// descriptors complete at once; writes to the interrupt address range pass) and posted interrupts; device TLBs (ECAP.DT
// can be set: their invalidation completes at once, and translated requests pass where DTE or TT allows them) and page
// requests (the page request queue stays empty); advanced fault logging; virtual, enhanced and performance-monitoring
// commands; caching of entries that are not present (CAP.CM = 1 allows it, and asks software for no less); memory types
// and snoop behaviour of what leaves.
#pragma once

#include "models/core/fifo.h"
#include "models/core/iommu.h"
#include "models/core/ring.h"
#include "models/core/walk_cache.h"
#include "models/vtd/configuration.h"
#include "models/vtd/features.h"
#include "models/vtd/parameters.h"
#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"

#include <array>
#include <cstdint>
#include <vector>

namespace iommulab::vtd {

/// Events, by the number of their wired interrupt; each is a pulse. The unit sends messages: one whose address is in
/// the interrupt address range goes out on the wire, as what would take it (a local APIC) is outside.
enum class unit_event : std::uint8_t { fault, invalidation, page_request };

namespace detail {
/// The bank must exist before the module that the base class makes.
struct register_holder {
    explicit register_holder(const id_registers& id);
    register_bank bank;
};
} // namespace detail

class remapping_unit : private detail::register_holder, public iommu {
  public:
    /// Throws parameter_error when the identification registers promise what the model doesn't do (see
    /// complaint_about).
    explicit remapping_unit(sc_core::sc_module_name name, const unit_parameters& parameters = {});

    [[nodiscard]] const unit_parameters& model_parameters() const { return own_; }
    [[nodiscard]] const features& implemented() const { return features_; }
    [[nodiscard]] std::vector<const char*> interrupt_names() const override {
        return {"fault", "invalidation", "page_request"};
    }
    void trace(waveform_writer& writer) override;

  protected:
    walk<bool> translate(walk_context& context, const access& a, translation& page) override;
    void report(const access& a, const fault& f, std::uint32_t stall_tag) override;
    std::uint32_t invalidate_caches(const invalidation& i) override;
    void reset_model() override;

  private:
    // translation.cpp
    bool translate_plainly(walk_context& context, access a, request_configuration c, translation& page);
    walk<bool> translate_remapped(walk_context& context, access a, translation& page,
                                  const context_configuration* known_context);
    bool is_within_width(walk_context& context, const access& a, const request_configuration& c) const;
    static bool conclude(walk_context& context, const access& a, const request_configuration& c, fault_reason reason,
                         translation& page);
    walk<bool> find_configuration(walk_context& context, access& a, request_configuration& c,
                                  const context_configuration* known_context);
    walk<bool> find_pasid_configuration(walk_context& context, const context_configuration& from, access& a,
                                        request_configuration& c);
    walk<bool> walk_stages(walk_context& context, const access& a, request_configuration& c, translation& page,
                           fault_reason& reason);
    bool bypass(walk_context& context, const access& a, translation& page) const;
    bool pass_through(walk_context& context, const access& a, const request_configuration& c, translation& page) const;
    [[nodiscard]] bool is_protected(std::uint64_t address) const;
    [[nodiscard]] bool is_protected(const translation& t) const;
    [[nodiscard]] translation around_protected(translation t, std::uint64_t address) const;
    static cache_key context_key(std::uint32_t source_id);
    static cache_key pasid_key(std::uint32_t source_id, std::uint32_t pasid);

    // commands.cpp
    using descriptor_words = std::array<std::uint64_t, 8>;
    void kick_queue();
    [[nodiscard]] bool queue_may_run() const;
    [[nodiscard]] iqercd::error check_tail() const;
    walk<void> consume_descriptors(walk_context& context);
    walk<void> execute(walk_context& context, const descriptor_words& w);
    walk<void> complete_wait(walk_context& context, const descriptor_words& w);
    [[nodiscard]] iqercd::error check(const descriptor_words& w) const;
    void queue_failed(iqercd::error e);
    void invalidate_context(granularity g, std::uint32_t domain, std::uint32_t source_id, unsigned function_mask);
    void invalidate_pasid_cache(pasid_cache_granularity g, std::uint32_t domain, std::uint32_t pasid);
    void invalidate_iotlb(granularity g, std::uint32_t domain, std::uint64_t address, unsigned mask, bool hint);
    void invalidate_pasid_iotlb(pasid_iotlb_granularity g, std::uint32_t domain, std::uint32_t pasid,
                                std::uint64_t address, unsigned mask, bool hint);
    void forget_everything();
    void write_ccmd(std::uint64_t before, std::uint64_t written);
    void write_iotlb(std::uint64_t before, std::uint64_t written);
    walk<void> run_context_command(walk_context& context);
    walk<void> run_iotlb_command(walk_context& context);

    // events.cpp
    void write_fsts();
    void write_fault_record();
    void write_control(unit_event e);
    walk<void> record_faults(walk_context& context);
    void record(const fault& f);
    void raise_fault_status(const bit_field& status);
    void settle_fault_event();
    void signal(unit_event e);
    walk<void> send_messages(walk_context& context);

    // vtd.cpp
    void connect_registers();
    void write_gcmd(std::uint64_t written);
    void set_status(const bit_field& status, bool on) { bank.set(reg::GSTS, status, on); }
    void take_root_table();
    void count_what_matters();

    unit_parameters own_;
    features features_;
    structure_cache<context_configuration> contexts_;
    structure_cache<request_configuration> pasids_;
    walk_cache_set first_stage_, second_stage_;
    second_stage_cache nested_;

    std::uint32_t dropped_ = 0;    ///< configurations that the invalidation under way has dropped
    bool enabled_ = false;         ///< GSTS.TES
    std::uint64_t root_table_ = 0; ///< as taken over by GCMD.SRTP
    rtaddr::table_mode mode_ = rtaddr::table_mode::legacy;
    bool consuming_ = false;    ///< consume_descriptors runs
    bool hung_ = false;         ///< it must not: commands_hang()
    bool drain_owed_ = false;   ///< an invalidation asked for a drain, and no wait descriptor has come since
    bool recording_ = false;    ///< record_faults runs
    bool sending_ = false;      ///< send_messages runs
    unsigned next_record_ = 0;  ///< the fault recording register to fill next
    fifo<fault> faults_;        ///< to be recorded, in order
    fifo<unit_event> messages_; ///< to be sent

    std::uint64_t consuming_since_ps_ = 0;
    struct {
        std::uint64_t descriptors = 0, waits = 0, tlb_invalidations = 0, configuration_invalidations = 0,
                      queue_errors = 0, queue_busy_ps = 0, faults_recorded = 0, faults_collapsed = 0, faults_lost = 0,
                      messages = 0;
    } counts_;
    iommulab::probe queue_probe_, faults_probe_, overflow_probe_;
};

} // namespace iommulab::vtd
