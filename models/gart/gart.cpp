// SPDX-License-Identifier: Apache-2.0
#include "models/gart/gart.h"

#include <bit>
#include <string>

namespace iommulab::gart {

namespace {

const gart_parameters& checked(const gart_parameters& p) {
    const std::string complaint = complaint_about(p);
    if (!complaint.empty())
        throw parameter_error(complaint);
    return p;
}

structure_port table_port_of(const gart_parameters& p) {
    cache_parameters shape;
    shape.latency_cycles = p.entry_latency_cycles;
    shape.initiation_cycles = p.entry_initiation_cycles;
    return structure_port(shape);
}

} // namespace

gart::gart(sc_core::sc_module_name name, const gart_parameters& parameters)
    : iommu(name, checked(parameters), bank, 1),
      own_(parameters),
      aperture_bytes_(std::uint64_t{parameters.entries} << page_log2),
      port_(table_port_of(parameters)),
      entries_(parameters.entries) {
    names_have(gart_error::CLIENT_ID.width, 0);
    bank.on_write(reg::GART_CONFIG, [this](unsigned, std::uint64_t before, std::uint64_t written) {
        if (before != written)
            forget(own_.aperture_base, own_.aperture_base + aperture_bytes_ - 1);
    });
    bank.on_read(reg::GART_ENTRY_DATA, [this](unsigned) { bank.set(reg::GART_ENTRY_DATA, selected_entry()); });
    bank.on_write(reg::GART_ENTRY_DATA,
                  [this](unsigned, std::uint64_t, std::uint64_t written) { write_entry(written); });
    bank.on_write(reg::INTSTATUS, [this](unsigned, std::uint64_t, std::uint64_t) { update_interrupt(); });
    bank.on_write(reg::INTMASK, [this](unsigned, std::uint64_t, std::uint64_t) { update_interrupt(); });
    add_counter("entry_writes", "entries written", counts_.entry_writes);
    add_counter("invalid_pages", "accesses that met an invalid entry", counts_.invalid_pages);
    add_counter("decode_errors", "accesses to the aperture while translation was off", counts_.decode_errors);
    add_counter("errors_lost", "of both, those that found the error registers taken", counts_.errors_lost);
}

void gart::trace(waveform_writer& writer) {
    iommu::trace(writer);
    error_probe_.attach(&writer, std::string(sc_core::sc_module::name()), "error", 1);
}

walk<bool> gart::translate(walk_context& context, const access& a, translation& page) {
    if (a.address - own_.aperture_base >= aperture_bytes_) {
        page = untranslated(a.address);
        co_return true;
    }
    if (!bank.get(reg::GART_CONFIG, config::ENABLE))
        co_return context.refuse(refused(error::decode));
    auto looking_up = context.occupy(port_, time_part::own_table);
    co_await looking_up;
    const std::uint64_t number = (a.address - own_.aperture_base) >> page_log2;
    const std::uint32_t entry = entries_[number];
    // off by now, or never valid: the entry is looked at when the look-up ends
    if (!bank.get(reg::GART_CONFIG, config::ENABLE))
        co_return context.refuse(refused(error::decode));
    if (!entry_data::PHYS_ADDR_VALID.of(entry))
        co_return context.refuse(refused(error::invalid_page));
    page.input_base = own_.aperture_base + (number << page_log2);
    page.output_base = entry_data::PHYS_ADDR.of(entry);
    page.log2_size = page_log2;
    page.allowed = rights::all;
    co_return true;
}

/// The largest aligned block around `address` that has nothing of the aperture: as the aperture is aligned to its size,
/// the highest bit in which the two differ says how large.
translation gart::untranslated(std::uint64_t address) const {
    translation t;
    t.log2_size = static_cast<std::uint8_t>(std::bit_width(address ^ own_.aperture_base) - 1);
    t.input_base = t.output_base = address & ~t.offset_mask();
    t.allowed = rights::all;
    t.bypassed = true;
    return t;
}

fault gart::refused(error why) const {
    fault f;
    f.reason = static_cast<std::uint32_t>(why);
    f.ends = own_.refused == refusal::ignore ? fault::ending::ignore : fault::ending::abort;
    return f;
}

/// The first error of a kind stays in its registers until its interrupt is cleared (assumption: as other memory
/// controllers of the family).
void gart::report(const access& a, const fault& f, std::uint32_t) {
    const bool invalid_page = f.reason == static_cast<std::uint32_t>(error::invalid_page);
    ++(invalid_page ? counts_.invalid_pages : counts_.decode_errors);
    error_probe_.pulse(clock().now_ps(), clock().period_ps());
    const bit_field& bit = invalid_page ? interrupt::INVALID_GART_PAGE : interrupt::DECERR_EMEM;
    if (bank.get(reg::INTSTATUS, bit)) {
        ++counts_.errors_lost;
        return;
    }
    if (invalid_page) {
        bank.set(reg::GART_ERROR_REQ, gart_error::DIRECTION.make(a.write) | gart_error::CLIENT_ID.make(a.source_id));
        bank.set(reg::GART_ERROR_ADDR, a.address & 0xffff'ffff);
    } else {
        bank.set(reg::DECERR_EMEM_OTHERS_STATUS, decerr::CLIENT_ID.make(a.source_id) | decerr::WRITE.make(a.write));
        bank.set(reg::DECERR_EMEM_OTHERS_ADR, a.address & 0xffff'ffff);
    }
    bank.set(reg::INTSTATUS, bit, 1);
    update_interrupt();
}

std::uint32_t& gart::selected_entry() {
    return entries_[bank.get(reg::GART_ENTRY_ADDR, entry_addr::TABLE_ADDR) & (entries_.size() - 1)];
}

void gart::write_entry(std::uint64_t value) {
    ++counts_.entry_writes;
    std::uint32_t& entry = selected_entry();
    const bool was_valid = entry_data::PHYS_ADDR_VALID.of(entry) != 0;
    entry = static_cast<std::uint32_t>(value);
    const std::uint64_t first =
        own_.aperture_base + (static_cast<std::uint64_t>(&entry - entries_.data()) << page_log2);
    if (was_valid)
        forget(first, first + (1U << page_log2) - 1);
}

/// What was granted under another entry is granted no more: direct memory pointers, and TLBs where a machine has them.
void gart::forget(std::uint64_t first, std::uint64_t last) {
    invalidation i;
    i.first = first;
    i.last = last;
    invalidate(i);
}

void gart::update_interrupt() {
    set_interrupt(0, (bank.get(reg::INTSTATUS) & bank.get(reg::INTMASK)) != 0);
}

void gart::reset_model() {
    entries_.assign(entries_.size(), 0);
    counts_ = {};
}

} // namespace iommulab::gart
