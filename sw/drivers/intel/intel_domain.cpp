// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/intel_domain.h"

#include "models/vtd/spec/structures.h"
#include "sw/drivers/intel/failures.h"
#include "sw/drivers/intel/intel_driver.h"
#include "sw/drivers/intel/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <mutex>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

namespace {

std::uint64_t last_address(unsigned width) {
    return std::numeric_limits<std::uint64_t>::max() >> (64 - width);
}

bool locked_by_firmware(const device& dev) {
    const auto& regions = dev.description().regions;
    return std::any_of(regions.begin(), regions.end(),
                       [](const reserved_region& r) { return r.type == region_type::direct; });
}

std::unique_ptr<radix_format> format_of(bool first_level) {
    if (first_level)
        return std::make_unique<x86_64_format>(x86_64_format::options{.execute_disable = true});
    return std::make_unique<vtd_second_level_format>();
}

bool context_mapped(const dmar_device& d) {
    return std::all_of(d.rids.begin(), d.rids.end(),
                       [&](std::uint16_t rid) { return d.behind.contexts().present(rid); });
}

} // namespace

intel_domain::intel_domain(kernel& k, intel_driver& driver, domain_type type, bool first_level)
    : domain(driver, type),
      kernel_(k),
      driver_(driver),
      lock_(k.machine()),
      first_level_(first_level),
      format_(format_of(first_level)),
      width_(default_domain_width) {
    tables_ = std::make_unique<radix_tables>(*format_, levels_of_agaw(agaw_of_width(width_)),
                                             static_cast<table_memory&>(*this));
    set_page_sizes(page_bytes);
    set_aperture(0, last_address(width_), true);
}

intel_domain::~intel_domain() {
    if (!kernel_.powered())
        return;
    tables_->release_all();
    for (const unlinked_table& t : unlinked_)
        kernel_.machine().release(t.address, page_bytes);
    for (const std::uint64_t root : skipped_roots_)
        kernel_.machine().release(root, page_bytes);
}

std::uint32_t intel_domain::id_on(dmar_unit& unit) const {
    const auto there = units_.find(&unit);
    return there == units_.end() ? null_domain_id : there->second.domain_id;
}

result<void> intel_domain::attach_dev(device& dev) {
    dmar_device* const d = intel_driver::record_of(dev);
    if (!d)
        return kernel_.fail(row::no_unit, dev.name());
    if (type() == domain_type::unmanaged && locked_by_firmware(dev))
        return kernel_.fail(row::rmrr_locked, dev.name(), "firmware uses memory of the device: not for user space");

    leave_old_domain(*d);
    if (result<void> r = prepare(*d); !r)
        return r;
    if (result<void> r = join_unit(*d); !r)
        return r;
    if (d->attached) // an alias was cleared with another device, so that nothing was blocked: its id there is lost
        std::erase(d->attached->devices_, d);
    d->attached = this;
    {
        const std::lock_guard held(lock_);
        devices_.insert(devices_.begin(), d);
    }
    const bool old = kernel_.version() == kernel_version::v6_0;
    result<void> r;
    if (d->behind.has().scalable) {
        if (old)
            r = driver_.allocate_pasids(*d);
        if (r)
            r = set_pasid_entry(*d);
    }
    if (r)
        r = set_context_entries(*d);
    if (!r) {
        old ? remove(*d) : block(*d);
        return r;
    }
    if (d->behind.has().scalable || type() != domain_type::identity)
        enable_ats(*d);
    return {};
}

void intel_domain::leave_old_domain(dmar_device& d) {
    // Linux 6.0 and 6.1 ask the tables, and take a device for unattached when an entry of an alias is gone.
    if (!d.attached || (kernel_.version() < kernel_version::v6_2 && !context_mapped(d)))
        return;
    if (kernel_.version() == kernel_version::v6_0)
        remove(d);
    else
        block(d);
}

result<void> blocking_domain::attach_dev(device& dev) {
    if (dmar_device* const d = intel_driver::record_of(dev))
        intel_domain::block(*d);
    return {};
}

result<void> intel_domain::prepare(const dmar_device& d) {
    const unit_features& f = d.behind.has();
    if (force_snooping_ && !f.snoop_control)
        return kernel_.fail(row::snoop_not_forced, d.dev.name());
    const unsigned width = f.width();
    if (width < 64 && max_address_ > std::uint64_t{1} << width)
        return kernel_.fail(
            row::too_narrow, d.dev.name(),
            fmt::format("{} bits of addresses are too few for what is mapped up to {:#x}", width, max_address_));
    width_ = width;
    shrinking_ = true;
    while (levels_of_agaw(static_cast<unsigned>(f.agaw)) < tables_->levels())
        tables_->shrink();
    shrinking_ = false;
    return {};
}

