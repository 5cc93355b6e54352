// SPDX-License-Identifier: Apache-2.0
// SMMUv3 without time: STE and CD checks, the way through the configuration tables, event records. Section numbers are
// those of Arm IHI 0070.
#include "models/smmu_v3/configuration.h"
#include "models/smmu_v3/faults.h"
#include "models/smmu_v3/spec/registers.h"
#include "testbenches/harness/immediate_context.h"
#include "testbenches/smmu_v3/entries.h"

#include <gtest/gtest.h>

#include <set>

namespace iommulab::smmu_v3 {
namespace {

event check(const entry_words& w, const id_registers& id = everything()) {
    stream_table_entry s;
    return decode(w, features::of(id), false, s);
}

event check_cd(const entry_words& w, const id_registers& id = everything(), const entry_words& ste = stage1_ste(0)) {
    stream_table_entry s;
    EXPECT_EQ(decode(ste, features::of(id), false, s), event::none);
    stream_configuration c;
    return decode(w, features::of(id), s, false, c);
}

// --- STE (5.2) -----------------------------------------------------------------------------------------------------

TEST(smmu_v3_ste, invalid_is_bad_and_0b0xx_aborts) {
    EXPECT_EQ(check(entry_words{}), event::C_BAD_STE);
    for (unsigned config = 0; config < 4; ++config) {
        stream_table_entry s;
        entry_words w{};
        ste::V.put(w, 1);
        ste::Config.put(w, config);
        EXPECT_EQ(decode(w, features::of(everything()), false, s), event::none);
        EXPECT_EQ(s.base.what, stream_configuration::action::abort);
    }
}

TEST(smmu_v3_ste, a_stage_that_does_not_exist_is_bad) {
    const auto no_stage1 = with(&id_registers::IDR0, idr0::S1P, 0);
    const auto no_stage2 = with(&id_registers::IDR0, idr0::S2P, 0);
    EXPECT_EQ(check(stage1_ste(0)), event::none);
    EXPECT_EQ(check(stage1_ste(0), no_stage1), event::C_BAD_STE);
    EXPECT_EQ(check(stage2_ste(0)), event::none);
    EXPECT_EQ(check(stage2_ste(0), no_stage2), event::C_BAD_STE);
    EXPECT_EQ(check(stage2_ste(0), no_stage1), event::none);
}

TEST(smmu_v3_ste, stage_2_geometry_must_fit_16_concatenated_tables) {
    const auto check_geometry = [](unsigned tg, unsigned t0sz, unsigned sl0) {
        entry_words w = stage2_ste(0);
        ste::S2TG.put(w, tg);
        ste::S2T0SZ.put(w, t0sz);
        ste::S2SL0.put(w, sl0);
        return check(w);
    };
    EXPECT_EQ(check_geometry(0, 16, 2), event::none);      // 48 bits from level 0
    EXPECT_EQ(check_geometry(0, 21, 1), event::none);      // 43 bits: 16 tables of level 1
    EXPECT_EQ(check_geometry(0, 20, 1), event::C_BAD_STE); // 44 bits: 32 of them
    EXPECT_EQ(check_geometry(0, 25, 2), event::C_BAD_STE); // 39 bits don't reach level 0
    EXPECT_EQ(check_geometry(0, 15, 2), event::C_BAD_STE); // more than the IAS
    EXPECT_EQ(check_geometry(2, 35, 0), event::none);      // 16K: 29 bits, 16 tables of level 3
    EXPECT_EQ(check_geometry(2, 34, 0), event::C_BAD_STE);
    EXPECT_EQ(check_geometry(1, 22, 1), event::none);      // 64K: 42 bits from level 2
    EXPECT_EQ(check_geometry(3, 24, 1), event::C_BAD_STE); // reserved granule
    EXPECT_EQ(check_geometry(0, 40, 0), event::none);      // small tables
    EXPECT_EQ(check(stage2_ste(0), with(&id_registers::IDR5, idr5::GRAN4K, 0)), event::C_BAD_STE);
}

TEST(smmu_v3_ste, stage_2_rules) {
    EXPECT_EQ(check(changed(stage2_ste(0), ste::S2ENDI, 1)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage2_ste(0), ste::S2AA64, 0)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage2_ste(0), ste::S2HA, 1), with(&id_registers::IDR0, idr0::HTTU, 0)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage2_ste(0), ste::S2HD, 1), with(&id_registers::IDR0, idr0::HTTU, 1)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage2_ste(0), ste::S2S, 1), with(&id_registers::IDR0, idr0::STALL_MODEL, 1)),
              event::C_BAD_STE);
    EXPECT_EQ(check(stage2_ste(0), with(&id_registers::IDR0, idr0::STALL_MODEL, 2)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage2_ste(0), ste::S2VMID, 0x100), with(&id_registers::IDR0, idr0::VMID16, 0)),
              event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage2_ste(0x1'0000'0000), ste::S2PS, 0)), event::C_BAD_STE); // S2TTB beyond 32 bits
    stream_table_entry s;
    EXPECT_EQ(decode(changed(stage2_ste(0), ste::S2PS, 7), features::of(everything()), false, s), event::none);
    EXPECT_EQ(s.base.s2.output_bits, 48); // capped to the OAS
}

