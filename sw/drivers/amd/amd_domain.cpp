// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/amd_domain.h"

#include "models/amd_vi/spec/device_table_entry.h"
#include "models/amd_vi/spec/registers.h"
#include "sw/drivers/amd/amd_driver.h"
#include "sw/drivers/amd/failures.h"
#include "sw/drivers/amd/layout.h"
#include "sw/iommu/group.h"

#include <algorithm>
#include <limits>
#include <mutex>

namespace iommulab::sw::amd {

using namespace iommulab::amd_vi;

namespace {

constexpr unsigned guest_cr3_entries = 1U << gcr3::index_bits;

} // namespace

std::unique_ptr<amd_domain> amd_domain::make(kernel& k, amd_driver& driver, domain_type type, tables kind) {
    const auto id = driver.domain_ids().allocate(1, driver.most_domain_ids());
    if (!id)
        return nullptr;
    std::unique_ptr<amd_domain> made(
        new amd_domain(k, driver, type, kind, static_cast<std::uint16_t>(*id))); // gives the id back when it goes
    return made->make_tables() ? std::move(made) : nullptr;
}

amd_domain::amd_domain(kernel& k, amd_driver& driver, domain_type type, tables kind, std::uint16_t id)
    : domain(driver, type), kernel_(k), driver_(driver), lock_(k.machine()), kind_(kind), id_(id) {
    set_page_sizes(kind == tables::version_2 ? version_2_page_sizes : version_1_page_sizes);
    // Version 1 tables grow to 64 bits; where version 2 is in use, its four levels are the limit of all domains.
    constexpr unsigned version_2_bits = page_shift + version_2_levels * radix_tables::index_bits;
    set_aperture(0,
                 driver.default_tables() == tables::version_2 ? (std::uint64_t{1} << version_2_bits) - 1
                                                              : std::numeric_limits<std::uint64_t>::max(),
                 true);
}

amd_domain::~amd_domain() {
    driver_.domain_ids().release(id_);
    if (!kernel_.powered())
        return;
    while (!devices_.empty())
        detach(*devices_.front());
    release_guest_cr3_table();
    release_tables();
    free_unlinked();
}

bool amd_domain::make_tables() {
    if (kind_ == tables::none)
        return true;
    if (kind_ == tables::version_1) {
        format_ = std::make_unique<amd_v1_format>();
    } else {
        format_ = std::make_unique<x86_64_format>(x86_64_format::options{.dirty = true});
        if (!make_guest_cr3_table(1))
            return false;
    }
    tables_ = std::make_unique<radix_tables>(*format_, kind_ == tables::version_1 ? default_levels : version_2_levels,
                                             static_cast<table_memory&>(*this));
    if (tables_->status() != table_status::ok)
        return false;
    if (kind_ == tables::version_2) // of PASID 0, which requests without PASID use
        kernel_.machine().write(guest_cr3_table_, gcr3::Address.put(gcr3::V.make(1), tables_->root()), 8);
    return true;
}

void amd_domain::release_tables() {
    freeing_ = true;
    if (tables_)
        tables_->release_all();
    freeing_ = false;
    tables_.reset();
}

result<void> amd_domain::make_guest_cr3_table(std::uint32_t pasids) {
    unsigned levels = 0;
    for (std::uint32_t rest = pasids; ((rest - 1) & ~(guest_cr3_entries - 1)) != 0; rest >>= gcr3::index_bits)
        ++levels;
    if (levels > driver_.most_guest_cr3_levels())
        return kernel_.fail(row::pasids_too_many, driver_.name());
    guest_cr3_table_ = kernel_.allocate("amd.gcr3_table.alloc", page_bytes, page_bytes, 0, memory_kind::cached);
    if (guest_cr3_table_ == 0)
        return kernel_.fail(row::pasids_memory, driver_.name());
    guest_cr3_levels_ = levels;
    return {};
}

void amd_domain::release_guest_cr3_table() {
    // Only PASID 0 is ever entered, and that in a table of one level: nothing hangs below.
    if (guest_cr3_table_ != 0)
        kernel_.machine().release(guest_cr3_table_, page_bytes);
    guest_cr3_table_ = 0;
}

result<void> amd_domain::enable_pasids(std::uint32_t pasids) {
    const std::lock_guard held(lock_);
    if (!devices_.empty() || has_pasids())
        return kernel_.fail(row::pasids_in_use, driver_.name());
    if (result<void> r = make_guest_cr3_table(pasids); !r)
        return r;
    release_tables(); // what comes without PASID passes untranslated
    kind_ = tables::none;
    return {};
}

void amd_domain::write_entry(amd_device& d) {
    device_table& table = d.behind.devices();
    device_entry entry = table.read(d.id);
    const auto old_id = static_cast<std::uint16_t>(dte::DomainID.of(entry));
    entry[0] = 0;
    if (kind_ == tables::version_1) {
        entry[0] = dte::HostPageTableRootPtr.put(0, tables_->root());
        dte::Mode.put(entry, tables_->levels());
    }
    for (const bit_field& field : {dte::V, dte::TV, dte::IR, dte::IW})
        field.put(entry, 1);
    dte::I.put(entry, dte::I.of(entry) | (d.ats_enabled ? 1 : 0));
    dte::PPR.put(entry, d.pasids_capable && d.behind.feature(extended_feature::EPHSup));
    if (has_pasids()) {
        dte::GV.put(entry, 1);
        dte::GLX.put(entry, guest_cr3_levels_);
        dte::put_guest_cr3_table(entry, guest_cr3_table_);
        dte::GIoV.put(entry, kind_ == tables::version_2);
    }
    dte::DomainID.put(entry, id_);
    table.write(d.id, entry);
    if (old_id != 0) {
        d.behind.commands().queue(commands::invalidate_pages(old_id, 0, ~std::uint64_t{0}, true));
        d.behind.commands().wait();
    }
    for (const std::uint16_t alias : d.aliases)
        table.copy(d.id, alias);
}

void amd_domain::write_all_entries() {
    for (amd_device* d : devices_) {
        write_entry(*d);
        flush_entry(*d);
    }
}

void amd_domain::flush_entry(amd_device& d) {
    command_buffer& queue = d.behind.commands();
    queue.queue(commands::invalidate_device(d.id));
    for (const std::uint16_t alias : d.aliases)
        queue.queue(commands::invalidate_device(alias));
    if (d.ats_enabled)
        queue.queue(commands::invalidate_iotlb(d.id, 0, ~std::uint64_t{0}));
}

bool amd_domain::enable_pri(amd_device& d) {
    return !kernel_.injection().fires("amd.pri.enable") && (!d.dev.ats_control || d.dev.ats_control(true, page_shift));
}

result<void> amd_domain::join(amd_device& d) {
    const device_description& what = d.dev.description();
    if (what.pci && has_pasids() && kind_ == tables::none) {
        const domain* const otherwise = d.dev.in_group ? d.dev.in_group->default_domain() : nullptr;
        if (driver_.default_tables() == tables::version_1 && (!otherwise || otherwise->type() != domain_type::identity))
            return kernel_.fail(row::default_not_identity, d.dev.name());
        if (d.pasids_capable) {
            if (!enable_pri(d))
                return kernel_.fail(row::pri_refused, d.dev.name());
            d.ats_enabled = true;
        }
    } else if (what.pci && what.ats && d.behind.serves_device_tlbs()) {
        d.ats_enabled =
            !kernel_.injection().fires("amd.ats.enable") && (!d.dev.ats_control || d.dev.ats_control(true, page_shift));
        if (!d.ats_enabled)
            kernel_.note(row::ats_refused, d.dev.name());
    }
    d.attached = this;
    devices_.insert(devices_.begin(), &d);
    ++units_[&d.behind];
    write_entry(d);
    flush_entry(d);
    flush_all_pages();
    wait_for_all();
    return {};
}

result<void> amd_domain::attach_dev(device& dev) {
    amd_device* const d = amd_driver::record_of(dev);
    if (kernel_.checks(row::not_covered) && !d)
        return kernel_.fail(row::not_covered, dev.name());
    if (!d)
        return kernel_.fail(row::no_device_data, dev.name(), "attached without having been probed");
    detach(*d);
    result<void> r;
    {
        const std::lock_guard held(lock_);
        r = join(*d);
    }
    d->behind.commands().wait();
    return r;
}

void amd_domain::detach(amd_device& d) {
    amd_domain* const from = d.attached;
    if (!from)
        return;
    const std::lock_guard held(from->lock_);
    device_table& table = d.behind.devices();
    d.attached = nullptr;
    std::erase(from->devices_, &d);
    device_entry entry = table.read(d.id);
    // Of the second word, what is not about translation stays: I, SE, SA, IoCtl, Cache, SD, EX, SysMgt.
    constexpr std::uint64_t kept_mask = 0x3ff, kept_shift = 32;
    entry[0] = dte::V.make(1) | dte::TV.make(1);
    entry[1] &= kept_mask << kept_shift;
    table.write(d.id, entry);
    for (const std::uint16_t alias : d.aliases)
        table.copy(d.id, alias);
    flush_entry(d);
    from->flush_all_pages();
    from->wait_for_all();
    if (--from->units_[&d.behind] == 0)
        from->units_.erase(&d.behind);
    if (d.ats_enabled && d.dev.ats_control)
        static_cast<void>(d.dev.ats_control(false, 0));
    d.ats_enabled = false;
}

void amd_domain::detach_dev(device& dev) {
    if (amd_device* const d = amd_driver::record_of(dev)) {
        detach(*d);
        d->behind.commands().wait();
    }
}

} // namespace iommulab::sw::amd