result<void> intel_domain::join_unit(dmar_device& d) {
    dmar_unit& unit = d.behind;
    if (kernel_.injection().fires("intel.domain_info.alloc"))
        return kernel_.fail(row::domain_info, d.dev.name());
    const std::lock_guard held(unit.lock());
    if (const auto there = units_.find(&unit); there != units_.end()) {
        ++there->second.devices;
        return {};
    }
    const auto id = unit.domain_ids().allocate(0, unit.has().domain_ids - 1);
    if (!id)
        return kernel_.fail(row::no_domain_id, unit.name(), "no domain id is left");
    if (kernel_.injection().fires("intel.domain_slot.store")) {
        unit.domain_ids().release(*id);
        return kernel_.fail(row::domain_slot, d.dev.name());
    }
    units_.emplace(&unit, place{*id, 1});
    update_capabilities();
    return {};
}

void intel_domain::leave_unit(dmar_unit& unit) {
    const std::lock_guard held(unit.lock());
    const auto there = units_.find(&unit);
    if (there == units_.end() || --there->second.devices != 0)
        return;
    unit.domain_ids().release(there->second.domain_id);
    units_.erase(there);
    update_capabilities();
}

void intel_domain::update_capabilities() {
    coherent_ = units_.empty() ? driver_.coherent_page_walk()
                               : std::all_of(units_.begin(), units_.end(),
                                             [](const auto& u) { return u.first->has().coherent_page_walk; });
    set_page_sizes(page_sizes() | driver_.superpages(first_level_));
    // First level addresses are canonical: half of them is above what software hands out.
    set_aperture(0, last_address(first_level_ ? width_ - 1 : width_), true);
}

result<void> intel_domain::fill_pasid_entry(dmar_device& d, pasid_tables::words entry, std::uint32_t domain_id) {
    constexpr const char* failed = "the PASID entry for requests without PASID could not be set up";
    dmar_unit& unit = d.behind;
    {
        const std::lock_guard held(unit.lock());
        const std::uint64_t at = d.pasids->entry_address(rid_pasid);
        if (at == 0)
            return kernel_.fail(row::no_pasid_entry, d.dev.name(), failed);
        if (pasid_entry::P.of(d.pasids->read(at)))
            return kernel_.fail(row::pasid_entry_present, d.dev.name(), failed);
        pasid_entry::DID.put(entry, domain_id);
        pasid_entry::PWSNP.put(entry, unit.has().coherent_page_walk);
        pasid_entry::P.put(entry, 1);
        d.pasids->write(at, entry);
    }
    if (unit.has().caching_mode) {
        unit.flush_pasid_cache(domain_id, rid_pasid);
        unit.flush_pasid_iotlb(domain_id, rid_pasid);
    } else {
        unit.flush_write_buffer();
    }
    return {};
}

result<void> intel_domain::set_pasid_entry(dmar_device& d) {
    if (type() != domain_type::identity)
        return first_level_ ? set_first_level(d) : set_second_level(d);
    pasid_tables::words entry{};
    pasid_entry::AW.put(entry, static_cast<unsigned>(d.behind.has().agaw));
    pasid_entry::PGTT.put(entry, static_cast<std::uint64_t>(pasid_entry::translation_type::pass_through));
    pasid_entry::SRE.put(entry, d.behind.has().supervisor_requests);
    return fill_pasid_entry(d, entry, pass_through_domain_id);
}

result<void> intel_domain::set_first_level(dmar_device& d) {
    const unit_features& f = d.behind.has();
    const unsigned levels = tables_->levels();
    if (levels != 4 && levels != 5)
        return kernel_.fail(row::first_level_levels, d.dev.name(),
                            fmt::format("first level tables of {} levels do not exist", levels));
    if (!f.first_level)
        return kernel_.fail(
            row::no_first_level, d.dev.name(),
            fmt::format("{} has no first level tables\nthe PASID entry for requests without PASID could "
                        "not be set up",
                        d.behind.name()));
    pasid_tables::words entry{};
    entry[2] = pasid_entry::FSPTPTR.put(0, tables_->root());
    pasid_entry::FSPM.put(entry, levels == 5 ? pasid_entry::fspm_5_levels : pasid_entry::fspm_4_levels);
    pasid_entry::PGSNP.put(entry, force_snooping_);
    pasid_entry::AW.put(entry, static_cast<unsigned>(f.agaw));
    pasid_entry::NXE.put(entry, 1);
    pasid_entry::PGTT.put(entry, static_cast<std::uint64_t>(pasid_entry::translation_type::first_stage));
    return fill_pasid_entry(d, entry, id_on(d.behind));
}