TEST(smmu_v3_ste, stage_1_rules) {
    EXPECT_EQ(check(changed(stage1_ste(0), ste::S1STALLD, 1)), event::none);
    EXPECT_EQ(check(changed(stage1_ste(0), ste::S1STALLD, 1), with(&id_registers::IDR0, idr0::STALL_MODEL, 1)),
              event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage1_ste(0), ste::S1CDMax, 21)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage1_ste(0), ste::S1CDMax, 21), with(&id_registers::IDR1, idr1::SSIDSIZE, 0)),
              event::none); // RES0 without substreams
    entry_words two_level = changed(stage1_ste(0), ste::S1CDMax, 8);
    ste::S1Fmt.put(two_level, 1);
    EXPECT_EQ(check(two_level), event::none);
    EXPECT_EQ(check(two_level, with(&id_registers::IDR0, idr0::CD2L, 0)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(two_level, ste::S1Fmt, 3)), event::C_BAD_STE);
    EXPECT_EQ(check(changed(stage1_ste(0), ste::STRW, 2)), event::none);
    EXPECT_EQ(check(changed(stage1_ste(0), ste::STRW, 1)), event::C_BAD_STE);
    entry_words nested_el2 = changed(stage1_ste(0), ste::STRW, 2);
    add_stage2(nested_el2, 0);
    EXPECT_EQ(check(nested_el2), event::C_BAD_STE);
}

TEST(smmu_v3_ste, translations_of_different_regimes_never_share_a_tag) {
    std::set<std::uint8_t> regimes;
    const auto tag_of = [&](const entry_words& w, bool e2h = false) {
        stream_table_entry s;
        EXPECT_EQ(decode(w, features::of(everything()), e2h, s), event::none);
        EXPECT_TRUE(regimes.insert(s.base.tag.regime).second);
        return s.base.tag;
    };
    entry_words nested = changed(stage1_ste(0), ste::S2VMID, 9);
    add_stage2(nested, 0);
    EXPECT_EQ(tag_of(nested).vm, 9U);
    EXPECT_EQ(tag_of(changed(stage1_ste(0), ste::S2VMID, 9)).vm, 9U); // S2VMID counts without stage 2 too
    EXPECT_EQ(tag_of(changed(stage2_ste(0), ste::S2VMID, 9)).vm, 9U);
    const entry_words el2 = changed(changed(stage1_ste(0), ste::S2VMID, 9), ste::STRW, 2);
    EXPECT_EQ(tag_of(el2).vm, 0U);
    EXPECT_EQ(tag_of(el2, true).vm, 0U);
    tag_of(changed(stage1_ste(0), ste::PRIVCFG, 3));
    tag_of(changed(stage1_ste(0), ste::INSTCFG, 3));
}

// --- CD (5.4) ------------------------------------------------------------------------------------------------------

