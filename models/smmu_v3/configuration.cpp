// SPDX-License-Identifier: Apache-2.0
// Checks and decoding of STEs and CDs. Pure functions of the entry and the ID registers.
#include "models/smmu_v3/configuration.h"

#include "models/smmu_v3/spec/registers.h"

#include <algorithm>
#include <optional>

namespace iommulab::smmu_v3 {

namespace {

using words_64 = std::span<const std::uint64_t, 8>;

bool set(const bit_field& f, words_64 w) {
    return f.of(w) != 0;
}
std::uint8_t small(const bit_field& f, words_64 w) {
    return static_cast<std::uint8_t>(f.of(w));
}

bool implemented(arm_vmsa::granule g, const features& f) {
    switch (g) {
    case arm_vmsa::granule::kib_4:
        return f.granule_4k;
    case arm_vmsa::granule::kib_16:
        return f.granule_16k;
    case arm_vmsa::granule::kib_64:
        break;
    }
    return f.granule_64k;
}

/// CD.TG0 and STE.S2TG (5.4, 5.2)
std::optional<arm_vmsa::granule> granule_of_tg0(unsigned tg) {
    switch (tg) {
    case 0:
        return arm_vmsa::granule::kib_4;
    case 1:
        return arm_vmsa::granule::kib_64;
    case 2:
        return arm_vmsa::granule::kib_16;
    default:
        return std::nullopt;
    }
}
/// CD.TG1, encoded otherwise (5.4)
std::optional<arm_vmsa::granule> granule_of_tg1(unsigned tg) {
    switch (tg) {
    case 1:
        return arm_vmsa::granule::kib_16;
    case 2:
        return arm_vmsa::granule::kib_4;
    case 3:
        return arm_vmsa::granule::kib_64;
    default:
        return std::nullopt;
    }
}

/// Limits of T0SZ and T1SZ (5.4, CD.T0SZ; 3.4.1)
bool size_is_legal(unsigned tsz, arm_vmsa::granule g, const features& f) {
    const unsigned least = f.va_52_bits && g == arm_vmsa::granule::kib_64 ? 12 : 16;
    const unsigned most = !f.stt ? 39 : (g == arm_vmsa::granule::kib_64 ? 47 : 48);
    return tsz >= least && tsz <= most;
}

std::uint64_t below(unsigned bits) {
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// Stage 2 fields of an STE (5.2): S2T0SZ, S2SL0, S2TG, S2PS, S2TTB and the rest.
bool decode_stage2(words_64 w, const features& f, stream_configuration& c) {
    const auto tg = granule_of_tg0(small(ste::S2TG, w));
    if (!tg || !implemented(*tg, f) || !set(ste::S2AA64, w) || set(ste::S2ENDI, w))
        return false;
    arm_vmsa::stage2_regime& s2 = c.s2;
    s2.tg = *tg;
    s2.tsz = small(ste::S2T0SZ, w);
    // the smallest input that S2T0SZ may ask for is that of stage 1; the largest is the IAS, 48 bits without the 64K
    // granule
    const unsigned most_bits = *tg == arm_vmsa::granule::kib_64 ? f.ias_bits() : std::min(f.ias_bits(), 48U);
    const unsigned most_tsz = !f.stt ? 39 : (*tg == arm_vmsa::granule::kib_64 ? 47 : 48);
    if (s2.tsz > most_tsz || 64U - s2.tsz > most_bits)
        return false;
    const auto start = arm_vmsa::stage2_start_level(*tg, small(ste::S2SL0, w), f.oas_bits, f.stt);
    if (!start || !arm_vmsa::stage2_geometry_is_legal(*tg, *start, 64U - s2.tsz))
        return false;
    s2.start_level = static_cast<std::uint8_t>(*start);
    s2.implemented_bits = static_cast<std::uint8_t>(f.oas_bits);
    s2.output_bits = static_cast<std::uint8_t>(
        arm_vmsa::output_bits_of(*tg, arm_vmsa::address_bits_of(small(ste::S2PS, w)), f.oas_bits));
    s2.ttb = ste::S2TTB.of(w[3]);
    if (s2.ttb & ~below(s2.output_bits))
        return false;
    s2.affd = set(ste::S2AFFD, w);
    s2.ptw = set(ste::S2PTW, w);
    s2.ha = set(ste::S2HA, w);
    s2.hd = set(ste::S2HD, w);
    if ((s2.ha && f.httu < 1) || (s2.hd && f.httu < 2))
        return false;
    s2.hd = s2.hd && s2.ha;
    s2.xnx = f.xnx;
    c.s2r = set(ste::S2R, w);
    c.s2s = set(ste::S2S, w);
    if ((c.s2s && f.stalls == stall_model::terminate_only) || (!c.s2s && f.stalls == stall_model::stall_forced))
        return false;
    return true;
}

/// Stage 1 fields of an STE (5.2): the context table, substreams, StreamWorld.
bool decode_stage1(words_64 w, const features& f, stream_table_entry& s) {
    s.s1stalld = set(ste::S1STALLD, w);
    if (s.s1stalld && f.stalls != stall_model::stall_and_terminate)
        return false;
    s.world = static_cast<ste::stream_world>(ste::STRW.of(w));
    if (s.world != ste::stream_world::ns_el1 && (s.world != ste::stream_world::ns_el2 || !f.hyp || s.base.stage2))
        return false;
    s.context_pointer = ste::S1ContextPtr.of(w[0]);
    s.log2_contexts = f.ssid_bits == 0 ? 0 : small(ste::S1CDMax, w); // RES0 without substreams (5.2)
    s.substreams = s.log2_contexts != 0;
    if (!s.substreams)
        return true;
    if (s.log2_contexts > f.ssid_bits)
        return false;
    s.format = static_cast<ste::s1_format>(ste::S1Fmt.of(w));
    s.dss = static_cast<ste::s1dss>(ste::S1DSS.of(w));
    unsigned log2_table_bytes = s.log2_contexts + 6; // 64 bytes each
    if (s.format != ste::s1_format::linear) {
        if (!f.cd2l || ste::S1Fmt.of(w) == 3)
            return false;
        const unsigned leaf = s.format == ste::s1_format::two_level_4k ? l1cd::log2_entries_4k : l1cd::log2_entries_64k;
        log2_table_bytes = s.log2_contexts > leaf ? s.log2_contexts - leaf + 3 : 3; // 8 bytes each
    }
    s.context_pointer &= ~below(log2_table_bytes);
    return true;
}

/// One of the two input ranges of a CD. False: illegal.
bool decode_range(words_64 w, const features& f, bool upper, unsigned output_bits, arm_vmsa::stage1_range& r) {
    r.epd = set(upper ? cd::EPD1 : cd::EPD0, w);
    r.tbi = set(upper ? cd::TBI1 : cd::TBI0, w);
    r.had = f.had && set(upper ? cd::HAD1 : cd::HAD0, w);
    if (r.epd)
        return true; // nothing else of the range counts (5.4, CD.EPD0)
    const auto tg = upper ? granule_of_tg1(small(cd::TG1, w)) : granule_of_tg0(small(cd::TG0, w));
    r.tsz = small(upper ? cd::T1SZ : cd::T0SZ, w);
    if (!tg || !implemented(*tg, f) || !size_is_legal(r.tsz, *tg, f))
        return false;
    r.tg = *tg;
    r.ttb = upper ? cd::TTB1.of(w[2]) : cd::TTB0.of(w[1]);
    return (r.ttb & ~below(arm_vmsa::output_bits_of(*tg, output_bits, f.oas_bits))) == 0;
}

} // namespace

event decode(words_64 w, const features& f, bool e2h, stream_table_entry& into) {
    into = {};
    stream_configuration& c = into.base;
    if (!set(ste::V, w))
        return event::C_BAD_STE;
    const unsigned config = small(ste::Config, w);
    if (!(config & ste::Config_translates))
        return event::none; // 0b0xx: abort, silently
    c.what = stream_configuration::action::bypass;
    c.stage1 = (config & ste::Config_stage1) != 0;
    c.stage2 = (config & ste::Config_stage2) != 0;
    if ((c.stage1 && !f.s1p) || (c.stage2 && !f.s2p))
        return event::C_BAD_STE;
    if (f.attribute_overrides) {
        c.privcfg = small(ste::PRIVCFG, w);
        c.instcfg = small(ste::INSTCFG, w);
    }
    if (f.ats) {
        c.eats = small(ste::EATS, w);
        if (c.eats == 2 && !(c.stage1 && c.stage2))
            return event::C_BAD_STE; // split-stage ATS needs both
    }
    const std::uint32_t vmid = f.s2p ? static_cast<std::uint32_t>(ste::S2VMID.of(w)) : 0;
    if (!f.vmid16 && vmid > 0xff)
        return event::C_BAD_STE;
    if (c.stage2 && !decode_stage2(w, f, c))
        return event::C_BAD_STE;
    if (c.stage1 && !decode_stage1(w, f, into))
        return event::C_BAD_STE;
    if (c.stage1 || c.stage2)
        c.what = stream_configuration::action::translate;

    c.s2.tag = {.vm = vmid, .space = 0, .regime = regime::stage2};
    const bool el2 = into.world == ste::stream_world::ns_el2;
    std::uint64_t r = !c.stage1 ? regime::stage2 : (!el2 ? regime::ns_el1 : (e2h ? regime::el2_e2h : regime::el2));
    r = regime::nested.put(r, c.stage1 && c.stage2);
    c.s1.tag = {.vm = el2 ? 0 : vmid, .space = 0, .regime = static_cast<std::uint8_t>(r)};
    c.tag = c.s1.tag;
    c.tag.regime = static_cast<std::uint8_t>(regime::INSTCFG.put(regime::PRIVCFG.put(r, c.privcfg), c.instcfg));
    return event::none;
}

event decode(words_64 w, const features& f, const stream_table_entry& s, bool e2h, stream_configuration& into) {
    into = s.base;
    const unsigned tbi_and_output = arm_vmsa::address_bits_of(small(cd::IPS, w));
    if (!set(cd::V, w) || !set(cd::AA64, w) || set(cd::ENDI, w))
        return event::C_BAD_CD;

    // 5.5: fault behaviour that this SMMU, or this stream, doesn't have
    into.a = set(cd::A, w);
    into.r = set(cd::R, w);
    into.s = set(cd::S, w);
    if ((into.s && (f.stalls == stall_model::terminate_only || s.s1stalld)) ||
        (!into.s && f.stalls == stall_model::stall_forced) || (!into.a && f.abort_only))
        return event::C_BAD_CD;

    arm_vmsa::stage1_regime s1;
    s1.tag = s.base.s1.tag;
    s1.two_ranges = s.world == ste::stream_world::ns_el1 || e2h;
    s1.implemented_bits = static_cast<std::uint8_t>(f.oas_bits);
    s1.output_bits = static_cast<std::uint8_t>(std::min(tbi_and_output, f.oas_bits));
    if (!decode_range(w, f, false, tbi_and_output, s1.range[0]))
        return event::C_BAD_CD;
    if (s1.two_ranges && !decode_range(w, f, true, tbi_and_output, s1.range[1]))
        return event::C_BAD_CD;
    s1.affd = set(cd::AFFD, w);
    s1.ha = set(cd::HA, w);
    s1.hd = set(cd::HD, w);
    if ((s1.ha && f.httu < 1) || (s1.hd && f.httu < 2))
        return event::C_BAD_CD;
    s1.hd = s1.hd && s1.ha;
    s1.wxn = set(cd::WXN, w);
    s1.pan = s1.two_ranges && set(cd::PAN, w);

    const auto asid = static_cast<std::uint32_t>(cd::ASID.of(w));
    if (!f.asid16 && asid > 0xff)
        return event::C_BAD_CD;
    if (s1.two_ranges) { // 3.17: the EL2 regime without E2H has no ASID
        s1.tag.space = asid;
        into.tag.space = asid;
    }
    into.s1 = arm_vmsa::stage1_tables(s1);
    return event::none;
}

stream_table stream_table::of(std::uint64_t strtab_base, std::uint64_t strtab_base_cfg, const features& f) {
    stream_table t;
    t.two_level = f.two_level_stream_table && strtab_base_cfg::FMT.of(strtab_base_cfg) == 1;
    t.log2_size = std::min(static_cast<unsigned>(strtab_base_cfg::LOG2SIZE.of(strtab_base_cfg)), f.sid_bits);
    unsigned log2_bytes = t.log2_size + 6;
    if (t.two_level) {
        const auto split = static_cast<unsigned>(strtab_base_cfg::SPLIT.of(strtab_base_cfg));
        t.split = split == 8 || split == 10 ? split : 6; // reserved values behave as 6
        log2_bytes = t.log2_size > t.split ? t.log2_size - t.split + 3 : 3;
    }
    // 6.3.23: bits that the table's alignment implies are taken as 0, and never fewer than [5:0]
    t.base = strtab_base::ADDR.of(strtab_base) & ~below(std::max(log2_bytes, 6U));
    return t;
}

} // namespace iommulab::smmu_v3