result<void> intel_domain::set_second_level(dmar_device& d) {
    if (!d.behind.has().second_level)
        return kernel_.fail(
            row::no_second_level, d.dev.name(),
            fmt::format("{} has no second level tables\nthe PASID entry for requests without PASID could "
                        "not be set up",
                        d.behind.name()));
    pasid_tables::words entry{};
    entry[0] = pasid_entry::SSPTPTR.put(0, tables_->root());
    pasid_entry::AW.put(entry, tables_->levels() - levels_of_agaw(0));
    pasid_entry::PGTT.put(entry, static_cast<std::uint64_t>(pasid_entry::translation_type::second_stage));
    return fill_pasid_entry(d, entry, id_on(d.behind));
}

result<void> intel_domain::set_context_entries(dmar_device& d) {
    for (const std::uint16_t rid : d.rids)
        if (result<void> r = set_context_entry(d, rid); !r)
            return r;
    return {};
}

std::vector<std::uint64_t> intel_domain::context_entry_of(const dmar_device& d, std::uint16_t rid) const {
    const unit_features& f = d.behind.has();
    // Only the device itself, not what it goes by behind a bridge, has a device TLB or sends PASIDs.
    const bool itself = rid == d.rids.front();
    if (f.scalable) {
        std::vector<std::uint64_t> entry(sm_context_entry::bytes / 8);
        entry[0] = sm_context_entry::PASIDDIRPTR.put(0, d.pasids->directory());
        sm_context_entry::PDTS.put(entry, d.pasids->size_code());
        sm_context_entry::RID_PASID.put(entry, rid_pasid);
        sm_context_entry::DTE.put(entry, itself && d.ats_supported);
        sm_context_entry::PRE.put(entry, itself && d.page_requests_supported);
        sm_context_entry::PASIDE.put(entry, itself && d.pasid_supported);
        sm_context_entry::P.put(entry, 1);
        return entry;
    }
    using tt = context_entry::translation_type;
    std::vector<std::uint64_t> entry(context_entry::bytes / 8);
    tt how = itself && d.ats_supported ? tt::device_tlb : tt::untranslated;
    if (type() == domain_type::identity) {
        how = tt::pass_through;
        context_entry::AW.put(entry, static_cast<unsigned>(f.max_agaw)); // the largest that the unit has
    } else {
        entry[0] = context_entry::SSPTPTR.put(0, tables_->root());
        context_entry::AW.put(entry, tables_->levels() - levels_of_agaw(0));
    }
    context_entry::TT.put(entry, static_cast<std::uint64_t>(how));
    context_entry::DID.put(entry, id_on(d.behind));
    context_entry::P.put(entry, 1);
    return entry;
}

result<void> intel_domain::set_context_entry(dmar_device& d, std::uint16_t rid) {
    dmar_unit& unit = d.behind;
    const std::uint32_t id = id_on(unit);
    const std::lock_guard held(unit.lock());
    const std::uint64_t at = unit.contexts().entry_address(rid, true);
    if (at == 0)
        return kernel_.fail(row::context_table, d.dev.name(), "the context entry could not be set up");
    const std::vector<std::uint64_t> entry = context_entry_of(d, rid);
    if (const std::uint64_t there = unit.contexts().first_word(at); context_entry::P.of(there)) {
        // In scalable mode it has only to name the PASID directory, as it has since the first attach. An entry that
        // leads elsewhere stays as well.
        if (there != entry[0] && kernel_.version() < kernel_version::v6_2)
            kernel_.note(row::context_present, d.dev.name());
        return {};
    }
    unit.contexts().write(at, entry);
    if (unit.has().caching_mode) { // what is not present may be cached, in a domain of its own
        unit.flush_context_device(null_domain_id, rid);
        unit.flush_iotlb_domain(id);
    } else {
        unit.flush_write_buffer();
    }
    return {};
}