TEST(smmu_v3_cd, validity_and_sizes) {
    EXPECT_EQ(check_cd(plain_cd()), event::none);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::V, 0)), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::AA64, 0)), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::ENDI, 1)), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::T0SZ, 15)), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::T0SZ, 48)), event::none); // small tables
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::T0SZ, 49)), event::C_BAD_CD);
    const auto no_small_tables = with(&id_registers::IDR3, idr3::STT, 0);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::T0SZ, 39), no_small_tables), event::none);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::T0SZ, 40), no_small_tables), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::TG0, 3)), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(changed(plain_cd(), cd::TG0, 3), cd::EPD0, 1)), event::none); // disabled: not looked at
    EXPECT_EQ(check_cd(changed(plain_cd(0x1'0000'0000), cd::IPS, 0)), event::C_BAD_CD);
    const auto large_va = with(&id_registers::IDR5, idr5::VAX, 1);
    EXPECT_EQ(check_cd(changed(changed(plain_cd(), cd::TG0, 1), cd::T0SZ, 12), large_va), event::none);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::T0SZ, 12), large_va), event::C_BAD_CD); // 64K granule alone
}

TEST(smmu_v3_cd, the_granule_of_the_upper_range_is_encoded_otherwise) {
    entry_words w = changed(plain_cd(), cd::EPD1, 0);
    cd::T1SZ.put(w, 25);
    const std::array expected{arm_vmsa::granule::kib_16, arm_vmsa::granule::kib_4, arm_vmsa::granule::kib_64};
    for (unsigned tg = 1; tg < 4; ++tg) {
        stream_table_entry s;
        stream_configuration c;
        ASSERT_EQ(decode(stage1_ste(0), features::of(everything()), false, s), event::none);
        ASSERT_EQ(decode(changed(w, cd::TG1, tg), features::of(everything()), s, false, c), event::none);
        EXPECT_EQ(c.s1.ways[1].geometry.tg, expected[tg - 1]);
        EXPECT_EQ(c.tag.space, 7U);
    }
    EXPECT_EQ(check_cd(changed(w, cd::TG1, 0)), event::C_BAD_CD);
}

TEST(smmu_v3_cd, fault_behaviour_must_exist_5_5) {
    const auto terminate_only = with(&id_registers::IDR0, idr0::STALL_MODEL, 1);
    const auto stall_forced = with(&id_registers::IDR0, idr0::STALL_MODEL, 2);
    const auto abort_only = with(&id_registers::IDR0, idr0::TERM_MODEL, 1);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::S, 1)), event::none);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::S, 1), terminate_only), event::C_BAD_CD);
    EXPECT_EQ(check_cd(plain_cd(), stall_forced), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::A, 0)), event::none);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::A, 0), abort_only), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::S, 1), everything(), changed(stage1_ste(0), ste::S1STALLD, 1)),
              event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::HA, 1), with(&id_registers::IDR0, idr0::HTTU, 0)), event::C_BAD_CD);
    EXPECT_EQ(check_cd(changed(plain_cd(), cd::ASID, 0x100), with(&id_registers::IDR0, idr0::ASID16, 0)),
              event::C_BAD_CD);
}

// --- the way through the tables (3.3) ------------------------------------------------------------------------------

struct configuration_walk : testing::Test {
    id_registers id = everything();
    features f = features::of(id);
    immediate_context context;
    std::uint64_t strtab_base = 0x10000, strtab_cfg = 5; // linear, 32 entries
    bool recinvsid = true;
    stream_configuration found;
    fault why;

