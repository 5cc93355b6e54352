// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/configuration.h"

namespace iommulab::vtd {

namespace {

constexpr std::uint64_t low_bits(unsigned n) {
    return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}
/// Bits of an entry's address that a host address doesn't have.
std::uint64_t beyond_host(const features& f) {
    return ~low_bits(f.host_bits);
}
template <std::size_t Words>
bool any(std::span<const std::uint64_t, Words> words, std::size_t first) {
    for (std::size_t n = first; n < Words; ++n)
        if (words[n])
            return true;
    return false;
}

/// `snoop`: leaves may ask for it. In scalable mode SNP is no reserved bit, whether or not the unit can snoop.
vtd_second_stage::regime second_stage_of(const features& f, std::uint64_t root, unsigned levels, bool snoop) {
    vtd_second_stage::regime r;
    r.root = root;
    r.levels = static_cast<std::uint8_t>(levels);
    r.physical_bits = static_cast<std::uint8_t>(f.host_bits);
    r.pages_2m = f.pages_2m;
    r.pages_1g = f.pages_1g;
    r.snoop_control = snoop;
    r.transient_mapping = f.device_tlb;
    return r;
}

/// Devices of a domain are to have the same tables. Those that have not never share what is cached of a second stage:
/// its tag has the place of the first table where others have a PASID.
std::uint32_t space_of(std::uint64_t root) {
    constexpr unsigned log2_page = 12;
    return static_cast<std::uint32_t>(root >> log2_page);
}

/// `levels`: as regime::levels has them.
std::uint8_t regime_of(std::uint8_t kind, unsigned levels) {
    return static_cast<std::uint8_t>(kind | regime::levels.make(levels));
}

} // namespace

fault_reason decode_context(std::span<const std::uint64_t, 2> w, const features& f, context_configuration& into) {
    namespace e = context_entry;
    into = {};
    request_configuration& c = into.request;
    c.fault_disabled = e::FPD.of(w) != 0;
    if (!e::P.of(w))
        return fault_reason::context_not_present;
    const auto type = static_cast<e::translation_type>(e::TT.of(w));
    const bool tables = type != e::translation_type::pass_through; // else SSPTPTR is ignored
    constexpr std::uint64_t reserved_low = 0xff0, reserved_high = 0xffff'ffff'ff00'0080;
    const std::uint64_t domain = e::DID.of(w); // bits that domain ids don't have are reserved
    if ((w[0] & (reserved_low | (tables ? beyond_host(f) : 0))) || (w[1] & reserved_high) || domain >> f.domain_bits)
        return fault_reason::context_reserved;
    const unsigned levels = levels_of_aw(static_cast<unsigned>(e::AW.of(w)));
    if (!f.has_levels(levels))
        return fault_reason::context_invalid;
    switch (type) {
    case e::translation_type::untranslated:
        break;
    case e::translation_type::device_tlb:
        c.device_tlb = true;
        if (!f.device_tlb)
            return fault_reason::context_invalid;
        break;
    case e::translation_type::pass_through:
        if (!f.pass_through)
            return fault_reason::context_invalid;
        break;
    case e::translation_type::reserved:
        return fault_reason::context_invalid;
    }
    c.what = tables ? request_configuration::action::second_stage : request_configuration::action::pass_through;
    c.second = second_stage_of(f, e::SSPTPTR.of(w[0]), levels, f.snoop_control);
    c.tag.vm = static_cast<std::uint32_t>(domain);
    c.tag.regime = tables ? regime_of(regime::second_stage, levels - 2) : regime::bypass;
    c.tag.space = tables ? space_of(c.second.root) : 0;
    c.second.tag = c.tag;
    return fault_reason::none;
}

fault_reason decode_sm_context(std::span<const std::uint64_t, 4> w, const features& f, context_configuration& into) {
    namespace e = sm_context_entry;
    into = {};
    request_configuration& c = into.request;
    c.scalable = true;
    c.fault_disabled = e::FPD.of(w) != 0;
    if (!e::P.of(w))
        return fault_reason::sm_context_not_present;
    constexpr std::uint64_t reserved_0 = 0x1e0, reserved_1 = 0xffff'ffff'ffe0'0000;
    if ((w[0] & (reserved_0 | beyond_host(f))) || (w[1] & reserved_1) || any(w, 2))
        return fault_reason::sm_context_reserved;
    c.device_tlb = e::DTE.of(w) != 0;
    into.pasids = e::PASIDE.of(w) != 0;
    into.rid_privileged = e::RID_PRIV.of(w) != 0;
    into.rid_pasid = static_cast<std::uint32_t>(e::RID_PASID.of(w));
    into.log2_directory_entries = e::log2_directory_entries(static_cast<unsigned>(e::PDTS.of(w)));
    into.pasid_directory = e::PASIDDIRPTR.of(w[0]);
    const bool promised = (!c.device_tlb || f.device_tlb) && (!into.pasids || f.pasid) &&
                          (!e::PRE.of(w) || f.page_requests) && (!into.rid_privileged || f.supervisor_requests);
    return promised ? fault_reason::none : fault_reason::sm_context_invalid;
}

namespace {

/// First-stage fields; false: invalid.
bool decode_first_stage(std::span<const std::uint64_t, 8> w, const features& f, request_configuration& c) {
    namespace e = pasid_entry;
    const auto mode = static_cast<unsigned>(e::FSPM.of(w));
    if (!f.first_stage || mode > e::fspm_5_levels || (mode == e::fspm_5_levels && !f.first_stage_5_levels))
        return false;
    x86_64::regime& r = c.first;
    r.root = e::FSPTPTR.of(w[2]);
    r.levels = static_cast<std::uint8_t>(mode == e::fspm_5_levels ? 5 : 4);
    r.physical_bits = static_cast<std::uint8_t>(f.host_bits);
    r.pages_1g = f.first_stage_1g;
    r.no_execute = e::NXE.of(w) != 0;
    r.write_protect = e::WPE.of(w) != 0;
    r.supervisor_execute_prevention = e::SMEP.of(w) != 0;
    r.extended_accessed = e::EAFE.of(w) != 0;
    return true;
}

/// Second-stage fields; false: invalid.
bool decode_second_stage(std::span<const std::uint64_t, 8> w, const features& f, request_configuration& c) {
    namespace e = pasid_entry;
    const unsigned levels = levels_of_aw(static_cast<unsigned>(e::AW.of(w)));
    if (!f.second_stage || !f.has_levels(levels))
        return false;
    c.second = second_stage_of(f, e::SSPTPTR.of(w[0]), levels, true);
    c.second.execute_enable = e::SSEE.of(w) != 0;
    c.second.accessed_dirty = e::SSADE.of(w) != 0;
    return true;
}

} // namespace

fault_reason decode_pasid_entry(std::span<const std::uint64_t, 8> w, const features& f, std::uint32_t pasid,
                                request_configuration& c) {
    namespace e = pasid_entry;
    using type = e::translation_type;
    c.fault_disabled |= e::FPD.of(w) != 0;
    if (!e::P.of(w))
        return fault_reason::pasid_entry_not_present;
    const auto pgtt = static_cast<type>(e::PGTT.of(w));
    const bool first = pgtt == type::first_stage || pgtt == type::nested;
    const bool second = pgtt == type::second_stage || pgtt == type::nested;
    constexpr std::uint64_t reserved_0 = 0xc00, reserved_1 = 0x7f'0000, reserved_2 = 0xf00;
    // under a second stage the first table's address is a guest's; a pointer that PGTT has no use for is ignored
    if ((w[0] & (reserved_0 | (second ? beyond_host(f) : 0))) || (w[1] & reserved_1) ||
        (w[2] & (reserved_2 | (first && !second ? beyond_host(f) : 0))) || any(w, 3) || e::DID.of(w) >> f.domain_bits ||
        (e::PWSNP.of(w) && !f.page_walk_snoop) || (e::PGSNP.of(w) && !f.snoop_control))
        return fault_reason::pasid_entry_reserved;
    c.execute_requests = e::ERE.of(w) != 0;
    c.supervisor_requests = e::SRE.of(w) != 0;
    if ((c.execute_requests && !f.execute_requests) || (c.supervisor_requests && !f.supervisor_requests) ||
        (e::EAFE.of(w) && !f.extended_accessed) || (e::SSADE.of(w) && !f.second_stage_accessed_dirty))
        return fault_reason::pasid_entry_invalid;
    if ((first && !decode_first_stage(w, f, c)) || (second && !decode_second_stage(w, f, c)))
        return fault_reason::pasid_entry_invalid;
    const auto modes = static_cast<std::uint8_t>(regime::WPE.make(e::WPE.of(w)) | regime::NXE.make(e::NXE.of(w)));
    c.tag = {.vm = static_cast<std::uint32_t>(e::DID.of(w))};
    c.second.tag = {.vm = c.tag.vm,
                    .space = space_of(c.second.root),
                    .regime = regime_of(regime::second_stage, c.second.levels - 2U)};
    switch (pgtt) {
    case type::first_stage:
        c.what = request_configuration::action::first_stage;
        c.tag.space = pasid;
        c.tag.regime = modes | regime_of(regime::first_stage, c.first.levels - 3U);
        break;
    case type::second_stage:
        c.what = request_configuration::action::second_stage;
        c.tag = c.second.tag;
        break;
    case type::nested:
        if (!f.nested)
            return fault_reason::pasid_entry_invalid;
        c.what = request_configuration::action::nested;
        c.first.physical_bits = 52; // of a guest's address: the second stage's width bounds it
        c.tag.space = pasid;
        c.tag.regime = modes | regime_of(regime::nested, c.second.levels - 2U);
        break;
    case type::pass_through:
        if (!f.pass_through)
            return fault_reason::pasid_entry_invalid;
        c.what = request_configuration::action::pass_through;
        c.tag.regime = regime::bypass;
        break;
    default:
        return fault_reason::pasid_entry_invalid;
    }
    c.first.tag = c.tag;
    return fault_reason::none;
}

} // namespace iommulab::vtd
