// SPDX-License-Identifier: Apache-2.0
// What happens to a request: publication 48882, 2.1.2 (upstream requests), 2.2.2.1 (device table entry), 2.2.3 (host
// tables), 3.4.5 (exclusion range).
#include "models/amd_vi/amd_vi.h"
#include "models/amd_vi/faults.h"

#include <limits>
#include <optional>

namespace iommulab::amd_vi {

namespace {

constexpr address_range every_address{0, std::numeric_limits<std::uint64_t>::max()};

/// Every address, as it came.
translation any_address() {
    translation t;
    t.log2_size = 64;
    t.allowed = rights::all;
    t.bypassed = true;
    t.tag.regime = regime::bypass;
    return t;
}

} // namespace

walk<bool> amd_iommu::translate(walk_context& context, const access& a, translation& page) {
    if (!enabled_) {
        page = any_address();
        return walk<bool>::ended(true);
    }
    const device_configuration* known =
        context.look_up_at_once(devices_, configuration_key(a.source_id), time_part::configuration);
    if (known && known->translates_plainly() && !a.has_pasid && a.type == address_type::untranslated)
        return walk<bool>::ended(translate_plainly(context, a, *known, page));
    return translate_device(context, a, page, known);
}

/// Host tables alone, where nothing is waited for: needs no coroutine. `c` is a copy since memory may run other
/// processes when it is read.
bool amd_iommu::translate_plainly(walk_context& context, const access& a, const device_configuration c,
                                  translation& page) {
    bool refused = false;
    if (pass_special(context, a, c, page, refused))
        return !refused;
    if (context.find_translation_at_once(c.host.tag, a, page))
        return true;
    amd_v1::walk_fault why;
    walk<bool> tables = amd_v1::walk_host(context, c.host, {.address = a.address, .needed = rights::needed_by(a)}, page,
                                          why, &directories_);
    tables.start();
    if (!tables.result())
        return refuse(context, a, c, host_fault(why, a, c, a.address));
    confine(page, a.address);
    return true;
}

/// `known`: the configuration, if it has been looked up and found; read before anything is waited for.
walk<bool> amd_iommu::translate_device(walk_context& context, const access& a, translation& page,
                                       const device_configuration* known) {
    std::optional<device_configuration> c =
        co_await context.look_up(devices_, configuration_key(a.source_id), time_part::configuration, known);
    if (!c) {
        c.emplace();
        walk<bool> fetch = find_configuration(context, a.source_id, a, *c);
        const bool found = co_await fetch;
        if (!found)
            co_return false; // the fetch has refused
    }
    if (a.type != address_type::untranslated && !c->iotlb) {
        const auto type = a.type == address_type::translated ? record::invalid_request::pretranslated
                                                             : record::invalid_request::invalid_read;
        co_return context.refuse(invalid_device_request(a, type));
    }
    if (c->what == device_configuration::action::pass) {
        page = any_address();
        co_return true;
    }
    if (a.type == address_type::translated) { // the device has asked before
        page = any_address();
        page.cacheable = false;
        co_return true;
    }
    const bool guest = c->guest && (a.has_pasid || c->guest_always);
    if (!guest) {
        if (a.has_pasid)
            co_return refuse(context, a, *c, page_fault(a, *c, {}, a.address, true));
        bool refused = false;
        if (pass_special(context, a, *c, page, refused))
            co_return !refused;
    }
    if (c->what == device_configuration::action::no_tables)
        co_return refuse(context, a, *c, page_fault(a, *c, {}, a.address, false));
    if (guest) {
        walk<bool> by_pasid = translate_guest(context, a, *c, page);
        const bool served = co_await by_pasid;
        co_return served;
    }
    if (c->what == device_configuration::action::check) {
        if (!(c->host.allowed & rights::needed_by(a)))
            co_return refuse(context, a, *c,
                             page_fault(a, *c, {.present = true, .permission = true}, a.address, false));
        page = pass_within(a.address, every_address, c->host.allowed);
        confine(page, a.address);
        co_return true;
    }

    auto question = context.find_translation(c->host.tag, a, page);
    const bool cached = co_await question;
    if (cached)
        co_return true;
    amd_v1::walk_fault why;
    walk<bool> tables = amd_v1::walk_host(context, c->host, {.address = a.address, .needed = rights::needed_by(a)},
                                          page, why, &directories_);
    const bool ok = co_await tables;
    if (!ok)
        co_return refuse(context, a, *c, host_fault(why, a, *c, a.address));
    confine(page, a.address);
    co_return true;
}

/// Reads the configuration from memory, and keeps it. Apart from translate_device so that its frame stays small.
walk<bool> amd_iommu::find_configuration(walk_context& context, std::uint32_t source_id, const access& a,
                                         device_configuration& c) {
    fault why;
    const configuration_source from = source();
    walk<bool> fetch = fetch_configuration(context, from, a, c, why);
    const bool found = co_await fetch;
    if (!found) {
        context.refuse(why);
        co_return false;
    }
    if (context.remembers() && context.may_fill_configuration(source_id, a.has_pasid ? a.pasid : 0))
        devices_.insert(configuration_key(source_id), c);
    co_return true;
}

/// Ends a walk with a page fault. DTE.SE: only the first of a device is reported, until its entry is invalidated
/// (2.2.2.1).
bool amd_iommu::refuse(walk_context& context, const access& a, const device_configuration& c, fault f) {
    const bool page_fault = f.reason == static_cast<std::uint32_t>(event::IO_PAGE_FAULT);
    if (context.reports() && page_fault) {
        if (f.recorded && c.suppress_more && !reported_.insert(a.source_id).second)
            f.recorded = false;
        counts_.events_suppressed += !f.recorded && a.type == address_type::untranslated;
    }
    return context.refuse(f);
}

/// What addresses decide before any table: special ranges, and the exclusion range. False: the tables decide.
bool amd_iommu::pass_special(walk_context& context, const access& a, const device_configuration& c, translation& page,
                             bool& refused) {
    using what = special_treatment::what;
    const special_treatment special = treat(a, c);
    if (special.decided == what::refuse) {
        refused = true;
        context.refuse(invalid_device_request(a, special.reason));
        return true;
    }
    if (special.decided == what::forward) {
        page = pass_within(a.address, special.range, rights::needed_by(a));
        return true;
    }
    const std::uint64_t base = bank.get(reg::ExclusionBase);
    if (!exclusion_base::ExEn.of(base) || !(exclusion_base::Allow.of(base) || c.exclusion) ||
        !exclusion_range().holds(a.address))
        return false;
    page = pass_within(a.address, exclusion_range(), rights::all);
    return true;
}

/// A translation serves no address that is treated otherwise.
void amd_iommu::confine(translation& page, std::uint64_t address) const {
    clip_to_special_ranges(page, address);
    if (bank.get(reg::ExclusionBase, exclusion_base::ExEn))
        clip(page, address, exclusion_range());
}

address_range amd_iommu::exclusion_range() const {
    return {exclusion_base::ExclusionBase.of(bank.get(reg::ExclusionBase)),
            exclusion_limit::ExclusionLimit.of(bank.get(reg::ExclusionLimit)) | 0xfff};
}

configuration_source amd_iommu::source() const {
    return {.feature = features_,
            .table = device_table::of(bank.get(reg::DeviceTableBase)),
            .guest_translation = guest_translation_};
}

cache_key amd_iommu::configuration_key(std::uint32_t source_id) {
    // functions of a PCIe device differ in their three low bits: both parts choose the set
    return {source_id, source_id ^ (source_id >> 3)};
}

} // namespace iommulab::amd_vi