    void write(std::uint64_t address, const entry_words& w) {
        for (unsigned n = 0; n < 8; ++n)
            context.memory[address + 8 * n] = w[n];
    }
    event fetch(std::uint32_t sid, std::optional<std::uint32_t> ssid = std::nullopt) {
        f = features::of(id);
        access a;
        a.source_id = sid;
        a.has_pasid = ssid.has_value();
        a.pasid = ssid.value_or(0);
        const configuration_source source{.feature = f,
                                          .table = stream_table::of(strtab_base, strtab_cfg, f),
                                          .e2h = false,
                                          .recinvsid = recinvsid,
                                          .caches = {}};
        context.forget_history();
        const bool ok = context.run(fetch_configuration(context, source, a, found, why));
        if (ok)
            return event::none;
        EXPECT_EQ(record::EventID.of(why.words), why.reason);
        EXPECT_EQ(record::StreamID.of(why.words), sid);
        EXPECT_EQ(record::SSV.of(why.words), ssid.has_value());
        EXPECT_EQ(record::SubstreamID.of(why.words), ssid.value_or(0));
        return static_cast<event>(why.reason);
    }
};

TEST_F(configuration_walk, linear_table_ends_at_its_size_3_3_1_1) {
    write(0x10000 + 31 * 64, stage2_ste(0x5000));
    EXPECT_EQ(fetch(31), event::none);
    EXPECT_TRUE(found.stage2);
    EXPECT_EQ(fetch(32), event::C_BAD_STREAMID);
    EXPECT_TRUE(why.recorded);
    recinvsid = false;
    EXPECT_EQ(fetch(32), event::C_BAD_STREAMID);
    EXPECT_FALSE(why.recorded); // 6.3.12
}

TEST_F(configuration_walk, table_base_is_aligned_to_the_table_6_3_23) {
    strtab_base = 0x10000 + 0x7c0;
    write(0x10000, stage2_ste(0x5000));
    EXPECT_EQ(fetch(0), event::none);
}

TEST_F(configuration_walk, two_level_table_for_every_split) {
    for (const unsigned split : {6U, 8U, 10U}) {
        context.memory.clear();
        strtab_cfg =
            strtab_base_cfg::FMT.make(1) | strtab_base_cfg::SPLIT.make(split) | strtab_base_cfg::LOG2SIZE.make(16);
        const std::uint32_t sid = 3 << split | 5;
        context.memory[0x10000 + 3 * 8] = 0x200000 | l1std::Span.make(4); // 8 STEs
        write(0x200000 + 5 * 64, stage2_ste(0x5000));
        EXPECT_EQ(fetch(sid), event::none) << split;
        EXPECT_EQ(fetch(sid + 3), event::C_BAD_STREAMID) << split; // index 8, beyond the span
        context.memory[0x10000 + 3 * 8] = 0x200000;
        EXPECT_EQ(fetch(sid), event::C_BAD_STREAMID) << split; // no table
        context.memory[0x10000 + 3 * 8] = 0x200000 | l1std::Span.make(split + 2);
        EXPECT_EQ(fetch(sid), event::C_BAD_STREAMID) << split; // larger than the split
        EXPECT_EQ(fetch(1 << 16), event::C_BAD_STREAMID) << split;
    }
}

TEST_F(configuration_walk, aborted_fetches_name_their_address) {
    EXPECT_EQ(fetch(1), event::F_STE_FETCH);
    EXPECT_EQ(record::FetchAddr.of(why.words[3]), 0x10040U);
    write(0x10040, stage1_ste(0x300000));
    EXPECT_EQ(fetch(1), event::F_CD_FETCH);
    EXPECT_EQ(record::FetchAddr.of(why.words[3]), 0x300000U);
    EXPECT_EQ(why.ends, fault::ending::abort);
}

