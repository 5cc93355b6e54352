// SPDX-License-Identifier: Apache-2.0
// Requests with a PASID: publication 48882, 2.2.6 (guest page tables, the guest CR3 table, nested translation).
#include "models/amd_vi/amd_vi.h"
#include "models/amd_vi/faults.h"
#include "models/pagetables/second_stage.h"

#include <limits>
#include <optional>

namespace iommulab::amd_vi {

namespace {

constexpr std::uint64_t gcr3_index_mask = (std::uint64_t{1} << gcr3::index_bits) - 1;

/// What is behind a guest's tables: the domain's host tables, or with Mode = 0 the rights of the entry alone.
class host_behind final : public second_stage {
  public:
    host_behind(const device_configuration& c, walk_cache_set& directories)
        : configuration_(c), directories_(directories) {}

    walk<bool> translate(walk_context& context, std::uint64_t address, std::uint8_t needed, use /*what*/,
                         translation& page) override {
        address_ = address;
        why_ = {};
        page = {};
        special_ = message_range.holds(address) || hypertransport_range.holds(address);
        if (special_) // a guest's tables are no way to where interrupts go (table 3)
            co_return false;
        if (configuration_.what == device_configuration::action::check) {
            page = pass_within(address, {0, std::numeric_limits<std::uint64_t>::max()}, configuration_.host.allowed);
            if (!(page.allowed & needed))
                why_.kind = amd_v1::fault_kind::permission;
        } else {
            const amd_v1::host_request request{.address = address, .needed = needed, .stage = 2};
            walk<bool> tables = amd_v1::walk_host(context, configuration_.host, request, page, why_, &directories_);
            co_await tables;
        }
        if (why_.kind != amd_v1::fault_kind::none)
            co_return false;
        clip_to_special_ranges(page, address);
        co_return true;
    }
    /// The fault of the last translation that was refused.
    [[nodiscard]] fault why(const access& a) const {
        if (!special_)
            return host_fault(why_, a, configuration_, address_);
        return invalid_device_request(a, a.write ? record::invalid_request::posted_write_to_reserved
                                                 : record::invalid_request::invalid_read);
    }

  private:
    const device_configuration& configuration_;
    walk_cache_set& directories_;
    amd_v1::walk_fault why_;
    std::uint64_t address_ = 0;
    bool special_ = false;
};

fault guest_fault(const x86_64::walk_fault& f, const access& a, const device_configuration& c,
                  const host_behind& behind) {
    using kind = x86_64::fault_kind;
    switch (f.kind) {
    case kind::second_stage:
        return behind.why(a);
    case kind::external_abort:
    case kind::update:
        return page_table_error(a, c, f.address, true);
    case kind::reserved:
        return page_fault(a, c, {.present = true, .reserved_bit = true}, a.address, true);
    case kind::supervisor_page:
    case kind::write:
    case kind::execute:
        return page_fault(a, c, {.present = true, .permission = true}, a.address, true);
    default:
        return page_fault(a, c, {}, a.address, true);
    }
}

/// The guest CR3 of a PASID (2.2.6.3): one level of the table for each nine bits. The table's addresses are physical.
walk<bool> find_guest_cr3(walk_context& context, const access& a, const device_configuration& c, std::uint32_t pasid,
                          std::uint64_t& cr3, fault& why) {
    if (std::uint64_t{pasid} >> (gcr3::index_bits * c.gcr3_levels)) {
        why = page_fault(a, c, {}, a.address, true);
        co_return false;
    }
    std::uint64_t table = c.gcr3_table;
    for (unsigned level = c.gcr3_levels; level-- > 0;) {
        const std::uint64_t index = (pasid >> (gcr3::index_bits * level)) & gcr3_index_mask;
        const std::uint64_t address = table + index * gcr3::entry_bytes;
        auto read = context.read64(time_part::configuration_fetch, address);
        const std::optional<std::uint64_t> word = co_await read;
        if (!word) {
            why = page_table_error(a, c, address, true);
            co_return false;
        }
        if (!gcr3::V.of(*word)) {
            why = page_fault(a, c, {}, a.address, true);
            co_return false;
        }
        table = gcr3::Address.of(*word);
    }
    cr3 = table;
    co_return true;
}

/// Without USSup every request is a user's, whatever it says of itself.
std::uint8_t user_rights_for_all(std::uint8_t allowed) {
    constexpr unsigned to_privileged = 3; // from read to privileged_read, and so on
    constexpr std::uint8_t user = rights::read | rights::write | rights::execute;
    return static_cast<std::uint8_t>((allowed & user) | (allowed & user) << to_privileged);
}

} // namespace

walk<bool> amd_iommu::translate_guest(walk_context& context, const access& as_it_came, const device_configuration& c,
                                      translation& page) {
    access a = as_it_came;
    a.pasid = a.has_pasid ? a.pasid : 0;
    a.privileged = a.privileged && features_.user_supervisor;
    if (a.pasid >> features_.pasid_bits)
        co_return refuse(context, a, c, page_fault(a, c, {}, a.address, true));
    x86_64::regime tables;
    tables.tag = c.host.tag;
    tables.tag.space = a.pasid;
    tables.tag.regime |= regime::guest;
    auto question = context.find_translation(tables.tag, a, page);
    const bool known = co_await question;
    if (known)
        co_return true;
    fault why;
    walk<bool> cr3 = find_guest_cr3(context, a, c, a.pasid, tables.root, why);
    const bool found = co_await cr3;
    if (!found)
        co_return refuse(context, a, c, why);
    tables.levels = c.guest_levels;
    // PASID 0 takes every address that its tables have an entry for: its highest bit is no sign. The publication does
    // not say so; the hardware does, by what Linux' driver for it relies on (amd_iommu_domain_alloc_paging_v2)
    tables.sign_extended = a.pasid != 0;
    tables.no_execute = features_.nx;
    tables.update_dirty = !bank.get(reg::Control, control::GDUpdateDis);
    host_behind behind(c, directories_);
    x86_64::walk_result w;
    walk<bool> walked = x86_64::walk_tables(context, tables, a, w, &guest_directories_, &behind);
    const bool ok = co_await walked;
    if (!ok)
        co_return refuse(context, a, c, guest_fault(w.fault, a, c, behind));
    page = w.page;
    if (!features_.user_supervisor) // every request is a user's
        page.allowed = user_rights_for_all(page.allowed);
    co_return true;
}

} // namespace iommulab::amd_vi
