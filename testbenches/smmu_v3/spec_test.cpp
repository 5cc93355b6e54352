// SPDX-License-Identifier: Apache-2.0
// SMMUv3's declarations: registers, ID registers, parameters and presets, names. Section numbers are those of Arm IHI
// 0070.
#include "models/smmu_v3/parameters.h"
#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "testbenches/smmu_v3/entries.h"

#include <gtest/gtest.h>

#include <vector>

namespace iommulab::smmu_v3 {
namespace {

// --- registers -----------------------------------------------------------------------------------------------------

TEST(smmu_v3_registers, page_0_answers_for_the_event_and_PRI_queue_indices_of_page_1_6_1) {
    register_bank bank(registers());
    bank.write(0x100a8, 4, 5);
    bank.write(0x100ac, 4, 3);
    bank.write(0x100c8, 4, 9);
    EXPECT_EQ(bank.read(0xa8, 4), 5U);
    EXPECT_EQ(bank.read(0xac, 4), 3U);
    EXPECT_EQ(bank.read(0xc8, 4), 9U);
    EXPECT_EQ(bank.read(0xcc, 4), 0U);
}

TEST(smmu_v3_registers, named_references_are_the_registers_of_those_names) {
    EXPECT_STREQ(reg::CR0.name, "CR0");
    EXPECT_STREQ(reg::GBPA.name, "GBPA");
    EXPECT_STREQ(reg::STRTAB_BASE_CFG.name, "STRTAB_BASE_CFG");
    EXPECT_STREQ(reg::EVENTQ_PROD.name, "EVENTQ_PROD");
    EXPECT_STREQ(reg::PRIQ_IRQ_CFG2.name, "PRIQ_IRQ_CFG2");
}

// --- ID registers, parameters, presets -----------------------------------------------------------------------------

TEST(smmu_v3_features, defaults_promise_nothing_that_is_left_out) {
    EXPECT_EQ(complaint_about(everything()), "");
    const features f = features::of(everything());
    EXPECT_TRUE(f.s1p && f.s2p && f.hyp && f.msi && f.cd2l && f.ril && f.two_level_stream_table);
    EXPECT_EQ(f.httu, 2U);
    EXPECT_EQ(f.sid_bits, 24U);
    EXPECT_EQ(f.ssid_bits, 20U);
    EXPECT_EQ(f.oas_bits, 48U);
    EXPECT_EQ(f.cmdq_log2, 19U);
    EXPECT_EQ(f.stalls, stall_model::stall_and_terminate);
    EXPECT_FALSE(f.abort_only || f.ats || f.pri);
}

TEST(smmu_v3_features, what_the_model_lacks_is_named) {
    EXPECT_NE(complaint_about(with(&id_registers::IDR0, idr0::BTM, 1)).find("IDR0.BTM"), std::string::npos);
    EXPECT_NE(complaint_about(with(&id_registers::IDR0, idr0::TTF, 3)).find("TTF"), std::string::npos);
    EXPECT_NE(complaint_about(with(&id_registers::IDR0, idr0::TTENDIAN, 0)).find("TTENDIAN"), std::string::npos);
    EXPECT_NE(complaint_about(with(&id_registers::IDR1, idr1::ECMDQ, 1)).find("IDR1.ECMDQ"), std::string::npos);
    EXPECT_NE(complaint_about(with(&id_registers::IDR5, idr5::DS, 1)).find("IDR5.DS"), std::string::npos);
    EXPECT_NE(complaint_about(with(&id_registers::IDR1, idr1::CMDQS, 20)), "");
}

TEST(smmu_v3_parameters, presets_apply_and_make_legal_caches_and_ID_registers) {
    for (const preset& p : presets()) {
        const smmu_parameters s = preset_parameters(p.name);
        EXPECT_EQ(complaint_about(s.id), "") << p.name;
        std::vector<cache_parameters> all{s.micro_tlb, s.tlb, s.configuration_cache, s.intermediate_cache};
        all.insert(all.end(), s.stage1_walk_cache.begin(), s.stage1_walk_cache.end());
        all.insert(all.end(), s.stage2_walk_cache.begin(), s.stage2_walk_cache.end());
        for (const cache_parameters& c : all)
            EXPECT_NO_THROW(set_associative_cache<int>{c}) << p.name;
    }
    EXPECT_THROW(preset_parameters("mmu-999"), parameter_error);
}

TEST(smmu_v3_parameters, a_feature_is_a_field_of_its_ID_register) {
    smmu_parameters p;
    set_parameter(parameter_table(), p, "STALL_MODEL", 1);
    EXPECT_EQ(idr0::STALL_MODEL.of(p.id.IDR0), 1U);
    set_parameter(parameter_table(), p, "IDR5", 0x74);
    EXPECT_EQ(features::of(p.id).oas_bits, 44U);
}

TEST(smmu_v3_names, opcodes_and_events) {
    EXPECT_STREQ(name_of(opcode::CMD_TLBI_S2_IPA), "CMD_TLBI_S2_IPA");
    EXPECT_EQ(name_of(static_cast<opcode>(0x80)), nullptr);
    EXPECT_STREQ(name_of(event::C_BAD_CD), "C_BAD_CD");
    EXPECT_EQ(name_of(event::none), nullptr);
}

} // namespace
} // namespace iommulab::smmu_v3