TEST_F(configuration_walk, substreams_choose_a_CD_3_9) {
    entry_words w = changed(stage1_ste(0x300000), ste::S1CDMax, 3);
    for (unsigned n = 0; n < 8; ++n)
        write(0x300000 + n * 64, changed(plain_cd(), cd::ASID, 0x40 + n));
    const auto with_dss = [&](ste::s1dss dss) {
        write(0x10000, changed(w, ste::S1DSS, static_cast<std::uint64_t>(dss)));
    };
    with_dss(ste::s1dss::terminate);
    EXPECT_EQ(fetch(0, 5), event::none);
    EXPECT_EQ(found.tag.space, 0x45U);
    EXPECT_EQ(fetch(0, 0), event::none);
    EXPECT_EQ(fetch(0, 8), event::C_BAD_SUBSTREAMID);
    EXPECT_EQ(fetch(0), event::F_STREAM_DISABLED);
    with_dss(ste::s1dss::bypass);
    EXPECT_EQ(fetch(0), event::none);
    EXPECT_EQ(found.what, stream_configuration::action::bypass);
    EXPECT_EQ(fetch(0, 5), event::none);
    EXPECT_EQ(found.what, stream_configuration::action::translate);
    with_dss(ste::s1dss::substream0);
    EXPECT_EQ(fetch(0), event::none);
    EXPECT_EQ(found.tag.space, 0x40U);
    EXPECT_EQ(fetch(0, 0), event::F_STREAM_DISABLED);
    write(0x10000, stage1_ste(0x300000));
    EXPECT_EQ(fetch(0, 1), event::C_BAD_SUBSTREAMID); // no substreams in this stream
    write(0x10000, stage2_ste(0x5000));
    EXPECT_EQ(fetch(0, 1), event::C_BAD_SUBSTREAMID); // no stage 1
}

TEST_F(configuration_walk, two_level_context_tables_5_3) {
    for (const unsigned format : {1U, 2U}) {
        const unsigned leaf = format == 1 ? 6 : 10;
        entry_words w = changed(changed(stage1_ste(0x300000), ste::S1CDMax, 12), ste::S1Fmt, format);
        write(0x10000, w);
        const std::uint32_t ssid = 2 << leaf | 3;
        context.memory[0x300000 + 2 * 8] = 0x400000;
        EXPECT_EQ(fetch(0, ssid), event::C_BAD_SUBSTREAMID); // V = 0
        context.memory[0x300000 + 2 * 8] = 0x400001;
        EXPECT_EQ(fetch(0, ssid), event::F_CD_FETCH);
        write(0x400000 + 3 * 64, plain_cd());
        EXPECT_EQ(fetch(0, ssid), event::none);
        EXPECT_EQ(found.tag.space, 7U);
        context.memory.clear();
    }
}

