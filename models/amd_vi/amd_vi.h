// SPDX-License-Identifier: Apache-2.0
// AMD I/O Virtualization Technology (IOMMU): publication 48882, revision 3.05.
//
// Models: the device table with every Mode, V, TV, IR and IW, IoCtl, IntCtl, SysMgt, EX, SE, SA, I; host page tables of
// one to six levels with every page size and skipped levels; guest tables of four and five levels by PASID (GCR3),
// alone and over host tables, with A and D; the exclusion range; special addresses; the command buffer with its errors;
// the event log and the page request log with overflow; the hardware event registers; the completion store and
// interrupts, as messages or as a wire; caches of device table entries, page directories and translations.
//
// Does not: interrupt remapping and guest virtual APIC (interrupt messages that DTE.IntCtl lets pass go on as they
// are); updates of A and D in host tables (HASup, HDSup); SMI filter, MARC, device table segments, dual logs, PPR auto
// response, vIOMMU, SNP; performance counters (the counters are there, as statistics); ATS translation requests with an
// answer of their own and traffic of device TLBs (INVALIDATE_IOTLB_PAGES and COMPLETE_PPR_REQUEST complete at once);
// snoop and coherency attributes of the accesses that leave (SD, FC, AttrV, Coherent, Isoc).
#pragma once

#include "models/amd_vi/device_table.h"
#include "models/amd_vi/features.h"
#include "models/amd_vi/page_request.h"
#include "models/amd_vi/parameters.h"
#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/events.h"
#include "models/amd_vi/spec/registers.h"
#include "models/amd_vi/special_addresses.h"
#include "models/core/fifo.h"
#include "models/core/iommu.h"
#include "models/core/ring.h"
#include "models/core/walk_cache.h"
#include "models/pagetables/amd_v1_walk.h"
#include "models/pagetables/x86_64_walk.h"

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

namespace iommulab::amd_vi {

namespace detail {
/// The bank must exist before the module that the base class makes.
struct register_holder {
    explicit register_holder(std::uint64_t extended_feature);
    register_bank bank;
};
} // namespace detail

class amd_iommu : private detail::register_holder, public iommu {
  public:
    /// Throws parameter_error when the feature register promises what the model doesn't do (see complaint_about).
    explicit amd_iommu(sc_core::sc_module_name name, const amd_vi_parameters& parameters = {});

    [[nodiscard]] const amd_vi_parameters& model_parameters() const { return own_; }
    [[nodiscard]] const features& implemented() const { return features_; }
    /// The one interrupt: an edge for each reason (event log, completion, page request log) that comes up.
    [[nodiscard]] std::vector<const char*> interrupt_names() const override { return {"iommu"}; }
    void trace(waveform_writer& writer) override;

    /// A device asks for a page: an entry of the PPR log, or INVALID_PPR_REQUEST (2.6, 2.5.10).
    void request_page(const page_request_message& request);

  protected:
    walk<bool> translate(walk_context& context, const access& a, translation& page) override;
    void report(const access& a, const fault& f, std::uint32_t stall_tag) override;
    std::uint32_t invalidate_caches(const invalidation& i) override;
    void reset_model() override;

  private:
    // translation.cpp, guest_translation.cpp
    bool translate_plainly(walk_context& context, const access& a, device_configuration c, translation& page);
    walk<bool> translate_device(walk_context& context, const access& a, translation& page,
                                const device_configuration* known);
    walk<bool> translate_guest(walk_context& context, const access& as_it_came, const device_configuration& c,
                               translation& page);
    walk<bool> find_configuration(walk_context& context, std::uint32_t source_id, const access& a,
                                  device_configuration& c);
    bool refuse(walk_context& context, const access& a, const device_configuration& c, fault f);
    bool pass_special(walk_context& context, const access& a, const device_configuration& c, translation& page,
                      bool& refused);
    void confine(translation& page, std::uint64_t address) const;
    [[nodiscard]] address_range exclusion_range() const;
    [[nodiscard]] configuration_source source() const;
    static cache_key configuration_key(std::uint32_t source_id);

    // commands.cpp
    using command_words = std::array<std::uint64_t, 8>;
    void kick_commands();
    walk<void> consume_commands(walk_context& context);
    walk<bool> execute(walk_context& context, const command_words& w);
    walk<bool> complete(walk_context& context, const command_words& w);
    walk<void> prefetch(walk_context& context, const command_words& w);
    void invalidate_pages(std::uint32_t domain, bool guest, std::uint32_t pasid, std::uint64_t address, bool sized,
                          bool with_directories);
    void invalidate_devices(const invalidation& which);
    [[nodiscard]] bool is_legal(const command_words& w) const;
    [[nodiscard]] bool commands_may_run() const;
    void stop_commands(event e, std::uint64_t address);

    // events.cpp
    walk<void> write_events(walk_context& context);
    walk<void> write_event(walk_context& context, const fault& f);
    walk<void> write_page_requests(walk_context& context);
    walk<void> write_page_request(walk_context& context, const page_request_message& m);
    walk<void> send_interrupt(walk_context& context);
    void kick_events();
    void keep_hardware_event(const fault& f);
    void set_status(const bit_field& bit);
    void refresh_interrupts();

    // amd_vi.cpp
    void connect_registers();
    void write_control(std::uint64_t before, std::uint64_t written);
    void forget_requesters();
    void count_what_matters();
    [[nodiscard]] static plain_ring ring_of(std::uint64_t base);
    [[nodiscard]] static std::uint64_t pointer(std::uint64_t value, const plain_ring& ring);

    amd_vi_parameters own_;
    features features_;
    structure_cache<device_configuration> devices_;
    walk_cache_set directories_, guest_directories_;

    bool enabled_ = false;           ///< Control.IommuEn
    bool guest_translation_ = false; ///< Control.GTEn
    bool consuming_ = false;         ///< consume_commands runs
    bool hung_ = false;              ///< it must not: commands_hang()
    bool writing_ = false;           ///< write_events runs
    bool writing_requests_ = false;  ///< write_page_requests runs
    fifo<fault> events_;             ///< entries to write, in order
    fifo<page_request_message> page_requests_;
    std::unordered_set<std::uint32_t> reported_; ///< devices with SE of which a page fault was reported
    unsigned interrupting_ = 0;                  ///< reasons to interrupt that are up: bits

    std::uint64_t consuming_since_ps_ = 0;
    struct {
        std::uint64_t commands = 0, completion_waits = 0, page_invalidations = 0, device_invalidations = 0,
                      command_errors = 0, command_busy_ps = 0, events = 0, events_lost = 0, events_suppressed = 0,
                      page_requests = 0, page_requests_lost = 0, messages = 0;
    } counts_;
    iommulab::probe commands_probe_, events_probe_, overflow_probe_;
};

} // namespace iommulab::amd_vi
