// SPDX-License-Identifier: Apache-2.0
// The module: its registers' behaviour (publication 48882, 3.4), reset, counters, waveforms.
#include "models/amd_vi/amd_vi.h"

#include <algorithm>
#include <string>
#include <utility>

namespace iommulab::amd_vi {

namespace {

const amd_vi_parameters& checked(const amd_vi_parameters& p) {
    const std::string complaint = complaint_about(p.extended_feature);
    if (!complaint.empty())
        throw parameter_error(complaint);
    return p;
}

constexpr bool both(std::uint64_t control_register, const bit_field& enable) {
    return control::IommuEn.of(control_register) && enable.of(control_register);
}

} // namespace

detail::register_holder::register_holder(std::uint64_t extended_feature) : bank(amd_vi::registers()) {
    bank.set_reset(reg::ExtendedFeature, extended_feature);
    bank.reset();
}

amd_iommu::amd_iommu(sc_core::sc_module_name name, const amd_vi_parameters& parameters)
    : detail::register_holder(checked(parameters).extended_feature),
      iommu(name, parameters, bank, 1),
      own_(parameters),
      features_(features::of(parameters.extended_feature)),
      devices_(parameters.device_table_cache),
      directories_(0, parameters.directory_cache),
      guest_directories_(0, parameters.guest_directory_cache) {
    names_have(record::DeviceID.width, record::PASID_15_0.width + record::PASID_19_16.width);
    connect_registers();
    count_what_matters();
}

void amd_iommu::connect_registers() {
    bank.on_write(reg::Control,
                  [this](unsigned, std::uint64_t before, std::uint64_t written) { write_control(before, written); });
    bank.on_write(reg::CommandBufferTail, [this](unsigned, std::uint64_t, std::uint64_t) {
        hung_ = commands_hang();
        kick_commands();
    });
    bank.on_write(reg::Status, [this](unsigned, std::uint64_t, std::uint64_t) { refresh_interrupts(); });
    // what was granted outside or inside of another exclusion range is granted no more
    for (const auto* r : {&reg::ExclusionBase, &reg::ExclusionLimit})
        bank.on_write(*r, [this](unsigned, std::uint64_t before, std::uint64_t written) {
            if (before != written)
                forget_requesters();
        });
    if (!features_.msi_in_mmio)
        for (const auto* r : {&reg::MSICapabilityHeader, &reg::MSIAddressLow, &reg::MSIAddressHigh, &reg::MSIData})
            bank.on_write(*r, [this, r](unsigned, std::uint64_t before, std::uint64_t) { bank.set(*r, before); });
}

/// 3.4.4: a queue runs from the moment at which both its own enable and IommuEn are set, until one is cleared or an
/// error stops it.
void amd_iommu::write_control(std::uint64_t before, std::uint64_t written) {
    written &= features_.control_bits;
    bank.set(reg::Control, written);
    for (const auto& [enable, run] :
         {std::pair{control::EventLogEn, status::EventLogRun}, std::pair{control::CmdBufEn, status::CmdBufRun},
          std::pair{control::PPRLogEn, status::PPRLogRun}})
        if (both(before, enable) != both(written, enable))
            bank.set(reg::Status, run, both(written, enable));
    enabled_ = control::IommuEn.of(written) != 0;
    guest_translation_ = control::GTEn.of(written) != 0;
    if (((before ^ written) & (control::IommuEn.make(1) | control::GTEn.make(1))) != 0)
        forget_requesters();
    refresh_interrupts();
    kick_commands();
}

/// What was granted to requesters under another global setting is granted no more.
void amd_iommu::forget_requesters() {
    invalidation all;
    all.kind = invalidation::what::configuration;
    invalidate(all);
}

void amd_iommu::reset_model() {
    devices_.clear();
    devices_.lookups = devices_.hits = 0;
    for (walk_cache_set* set : {&directories_, &guest_directories_}) {
        for (unsigned level = 0; level < set->levels(); ++level)
            set->at(level).lookups = set->at(level).hits = 0;
        set->clear();
    }
    enabled_ = guest_translation_ = consuming_ = hung_ = writing_ = writing_requests_ = false;
    events_ = {};
    page_requests_ = {};
    reported_.clear();
    interrupting_ = 0;
    counts_ = {};
}

void amd_iommu::count_what_matters() {
    add_counter("device_table_cache_lookups", "look-ups in the cache of device table entries", devices_.lookups);
    add_counter("device_table_cache_hits", "look-ups that it answered", devices_.hits);
    static constexpr const char* names[amd_v1::walk_cache_levels][2] = {
        {"directory_level_6_lookups", "directory_level_6_hits"},
        {"directory_level_5_lookups", "directory_level_5_hits"},
        {"directory_level_4_lookups", "directory_level_4_hits"},
        {"directory_level_3_lookups", "directory_level_3_hits"},
        {"directory_level_2_lookups", "directory_level_2_hits"}};
    for (unsigned level = 0; level < amd_v1::walk_cache_levels; ++level) {
        add_counter(names[level][0], "look-ups in the cache of directory entries of this level",
                    directories_.at(level).lookups);
        add_counter(names[level][1], "look-ups that it answered", directories_.at(level).hits);
    }
    static constexpr const char* guest_names[guest_cache_levels][2] = {
        {"guest_directory_level_5_lookups", "guest_directory_level_5_hits"},
        {"guest_directory_level_4_lookups", "guest_directory_level_4_hits"},
        {"guest_directory_level_3_lookups", "guest_directory_level_3_hits"},
        {"guest_directory_level_2_lookups", "guest_directory_level_2_hits"}};
    for (unsigned level = 0; level < guest_cache_levels; ++level) {
        add_counter(guest_names[level][0], "look-ups in the cache of guests' directory entries of this level",
                    guest_directories_.at(level).lookups);
        add_counter(guest_names[level][1], "look-ups that it answered", guest_directories_.at(level).hits);
    }
    add_counter("commands", "commands executed", counts_.commands);
    add_counter("completion_waits", "COMPLETION_WAIT executed", counts_.completion_waits);
    add_counter("page_invalidation_commands", "INVALIDATE_IOMMU_PAGES executed", counts_.page_invalidations);
    add_counter("device_invalidation_commands", "INVALIDATE_DEVTAB_ENTRY executed", counts_.device_invalidations);
    add_counter("command_errors", "commands that stopped the command buffer", counts_.command_errors);
    add_counter("command_busy_ps", "time in which commands were being executed", counts_.command_busy_ps);
    add_counter("events", "event log entries written", counts_.events);
    add_counter("events_lost", "events lost: log full, not running or unreachable", counts_.events_lost);
    add_counter("events_suppressed", "page faults that DTE.SE or SA kept out of the log", counts_.events_suppressed);
    add_counter("page_requests", "PPR log entries written", counts_.page_requests);
    add_counter("page_requests_lost", "page requests lost: log full or not running", counts_.page_requests_lost);
    add_counter("messages", "interrupt messages sent", counts_.messages);
}

void amd_iommu::trace(waveform_writer& writer) {
    iommu::trace(writer);
    const std::string scope = std::string(name());
    commands_probe_.attach(&writer, scope + ".commands", "consuming", 1);
    events_probe_.attach(&writer, scope + ".events", "writing", 1);
    overflow_probe_.attach(&writer, scope + ".events", "overflow", 1);
}

plain_ring amd_iommu::ring_of(std::uint64_t base) {
    static_assert(command::bytes == record::bytes && record::bytes == page_request::bytes);
    const auto len = std::max(static_cast<unsigned>(ring_base::Len.of(base)), ring_base::least_len);
    return {.bytes = std::uint64_t{command::bytes} << len, .entry_bytes = command::bytes};
}

/// A head or tail pointer; one beyond the ring is taken modulo its size.
std::uint64_t amd_iommu::pointer(std::uint64_t value, const plain_ring& ring) {
    return ring_pointer::Ptr.of(value) & (ring.bytes - 1);
}

} // namespace iommulab::amd_vi