TEST_F(configuration_walk, with_stage_2_the_CD_has_an_intermediate_address_3_3_2) {
    entry_words w = stage1_ste(0x8000'1040);
    add_stage2(w, 0x500000);
    write(0x10000, w);
    context.exists = [](std::uint64_t a) { return a >= 0x500000 && a < 0x510000; };
    EXPECT_EQ(fetch(0), event::F_TRANSLATION);
    EXPECT_EQ(record::S2.of(why.words), 1U);
    EXPECT_EQ(record::CLASS.of(why.words), 0U); // CD
    EXPECT_EQ(record::IPA.of(why.words[3]), 0x8000'1000U);
    // level 1 block at 2 GiB: readable, Normal, AF
    context.memory[0x500000 + 2 * 8] = 0x4000'0000 | 0x1 | 0xf << 2 | 3 << 6 | 1 << 10;
    write(0x4000'1040, plain_cd());
    EXPECT_EQ(fetch(0), event::none);
    EXPECT_TRUE(found.stage1 && found.stage2);
}

// --- event records (7.3) -------------------------------------------------------------------------------------------

TEST(smmu_v3_records, a_stage_1_fault_ends_as_the_CD_says_5_5) {
    arm_vmsa::walk_fault w;
    w.kind = arm_vmsa::fault_kind::permission;
    w.stage = 1;
    access a;
    a.source_id = 0x1234;
    a.address = 0xffff'0000'1234'5678;
    a.write = true;
    a.privileged = true;
    stream_configuration c;
    c.a = true;
    c.r = true;
    fault f = walk_fault(w, a, c);
    EXPECT_EQ(f.words[0], 0x1234'0000'0013U);
    EXPECT_EQ(f.words[1], 0x0000'0202'0000'0000U); // CLASS=IN, PnU, a write
    EXPECT_EQ(f.words[2], a.address);
    EXPECT_EQ(f.words[3], 0U);
    EXPECT_EQ(f.ends, fault::ending::abort);
    EXPECT_TRUE(f.recorded);
    c.a = false;
    EXPECT_EQ(walk_fault(w, a, c).ends, fault::ending::ignore);
    c.r = false;
    EXPECT_FALSE(walk_fault(w, a, c).recorded);
    c.s = true;
    EXPECT_EQ(walk_fault(w, a, c).ends, fault::ending::stall);
    EXPECT_TRUE(walk_fault(w, a, c).recorded); // software must learn of what stalls
    w.kind = arm_vmsa::fault_kind::external_abort;
    w.what = arm_vmsa::fault_class::TT;
    w.fetch_address = 0x8000'0ff8;
    f = walk_fault(w, a, c);
    EXPECT_EQ(f.reason, static_cast<std::uint32_t>(event::F_WALK_EABT));
    EXPECT_EQ(f.ends, fault::ending::abort); // external aborts never stall
    EXPECT_TRUE(f.recorded);
    EXPECT_EQ(f.words[3], 0x8000'0ff8U);
}

TEST(smmu_v3_records, a_stage_2_fault_ends_as_the_STE_says) {
    arm_vmsa::walk_fault w;
    w.kind = arm_vmsa::fault_kind::permission;
    w.stage = 2;
    w.what = arm_vmsa::fault_class::TT;
    w.ipa = 0x12'3456'7abc;
    access a;
    a.has_pasid = true;
    a.pasid = 0xabcde;
    stream_configuration c;
    c.a = false; // stage 1's, of no concern
    c.r = true;
    fault f = walk_fault(w, a, c);
    EXPECT_FALSE(f.recorded);
    EXPECT_EQ(f.ends, fault::ending::abort);
    c.s2r = true;
    f = walk_fault(w, a, c);
    EXPECT_TRUE(f.recorded);
    EXPECT_EQ(record::SSV.of(f.words), 1U);
    EXPECT_EQ(record::SubstreamID.of(f.words), 0xabcdeU);
    EXPECT_EQ(record::TTRnW.of(f.words), 1U);
    EXPECT_EQ(f.words[3], 0x12'3456'7000U); // IPA[51:12]
    w.on_update = true;
    EXPECT_EQ(record::TTRnW.of(walk_fault(w, a, c).words), 0U);
    c.s2s = true;
    EXPECT_EQ(walk_fault(w, a, c).ends, fault::ending::stall);
}

TEST(smmu_v3_records, attribute_overrides_apply_before_the_record_and_the_check_5_2) {
    stream_configuration c;
    c.privcfg = 3;
    c.instcfg = 2;
    access a;
    a.instruction = true;
    const access b = overridden(a, c);
    EXPECT_TRUE(b.privileged);
    EXPECT_FALSE(b.instruction);
    // a page that only privileged accesses may read: as it comes, everyone reads and fetches it
    EXPECT_EQ(rights_before_override(rights::privileged_read, c), rights::reads | rights::executes);
    EXPECT_EQ(rights_before_override(rights::read, c), 0);
    EXPECT_EQ(rights_before_override(rights::read, {}), rights::read);
    EXPECT_EQ(rights_before_override(rights::privileged_write, c), rights::writes);
}

TEST(smmu_v3_records, are_described_by_the_names_of_the_manual) {
    arm_vmsa::walk_fault w;
    w.kind = arm_vmsa::fault_kind::translation;
    w.stage = 2;
    w.ipa = 0x5000;
    access a;
    a.source_id = 0x10;
    a.address = 0x5004;
    EXPECT_EQ(describe_event(walk_fault(w, a, {}).words),
              "F_TRANSLATION StreamID=0x10 S2=1 CLASS=IN read InputAddr=0x5004 IPA=0x5000");
    EXPECT_EQ(describe_event(fetch_fault(event::F_STE_FETCH, a, 0x80000400).words),
              "F_STE_FETCH StreamID=0x10 FetchAddr=0x80000400");
    EXPECT_EQ(describe_event(std::array<std::uint64_t, 4>{0xee, 0, 0, 0}), "event 0xee StreamID=0x0");
}

} // namespace
} // namespace iommulab::smmu_v3
