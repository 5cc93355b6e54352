// SPDX-License-Identifier: Apache-2.0
// What VT-d makes of its structures in memory: entries decoded and refused, and the way to them. Labels of fault
// conditions are the specification's.
#include "models/vtd/configuration.h"
#include "testbenches/harness/immediate_context.h"

#include <gtest/gtest.h>

#include <array>

namespace iommulab::vtd {
namespace {

const features& everything() {
    static const features all = features::of({}, 46);
    return all;
}
features without(const bit_field& f, bool extended = true) {
    id_registers id;
    (extended ? id.ECAP : id.CAP) = f.put(extended ? id.ECAP : id.CAP, 0);
    return features::of(id, 46);
}

using legacy_words = std::array<std::uint64_t, 2>;
using sm_words = std::array<std::uint64_t, 4>;
using pasid_words = std::array<std::uint64_t, 8>;

constexpr std::uint64_t present = 1, disable = 2;

fault_reason check(const legacy_words& w, const features& f = everything()) {
    context_configuration c;
    return decode_context(w, f, c);
}
fault_reason check(const sm_words& w, const features& f = everything()) {
    context_configuration c;
    return decode_sm_context(w, f, c);
}
fault_reason check(const pasid_words& w, const features& f = everything()) {
    request_configuration c;
    return decode_pasid_entry(w, f, 7, c);
}

TEST(vtd_context_entry, translates_through_the_tables_that_it_names) {
    context_configuration c;
    ASSERT_EQ(decode_context(legacy_words{0x1234'5000 | present, 0x302 | 0x78}, everything(), c), fault_reason::none);
    EXPECT_EQ(c.request.what, request_configuration::action::second_stage);
    EXPECT_EQ(c.request.second.root, 0x1234'5000U);
    EXPECT_EQ(c.request.second.levels, 4);
    EXPECT_EQ(c.request.tag.vm, 3U);
    EXPECT_FALSE(c.request.fault_disabled || c.request.device_tlb || c.request.scalable);
}

TEST(vtd_context_entry, LCT_2_and_3_not_present_and_reserved_bits) {
    context_configuration c;
    EXPECT_EQ(decode_context(legacy_words{disable, 0x102}, everything(), c), fault_reason::context_not_present);
    EXPECT_TRUE(c.request.fault_disabled); // FPD counts all the same
    EXPECT_EQ(check(legacy_words{0x10 | present, 0x102}), fault_reason::context_reserved);
    EXPECT_EQ(check(legacy_words{present, 0x182}), fault_reason::context_reserved);
    EXPECT_EQ(check(legacy_words{present, 0x1000'0102}), fault_reason::context_reserved);
    EXPECT_EQ(check(legacy_words{1ULL << 46 | present, 0x102}), fault_reason::context_reserved); // beyond HAW
}

TEST(vtd_context_entry, LCT_3_domain_ids_have_the_bits_that_CAP_ND_says) {
    id_registers id;
    id.CAP = cap::ND.put(id.CAP, 2); // 8 bits
    EXPECT_EQ(check(legacy_words{present, 0xff02}, features::of(id, 46)), fault_reason::none);
    EXPECT_EQ(check(legacy_words{present, 0x1'0002}, features::of(id, 46)), fault_reason::context_reserved);
}

TEST(vtd_context_entry, LCT_4_widths_and_types_that_the_unit_does_not_have) {
    for (const std::uint64_t aw : {0, 4, 5, 6, 7})
        EXPECT_EQ(check(legacy_words{present, aw}), fault_reason::context_invalid) << aw;
    for (const std::uint64_t aw : {1, 2, 3})
        EXPECT_EQ(check(legacy_words{present, aw}), fault_reason::none) << aw;
    EXPECT_EQ(check(legacy_words{3 << 2 | present, 2}), fault_reason::context_invalid);
    EXPECT_EQ(check(legacy_words{2 << 2 | present, 2}), fault_reason::none);
    EXPECT_EQ(check(legacy_words{2 << 2 | present, 2}, without(ecap::PT)), fault_reason::context_invalid);
    EXPECT_EQ(check(legacy_words{1 << 2 | present, 2}), fault_reason::none);
    EXPECT_EQ(check(legacy_words{1 << 2 | present, 2}, without(ecap::DT)), fault_reason::context_invalid);
}

TEST(vtd_context_entry, pass_through_ignores_the_table_pointer) {
    context_configuration c;
    EXPECT_EQ(decode_context(legacy_words{0xffff'0000'0000'0000 | 2 << 2 | present, 2}, everything(), c),
              fault_reason::none);
    EXPECT_EQ(c.request.what, request_configuration::action::pass_through);
}

TEST(vtd_sm_context_entry, tells_where_the_directory_is_and_how_large) {
    context_configuration c;
    ASSERT_EQ(decode_sm_context(sm_words{0x7000 | 3 << 9 | 8 | 4 | present, 0x10'0005, 0, 0}, everything(), c),
              fault_reason::none);
    EXPECT_EQ(c.pasid_directory, 0x7000U);
    EXPECT_EQ(c.log2_directory_entries, 10U);
    EXPECT_TRUE(c.pasids && c.rid_privileged && c.request.device_tlb && c.request.scalable);
    EXPECT_EQ(c.rid_pasid, 5U);
    EXPECT_TRUE(c.has_pasid(0xffff));
    EXPECT_FALSE(c.has_pasid(0x1'0000));
}

TEST(vtd_sm_context_entry, SCT_2_3_4_not_present_reserved_and_not_promised) {
    EXPECT_EQ(check(sm_words{}), fault_reason::sm_context_not_present);
    EXPECT_EQ(check(sm_words{0x20 | present, 0, 0, 0}), fault_reason::sm_context_reserved);
    EXPECT_EQ(check(sm_words{present, 0x20'0000, 0, 0}), fault_reason::sm_context_reserved);
    EXPECT_EQ(check(sm_words{present, 0, 1, 0}), fault_reason::sm_context_reserved);
    EXPECT_EQ(check(sm_words{present, 0, 0, 1}), fault_reason::sm_context_reserved);
    EXPECT_EQ(check(sm_words{4 | present, 0, 0, 0}, without(ecap::DT)), fault_reason::sm_context_invalid);
    EXPECT_EQ(check(sm_words{8 | present, 0, 0, 0}, without(ecap::PASID)), fault_reason::sm_context_invalid);
    EXPECT_EQ(check(sm_words{0x10 | present, 0, 0, 0}), fault_reason::sm_context_invalid); // PRE, no page requests
    EXPECT_EQ(check(sm_words{present, 0x10'0000, 0, 0}, without(ecap::SRS)), fault_reason::sm_context_invalid);
}

TEST(vtd_pasid_entry, each_translation_type_has_its_tables_and_tag) {
    request_configuration c;
    ASSERT_EQ(decode_pasid_entry(pasid_words{1 << 6 | present, 9, 0x8000 | 1 << 4}, everything(), 7, c),
              fault_reason::none);
    EXPECT_EQ(c.what, request_configuration::action::first_stage);
    EXPECT_EQ(c.first.root, 0x8000U);
    EXPECT_EQ(c.first.levels, 4);
    EXPECT_TRUE(c.first.write_protect);
    EXPECT_EQ(c.tag.vm, 9U);
    EXPECT_EQ(c.tag.space, 7U);
    EXPECT_EQ(regime::kind(c.tag.regime), regime::first_stage);
    c = {};
    ASSERT_EQ(decode_pasid_entry(pasid_words{0x9000 | 2 << 6 | 3 << 2 | present, 9}, everything(), 7, c),
              fault_reason::none);
    EXPECT_EQ(c.what, request_configuration::action::second_stage);
    EXPECT_EQ(c.second.levels, 5);
    EXPECT_EQ(c.tag.space, 9U); // the tables': shared by all PASIDs of the domain that have them
    c = {};
    ASSERT_EQ(
        decode_pasid_entry(pasid_words{0x9000 | 3 << 6 | 2 << 2 | present, 9, 0x8000 | 1 << 2}, everything(), 7, c),
        fault_reason::none);
    EXPECT_EQ(c.what, request_configuration::action::nested);
    EXPECT_EQ(c.first.levels, 5);
    EXPECT_EQ(regime::kind(c.tag.regime), regime::nested);
    EXPECT_EQ(regime::kind(c.second.tag.regime), regime::second_stage);
    EXPECT_EQ(check(pasid_words{4 << 6 | present, 9}), fault_reason::none);
}

TEST(vtd_pasid_entry, SPT_2_3_not_present_and_reserved_bits) {
    EXPECT_EQ(check(pasid_words{}), fault_reason::pasid_entry_not_present);
    EXPECT_EQ(check(pasid_words{1 << 6 | 0x400 | present}), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0x1'0000}), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 0x100}), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 0, 1}), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 1ULL << 46}), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1ULL << 46 | 2 << 6 | 2 << 2 | present}), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1ULL << 46 | 4 << 6 | present}), fault_reason::none); // no use for the pointer
}

TEST(vtd_pasid_entry, SPT_3_bits_to_which_a_capability_gives_meaning) {
    constexpr std::uint64_t PWSNP = 1 << 23, PGSNP = 1 << 24;
    id_registers id;
    id.ECAP = ecap::SMPWCS.put(id.ECAP, 1);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, PWSNP}, features::of(id, 46)), fault_reason::none);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, PWSNP}, without(ecap::SMPWCS)), fault_reason::pasid_entry_reserved);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, PGSNP}), fault_reason::none);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, PGSNP}, without(ecap::SC)), fault_reason::pasid_entry_reserved);
}

TEST(vtd_second_stage_entries, SNP_is_reserved_in_legacy_mode_without_snoop_control) {
    for (const bool control : {false, true}) {
        const features f = control ? everything() : without(ecap::SC);
        context_configuration legacy;
        ASSERT_EQ(decode_context(legacy_words{present, 2}, f, legacy), fault_reason::none);
        EXPECT_EQ(legacy.request.second.snoop_control, control);
        request_configuration scalable;
        ASSERT_EQ(decode_pasid_entry(pasid_words{2 << 6 | 2 << 2 | present}, f, 7, scalable), fault_reason::none);
        EXPECT_TRUE(scalable.second.snoop_control);
    }
}

TEST(vtd_pasid_entry, SPT_4_what_the_unit_does_not_have) {
    for (const std::uint64_t pgtt : {0, 5, 6, 7})
        EXPECT_EQ(check(pasid_words{pgtt << 6 | 2 << 2 | present}), fault_reason::pasid_entry_invalid) << pgtt;
    const pasid_words first{1 << 6 | present}, second{2 << 6 | 2 << 2 | present}, pass{4 << 6 | present};
    EXPECT_EQ(check(first, without(ecap::FSTS)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(second, without(ecap::SSTS)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pass, without(ecap::PT)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pasid_words{3 << 6 | 2 << 2 | present}, without(ecap::NEST)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pasid_words{2 << 6 | 4 << 2 | present}), fault_reason::pasid_entry_invalid);   // AW
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 2 << 2}), fault_reason::pasid_entry_invalid); // FSPM
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 1 << 2}, without(cap::FS5LP, false)),
              fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 1}, without(ecap::SRS)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 2}, without(ecap::ERS)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pasid_words{1 << 6 | present, 0, 0x80}, without(ecap::EAFS)), fault_reason::pasid_entry_invalid);
    EXPECT_EQ(check(pasid_words{2 << 6 | 2 << 2 | 1 << 9 | present}, without(ecap::SSADS)),
              fault_reason::pasid_entry_invalid);
}

/// The way to an entry, over structures at fixed places.
class vtd_fetch : public ::testing::Test {
  protected:
    static constexpr std::uint64_t root = 0x1'0000, table = 0x2'0000, upper = 0x3'0000, directory = 0x4'0000,
                                   pasids = 0x5'0000;
    void words(std::uint64_t address, std::initializer_list<std::uint64_t> values) {
        for (const std::uint64_t v : values) {
            context.memory[address] = v;
            address += 8;
        }
    }
    fetch_result fetch(std::uint32_t source, rtaddr::table_mode mode) {
        fetch_result r;
        const configuration_source from{everything(), root, mode};
        found = context.run(fetch_context(context, from, source, into, r));
        return r;
    }
    fetch_result fetch_pasid(std::uint32_t pasid) {
        fetch_result r;
        found = context.run(fetch_pasid_entry(context, everything(), into, pasid, request, r));
        return r;
    }
    immediate_context context;
    context_configuration into;
    request_configuration request;
    bool found = false;
};

TEST_F(vtd_fetch, legacy_mode_finds_the_context_by_bus_then_by_device_and_function) {
    words(root + 0x12 * 16, {table | 1, 0});
    words(table + 0x18 * 16, {0x7000 | 1, 0x202});
    EXPECT_EQ(fetch(0x1218, rtaddr::table_mode::legacy).reason, fault_reason::none);
    EXPECT_TRUE(found);
    EXPECT_EQ(into.request.second.root, 0x7000U);
    EXPECT_EQ(context.reads.size(), 2U);
}

TEST_F(vtd_fetch, LRT_1_2_3_and_LCT_1_on_the_way) {
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::legacy).reason, fault_reason::root_access);
    words(root, {0, 0});
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::legacy).reason, fault_reason::root_not_present);
    words(root, {table | 1 | 0x10, 0});
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::legacy).reason, fault_reason::root_reserved);
    words(root, {table | 1, 1});
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::legacy).reason, fault_reason::root_reserved);
    words(root, {table | 1, 0});
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::legacy).reason, fault_reason::context_access);
    words(table + 0x10 * 16, {2, 0});
    const fetch_result r = fetch(0x10, rtaddr::table_mode::legacy);
    EXPECT_EQ(r.reason, fault_reason::context_not_present);
    EXPECT_TRUE(r.fault_disabled);
    EXPECT_FALSE(found);
}

