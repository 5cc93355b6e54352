// SPDX-License-Identifier: Apache-2.0
// The module: its registers' behaviour (VT-d specification, "Register Descriptions"), reset, counters, waveforms.
#include "models/vtd/vtd.h"

#include <string>

namespace iommulab::vtd {

namespace {

const unit_parameters& checked(const unit_parameters& p) {
    const std::string complaint = complaint_about(p.id, p.host_address_bits);
    if (!complaint.empty())
        throw parameter_error(complaint);
    return p;
}

} // namespace

detail::register_holder::register_holder(const id_registers& id) : bank(vtd::registers()) {
    bank.set_reset(reg::VER, id.VER);
    bank.set_reset(reg::CAP, id.CAP);
    bank.set_reset(reg::ECAP, id.ECAP);
    bank.reset();
}

remapping_unit::remapping_unit(sc_core::sc_module_name name, const unit_parameters& parameters)
    : detail::register_holder(checked(parameters).id),
      iommu(name, parameters, bank, 3),
      own_(parameters),
      features_(features::of(parameters.id, parameters.host_address_bits)),
      contexts_(parameters.context_cache),
      pasids_(parameters.pasid_cache),
      first_stage_(0, parameters.first_stage_cache),
      second_stage_(2, parameters.second_stage_cache),
      nested_(parameters.nested_cache) {
    names_have(fault_record::SID.width, fault_record::PV.width);
    connect_registers();
    count_what_matters();
}

void remapping_unit::connect_registers() {
    bank.on_write(reg::GCMD, [this](unsigned, std::uint64_t, std::uint64_t written) {
        bank.set(reg::GCMD, 0); // write only
        write_gcmd(written);
    });
    bank.on_write(reg::CCMD,
                  [this](unsigned, std::uint64_t before, std::uint64_t written) { write_ccmd(before, written); });
    bank.on_write(reg::IOTLB,
                  [this](unsigned, std::uint64_t before, std::uint64_t written) { write_iotlb(before, written); });
    bank.on_write(reg::FSTS, [this](unsigned, std::uint64_t, std::uint64_t) { write_fsts(); });
    bank.on_write(reg::FRCD_HI, [this](unsigned, std::uint64_t, std::uint64_t) { write_fault_record(); });
    bank.on_write(reg::FECTL, [this](unsigned, std::uint64_t, std::uint64_t) { write_control(unit_event::fault); });
    bank.on_write(reg::IECTL,
                  [this](unsigned, std::uint64_t, std::uint64_t) { write_control(unit_event::invalidation); });
    bank.on_write(reg::PECTL,
                  [this](unsigned, std::uint64_t, std::uint64_t) { write_control(unit_event::page_request); });
    bank.on_write(reg::ICS, [this](unsigned, std::uint64_t, std::uint64_t written) {
        if (!ics::IWC.of(written))
            bank.set(reg::IECTL, event_control::IP, 0); // served
    });
    bank.on_write(reg::IQT, [this](unsigned, std::uint64_t, std::uint64_t) {
        hung_ = commands_hang();
        kick_queue();
    });
    bank.on_write(reg::IQA, [this](unsigned, std::uint64_t before, std::uint64_t written) {
        // the queue must be disabled for it to be moved; without scalable mode it has one width
        if (bank.get(reg::GSTS, gsts::QIES))
            bank.set(reg::IQA, before);
        else if (!features_.scalable_mode)
            bank.set(reg::IQA, iqa::DW.put(written, 0));
    });
    bank.on_write(reg::PMEN, [this](unsigned, std::uint64_t before, std::uint64_t written) {
        const bool can = features_.low_protected || features_.high_protected;
        const std::uint64_t enabled = can ? pmen::EPM.of(written) : 0;
        bank.set(reg::PMEN, pmen::EPM.make(enabled) | pmen::PRS.make(enabled));
        if (enabled != pmen::EPM.of(before))
            forget_everything(); // what was granted to requesters is granted no more
    });
    for (const register_declaration* r : {&reg::PLMBASE, &reg::PLMLIMIT, &reg::PHMBASE, &reg::PHMLIMIT})
        bank.on_write(*r, [this, r](unsigned, std::uint64_t before, std::uint64_t) {
            if (pmen::EPM.of(bank.get(reg::PMEN)))
                bank.set(*r, before); // locked while protection is on
        });
}

/// One command at a time, by bits that say what is wanted; GSTS says what has happened.
void remapping_unit::write_gcmd(std::uint64_t written) {
    const bool queue = gcmd::QIE.of(written) && features_.queued_invalidation;
    if (queue != (bank.get(reg::GSTS, gsts::QIES) != 0)) {
        set_status(gsts::QIES, queue);
        if (!queue)
            bank.set(reg::IQH, 0);
    }
    if (gcmd::SRTP.of(written))
        take_root_table();
    if (features_.interrupt_remapping) { // storage: see the header
        set_status(gsts::IRES, gcmd::IRE.of(written) != 0);
        set_status(gsts::CFIS, gcmd::CFI.of(written) != 0);
        if (gcmd::SIRTP.of(written))
            set_status(gsts::IRTPS, true);
    }
    const bool enable = gcmd::TE.of(written) != 0;
    if (enable != enabled_) {
        enabled_ = enable;
        set_status(gsts::TES, enable);
        forget_everything();
    }
    kick_queue(); // WBF has nothing to do: no write of the unit's is ever held back
}

void remapping_unit::take_root_table() {
    const std::uint64_t rtaddr = bank.get(reg::RTADDR);
    root_table_ = rtaddr::RTA.of(rtaddr);
    mode_ = static_cast<rtaddr::table_mode>(rtaddr::TTM.of(rtaddr));
    set_status(gsts::RTPS, true);
    if (features_.root_pointer_invalidates)
        forget_everything();
}

void remapping_unit::reset_model() {
    contexts_.clear();
    pasids_.clear();
    contexts_.lookups = contexts_.hits = pasids_.lookups = pasids_.hits = 0;
    for (auto* walks : {&first_stage_, &second_stage_}) {
        for (unsigned level = 0; level < walks->levels(); ++level)
            walks->at(level).lookups = walks->at(level).hits = 0;
        walks->clear();
    }
    nested_.cache().lookups = nested_.cache().hits = 0;
    nested_.clear();
    enabled_ = consuming_ = hung_ = drain_owed_ = recording_ = sending_ = false;
    root_table_ = 0;
    mode_ = rtaddr::table_mode::legacy;
    next_record_ = 0;
    faults_ = {};
    messages_ = {};
    counts_ = {};
}

void remapping_unit::count_what_matters() {
    add_counter("context_cache_lookups", "look-ups in the context cache", contexts_.lookups);
    add_counter("context_cache_hits", "look-ups that the context cache answered", contexts_.hits);
    add_counter("pasid_cache_lookups", "look-ups in the PASID cache", pasids_.lookups);
    add_counter("pasid_cache_hits", "look-ups that the PASID cache answered", pasids_.hits);
    static constexpr const char* names[2][paging_cache_levels][2] = {
        {{"first_stage_level_5_cache_lookups", "first_stage_level_5_cache_hits"},
         {"first_stage_level_4_cache_lookups", "first_stage_level_4_cache_hits"},
         {"first_stage_level_3_cache_lookups", "first_stage_level_3_cache_hits"},
         {"first_stage_level_2_cache_lookups", "first_stage_level_2_cache_hits"}},
        {{"second_stage_level_5_cache_lookups", "second_stage_level_5_cache_hits"},
         {"second_stage_level_4_cache_lookups", "second_stage_level_4_cache_hits"},
         {"second_stage_level_3_cache_lookups", "second_stage_level_3_cache_hits"},
         {"second_stage_level_2_cache_lookups", "second_stage_level_2_cache_hits"}}};
    for (unsigned stage = 0; stage < 2; ++stage)
        for (unsigned level = 0; level < paging_cache_levels; ++level) {
            const auto& cache = (stage == 0 ? first_stage_ : second_stage_).at(level);
            add_counter(names[stage][level][0], "look-ups in the paging-structure cache of this stage and level",
                        cache.lookups);
            add_counter(names[stage][level][1], "look-ups that it answered", cache.hits);
        }
    add_counter("nested_cache_lookups", "look-ups in the cache of second-stage translations", nested_.cache().lookups);
    add_counter("nested_cache_hits", "look-ups that it answered", nested_.cache().hits);
    add_counter("descriptors", "descriptors executed", counts_.descriptors);
    add_counter("tlb_invalidation_commands", "IOTLB invalidations, by register, descriptor and PASID",
                counts_.tlb_invalidations);
    add_counter("config_invalidation_commands", "context-cache and PASID-cache invalidations",
                counts_.configuration_invalidations);
    add_counter("waits", "wait descriptors executed", counts_.waits);
    add_counter("queue_busy_ps", "time in which the invalidation queue was being worked on", counts_.queue_busy_ps);
    add_counter("queue_errors", "errors that stopped the invalidation queue", counts_.queue_errors);
    add_counter("faults_recorded", "faults in a fault recording register", counts_.faults_recorded);
    add_counter("faults_collapsed", "faults of a source whose record was pending", counts_.faults_collapsed);
    add_counter("faults_lost", "faults without a free register", counts_.faults_lost);
    add_counter("messages", "event messages sent", counts_.messages);
}

void remapping_unit::trace(waveform_writer& writer) {
    iommu::trace(writer);
    const std::string scope = std::string(name());
    queue_probe_.attach(&writer, scope + ".commands", "consuming", 1);
    faults_probe_.attach(&writer, scope + ".events", "recording", 1);
    overflow_probe_.attach(&writer, scope + ".events", "overflow", 1);
}

} // namespace iommulab::vtd
