// SPDX-License-Identifier: Apache-2.0
// The way from a StreamID and a SubstreamID to their configuration in memory: Arm IHI 0070, 3.3.1, 3.3.3, 7.3.
#include "models/smmu_v3/configuration.h"
#include "models/smmu_v3/faults.h"

namespace iommulab::smmu_v3 {

namespace {

constexpr time_part fetching = time_part::configuration_fetch;

using words_64 = std::span<const std::uint64_t, 8>;

std::uint64_t low_bits(unsigned n) {
    return (std::uint64_t{1} << n) - 1;
}

/// The STE's address (3.3.1); false: refused.
walk<bool> find_ste(walk_context& context, const configuration_source& source, const access& a, std::uint64_t& address,
                    fault& why) {
    const stream_table& t = source.table;
    const std::uint64_t sid = a.source_id;
    if (sid >> t.log2_size) {
        why = configuration_fault(event::C_BAD_STREAMID, a);
        why.recorded = source.recinvsid;
        co_return false;
    }
    if (!t.two_level) {
        address = t.base + sid * ste::bytes;
        co_return true;
    }
    const std::uint64_t l1_address = t.base + (sid >> t.split) * l1std::bytes;
    const auto l1 = co_await context.read64(fetching, l1_address);
    if (!l1) {
        why = fetch_fault(event::F_STE_FETCH, a, l1_address);
        co_return false;
    }
    // 5.1: Span = 0 has no table, else it has 2^(Span-1) STEs; larger than the split is reserved, taken as none
    const auto span = static_cast<unsigned>(l1std::Span.of(*l1));
    const std::uint64_t index = sid & low_bits(t.split);
    if (span == 0 || span > t.split + 1 || index >> (span - 1)) {
        why = configuration_fault(event::C_BAD_STREAMID, a);
        why.recorded = source.recinvsid;
        co_return false;
    }
    address = (l1std::L2Ptr.of(*l1) & ~low_bits(span - 1 + 6)) + index * ste::bytes;
    co_return true;
}

/// Where a configuration structure at `address` is: with stage 2 the address is intermediate (3.3.2).
walk<bool> locate(walk_context& context, const configuration_source& source, const access& a,
                  const stream_configuration& c, std::uint64_t& address, fault& why) {
    if (!c.stage2)
        co_return true;
    const arm_vmsa::stage2_request request{.ipa = address, .needed = rights::read, .what = arm_vmsa::fault_class::CD};
    arm_vmsa::walk_result second;
    walk<bool> stage2 = arm_vmsa::walk_stage2(context, c.s2, request, second.page, second.fault, source.caches);
    const bool found = co_await stage2;
    if (!found) {
        why = walk_fault(second.fault, a, c);
        co_return false;
    }
    address = second.page.output(address);
    co_return true;
}

/// The CD's address, physical (3.3.3); false: refused.
walk<bool> find_cd(walk_context& context, const configuration_source& source, const access& a,
                   const stream_table_entry& s, std::uint64_t ssid, std::uint64_t& address, fault& why) {
    if (s.format == ste::s1_format::linear || !s.substreams) {
        address = s.context_pointer + ssid * cd::bytes;
        const bool linear_found = co_await locate(context, source, a, s.base, address, why);
        co_return linear_found;
    }
    const unsigned leaf = s.format == ste::s1_format::two_level_4k ? l1cd::log2_entries_4k : l1cd::log2_entries_64k;
    address = s.context_pointer + (ssid >> leaf) * l1cd::bytes;
    const bool l1_found = co_await locate(context, source, a, s.base, address, why);
    if (!l1_found)
        co_return false;
    const auto l1 = co_await context.read64(fetching, address);
    if (!l1) {
        why = fetch_fault(event::F_CD_FETCH, a, address);
        co_return false;
    }
    if (!l1cd::V.of(*l1)) {
        why = configuration_fault(event::C_BAD_SUBSTREAMID, a);
        co_return false;
    }
    address = (l1cd::L2Ptr.of(*l1) & ~low_bits(leaf + 6)) + (ssid & low_bits(leaf)) * cd::bytes;
    const bool found = co_await locate(context, source, a, s.base, address, why);
    co_return found;
}

/// What remains of a stream whose stage 1 is bypassed for this access (S1DSS = 0b01).
stream_configuration without_stage1(const stream_table_entry& s) {
    stream_configuration c = s.base;
    c.stage1 = false;
    c.what = c.stage2 ? stream_configuration::action::translate : stream_configuration::action::bypass;
    const auto world = static_cast<std::uint8_t>(c.tag.regime & ~(regime::world_mask | regime::nested.make(1)));
    c.tag = c.s2.tag;
    c.tag.regime = static_cast<std::uint8_t>(world | regime::stage2);
    return c;
}

/// Which CD serves the access (3.9, STE.S1DSS); an event: none does.
event choose_substream(const stream_table_entry& s, const access& a, std::uint64_t& ssid, bool& bypass) {
    ssid = 0;
    bypass = false;
    if (a.has_pasid) {
        if (!s.base.stage1 || !s.substreams || a.pasid >> s.log2_contexts)
            return event::C_BAD_SUBSTREAMID;
        if (a.pasid == 0 && s.dss == ste::s1dss::substream0)
            return event::F_STREAM_DISABLED;
        ssid = a.pasid;
        return event::none;
    }
    if (!s.substreams)
        return event::none;
    bypass = s.dss == ste::s1dss::bypass;
    return bypass || s.dss == ste::s1dss::substream0 ? event::none : event::F_STREAM_DISABLED;
}

} // namespace

walk<bool> fetch_configuration(walk_context& context, const configuration_source& source, const access& a,
                               stream_configuration& into, fault& why) {
    std::uint64_t address = 0;
    const bool ste_found = co_await find_ste(context, source, a, address, why);
    if (!ste_found)
        co_return false;
    const auto ste_words = co_await context.read_words(fetching, address, ste::bytes);
    if (!ste_words) {
        why = fetch_fault(event::F_STE_FETCH, a, address);
        co_return false;
    }
    stream_table_entry entry;
    event e = decode(words_64(*ste_words), source.feature, source.e2h, entry);
    if (e != event::none) {
        why = configuration_fault(e, a);
        co_return false;
    }
    if (entry.base.what == stream_configuration::action::abort) {
        into = entry.base;
        co_return true;
    }
    std::uint64_t ssid = 0;
    bool bypass = false;
    e = choose_substream(entry, a, ssid, bypass);
    if (e != event::none) {
        why = configuration_fault(e, a);
        co_return false;
    }
    if (!entry.base.stage1 || bypass) {
        into = entry.base.stage1 ? without_stage1(entry) : entry.base;
        co_return true;
    }
    const bool cd_found = co_await find_cd(context, source, a, entry, ssid, address, why);
    if (!cd_found)
        co_return false;
    const auto cd_words = co_await context.read_words(fetching, address, cd::bytes);
    if (!cd_words) {
        why = fetch_fault(event::F_CD_FETCH, a, address);
        co_return false;
    }
    e = decode(words_64(*cd_words), source.feature, entry, source.e2h, into);
    if (e != event::none) {
        why = configuration_fault(e, a);
        co_return false;
    }
    co_return true;
}

} // namespace iommulab::smmu_v3