TEST_F(vtd_fetch, scalable_mode_has_two_tables_a_bus_and_looks_at_the_half_it_needs) {
    words(root, {table | 1, 0});
    words(table + 0x10 * 32, {directory | 1, 0, 0, 0});
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::scalable).reason, fault_reason::none);
    EXPECT_EQ(fetch(0x90, rtaddr::table_mode::scalable).reason, fault_reason::sm_root_not_present);
    words(root, {0x10, upper | 1});
    words(upper + 0x10 * 32, {directory | 1, 0, 0, 0});
    EXPECT_EQ(fetch(0x90, rtaddr::table_mode::scalable).reason, fault_reason::none);
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::scalable).reason, fault_reason::sm_root_not_present);
    words(root, {table | 1 | 0x10, 0});
    EXPECT_EQ(fetch(0x10, rtaddr::table_mode::scalable).reason, fault_reason::sm_root_reserved);
}

TEST_F(vtd_fetch, a_PASID_is_found_by_directory_and_table_and_FPD_of_each_entry_counts) {
    into.pasid_directory = directory;
    into.log2_directory_entries = 7;
    EXPECT_EQ(fetch_pasid(0x1fc3).reason, fault_reason::pasid_directory_access);
    words(directory + 0x7f * 8, {0});
    EXPECT_EQ(fetch_pasid(0x1fc3).reason, fault_reason::pasid_directory_not_present);
    words(directory + 0x7f * 8, {pasids | 4 | 1});
    EXPECT_EQ(fetch_pasid(0x1fc3).reason, fault_reason::pasid_directory_reserved);
    words(directory + 0x7f * 8, {pasids | 2 | 1});
    fetch_result r = fetch_pasid(0x1fc3);
    EXPECT_EQ(r.reason, fault_reason::pasid_entry_access);
    EXPECT_TRUE(r.fault_disabled);
    words(directory + 0x7f * 8, {pasids | 1});
    words(pasids + 3 * 64, {2, 0, 0, 0, 0, 0, 0, 0});
    r = fetch_pasid(0x1fc3);
    EXPECT_EQ(r.reason, fault_reason::pasid_entry_not_present);
    EXPECT_TRUE(r.fault_disabled);
    words(pasids + 3 * 64, {4 << 6 | 1, 5, 0, 0, 0, 0, 0, 0});
    EXPECT_EQ(fetch_pasid(0x1fc3).reason, fault_reason::none);
    EXPECT_EQ(request.tag.vm, 5U);
}

} // namespace
} // namespace iommulab::vtd