void intel_domain::enable_ats(dmar_device& d) {
    if (d.ats_supported && !kernel_.injection().fires("intel.ats.enable"))
        d.ats_enabled = !d.dev.ats_control || d.dev.ats_control(true, page_shift);
}

void intel_domain::disable_ats(dmar_device& d) {
    if (d.ats_enabled && d.dev.ats_control)
        static_cast<void>(d.dev.ats_control(false, 0));
    d.ats_enabled = false;
}

void intel_domain::tear_down_pasid(dmar_device& d) {
    if (!d.pasids)
        return;
    dmar_unit& unit = d.behind;
    const std::uint64_t at = d.pasids->entry_address(rid_pasid);
    if (at == 0)
        return;
    const pasid_tables::words entry = d.pasids->read(at);
    if (!pasid_entry::P.of(entry))
        return;
    const auto id = static_cast<std::uint32_t>(pasid_entry::DID.of(entry));
    const auto how = static_cast<pasid_entry::translation_type>(pasid_entry::PGTT.of(entry));
    d.pasids->clear_present(at);
    unit.flush_pasid_cache(id, rid_pasid);
    if (how == pasid_entry::translation_type::pass_through || how == pasid_entry::translation_type::first_stage)
        unit.flush_pasid_iotlb(id, rid_pasid);
    else
        unit.flush_iotlb_domain(id);
    if (!unit.has().caching_mode)
        unit.flush_device_tlb(d, 0, 64 - page_shift);
    d.pasids->write(at, {});
}

void intel_domain::clear_context_entries(dmar_device& d) {
    dmar_unit& unit = d.behind;
    for (const std::uint16_t rid : d.rids) {
        std::uint64_t at = 0;
        std::uint32_t id = null_domain_id;
        {
            const std::lock_guard held(unit.lock());
            at = unit.contexts().entry_address(rid, false);
            if (at == 0)
                continue;
            if (!unit.has().scalable)
                id = unit.contexts().domain_id(at);
            else if (d.attached)
                id = d.attached->type() == domain_type::identity ? pass_through_domain_id : d.attached->id_on(unit);
            unit.contexts().clear_present(at);
        }
        unit.flush_context_device(id, rid);
        if (unit.has().scalable)
            unit.flush_pasid_cache_domain(id);
        unit.flush_iotlb_domain(id);
        unit.flush_device_tlb(d, 0, 64 - page_shift);
        unit.contexts().clear(at);
    }
}

void intel_domain::unlink(dmar_device& d) {
    intel_domain* const on = d.attached;
    if (!on)
        return;
    {
        const std::lock_guard held(on->lock_);
        std::erase(on->devices_, &d);
    }
    on->leave_unit(d.behind);
    d.attached = nullptr;
}

void intel_domain::block(dmar_device& d) {
    disable_ats(d);
    if (d.behind.has().scalable)
        tear_down_pasid(d);
    else
        clear_context_entries(d);
    unlink(d);
}

void intel_domain::remove(dmar_device& d) {
    if (d.behind.has().scalable)
        tear_down_pasid(d);
    disable_ats(d);
    clear_context_entries(d);
    if (d.behind.version() == kernel_version::v6_0) // each attach makes its own
        d.pasids.reset();
    unlink(d);
}

void intel_domain::detach_dev(device& dev) {
    if (dmar_device* const d = intel_driver::record_of(dev))
        remove(*d);
}

bool intel_domain::enforce_cache_coherency() {
    if (force_snooping_)
        return true;
    const std::lock_guard held(lock_);
    if (!std::all_of(devices_.begin(), devices_.end(),
                     [](const dmar_device* d) { return d->behind.has().snoop_control; }))
        return false;
    if (!first_level_) {
        snoop_in_entries_ = true; // of mappings to come
    } else {
        for (dmar_device* d : devices_) {
            const std::uint64_t at = d->pasids->entry_address(rid_pasid);
            if (at == 0)
                continue;
            pasid_tables::words entry = d->pasids->read(at);
            pasid_entry::PGSNP.put(entry, 1);
            d->pasids->write(at, entry);
            d->behind.flush_pasid_cache(id_on(d->behind), rid_pasid);
            d->behind.flush_pasid_iotlb(id_on(d->behind), rid_pasid);
            d->behind.flush_device_tlb(*d, 0, 64 - page_shift);
        }
    }
    force_snooping_ = true;
    return true;
}

} // namespace iommulab::sw::intel
