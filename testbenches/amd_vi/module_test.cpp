// SPDX-License-Identifier: Apache-2.0
// The AMD IOMMU in simulation: declarations, device table entries, page faults, special addresses, each with its event.
// Section numbers are those of publication 48882.
#include "testbenches/amd_vi/machine.h"
#include "testbenches/harness/payload_rules.h"

#include <gtest/gtest.h>

#include <array>
#include <iterator>
#include <string>
#include <utility>

namespace iommulab::amd_vi {
namespace {

using harness::amd_v1_builder;
using harness::device_access;
using machine = harness::amd_vi_machine;
constexpr std::uint64_t data = machine::data;
constexpr auto ok = tlm::TLM_OK_RESPONSE;

device_access access_of(std::uint32_t source, std::uint64_t address, bool write = false) {
    device_access a;
    a.source_id = source;
    a.address = address;
    a.write = write;
    a.data.resize(8);
    return a;
}
/// Makes an access and waits for its end.
device_access& finish(machine& m, device_access& a) {
    m.devices[0]->issue(a);
    EXPECT_TRUE(m.settle());
    return a;
}

// --- declarations ----------------------------------------------------------------------------------------------------

TEST(amd_vi_registers, have_the_offsets_that_linux_knows) {
    const std::pair<const register_declaration*, std::uint32_t> offsets[] = {
        {&reg::DeviceTableBase, 0x0000},   {&reg::CommandBufferBase, 0x0008},
        {&reg::EventLogBase, 0x0010},      {&reg::Control, 0x0018},
        {&reg::ExclusionBase, 0x0020},     {&reg::ExclusionLimit, 0x0028},
        {&reg::ExtendedFeature, 0x0030},   {&reg::PPRLogBase, 0x0038},
        {&reg::MSIAddressLow, 0x015c},     {&reg::MSIAddressHigh, 0x0160},
        {&reg::MSIData, 0x0164},           {&reg::CommandBufferHead, 0x2000},
        {&reg::CommandBufferTail, 0x2008}, {&reg::EventLogHead, 0x2010},
        {&reg::EventLogTail, 0x2018},      {&reg::Status, 0x2020},
        {&reg::PPRLogHead, 0x2030},        {&reg::PPRLogTail, 0x2038}};
    for (const auto& [r, offset] : offsets)
        EXPECT_EQ(r->offset, offset) << r->name;
    EXPECT_EQ(control::IommuEn.lsb, 0U);
    EXPECT_EQ(control::EventLogEn.lsb, 2U);
    EXPECT_EQ(control::ComWaitIntEn.lsb, 4U);
    EXPECT_EQ(control::CmdBufEn.lsb, 12U);
    EXPECT_EQ(control::PPREn.lsb, 15U);
    EXPECT_EQ(control::GTEn.lsb, 16U);
    EXPECT_EQ(control::XTEn.lsb, 50U);
    EXPECT_EQ(extended_feature::GTSup.lsb, 4U);
    EXPECT_EQ(extended_feature::GLXSup.lsb, 14U);
    EXPECT_EQ(extended_feature::PASmax.lsb, 32U);
    EXPECT_EQ(extended_feature::GIoSup.lsb, 48U);
}

TEST(amd_vi_registers, device_table_entries_have_the_fields_that_linux_knows) {
    std::array<std::uint64_t, 4> w{};
    dte::put_guest_cr3_table(w, 0x000f'edcb'a987'6000);
    EXPECT_EQ(dte::guest_cr3_table(w), 0x000f'edcb'a987'6000U);
    EXPECT_EQ(w[0] >> 58 & 7, 0x000f'edcb'a987'6000U >> 12 & 7);
    EXPECT_EQ(w[1] >> 16 & 0xffff, 0x000f'edcb'a987'6000U >> 15 & 0xffff);
    EXPECT_EQ(w[1] >> 43, 0x000f'edcb'a987'6000U >> 31);
    for (const auto& [field, lsb] :
         {std::pair{dte::V, 0U}, std::pair{dte::TV, 1U}, std::pair{dte::Mode, 9U}, std::pair{dte::PPR, 0x34U},
          std::pair{dte::GV, 55U}, std::pair{dte::IR, 0x3dU}, std::pair{dte::IW, 0x3eU}, std::pair{dte::I, 96U},
          std::pair{dte::SA, 0x62U}, std::pair{dte::EX, 0x67U}, std::pair{dte::SysMgt, 0x68U},
          std::pair{dte::IV, 0x80U}, std::pair{dte::InitPass, 0xb8U}, std::pair{dte::Lint1Pass, 0xbfU}})
        EXPECT_EQ(field.lsb, lsb) << field.name;
}

// --- the device table ------------------------------------------------------------------------------------------------

TEST(amd_vi_module, a_mapped_page_is_read_and_written_and_the_protocol_is_kept) {
    machine m("m");
    auto t = m.build(4);
    t.map(0x7000, data);
    m.write_entry(1, machine::entry(1, t.root(), 4));
    m.ddr.store().write_u64(data + 8, 42);
    m.start();
    EXPECT_EQ(machine::value_of(m.read(1, 0x7008)), 42U);
    EXPECT_EQ(m.write(1, 0x7010, 43).status, ok);
    EXPECT_EQ(m.ddr.store().read_u64(data + 16), 43U);
    EXPECT_EQ(m.event(), "none");
    EXPECT_EQ(m.violations(), "");
}

TEST(amd_vi_module, without_IommuEn_and_with_V_0_everything_passes_2_2_2_1) {
    machine m("m");
    m.ddr.store().write_u64(data, 5);
    EXPECT_EQ(machine::value_of(m.read(1, data)), 5U);
    m.start();
    EXPECT_EQ(machine::value_of(m.read(1, data)), 5U);
    EXPECT_EQ(m.event(), "none");
}

TEST(amd_vi_module, Mode_0_lets_pass_what_IR_and_IW_allow) {
    machine m("m");
    for (unsigned rights = 0; rights < 4; ++rights)
        m.write_entry(rights, machine::entry(1, 0, 0, rights & 1, rights & 2));
    m.start();
    for (unsigned rights = 0; rights < 4; ++rights) {
        EXPECT_EQ(m.read(rights, data).status == ok, (rights & 1) != 0);
        EXPECT_EQ(m.write(rights, data, 1).status == ok, (rights & 2) != 0);
    }
}

TEST(amd_vi_module, TV_0_refuses_what_would_need_tables) {
    machine m("m");
    m.write_entry(1, {1, 0, 0, 0});
    m.start();
    EXPECT_NE(m.read(1, data).status, ok);
    EXPECT_EQ(m.event(), "IO_PAGE_FAULT DeviceID=0x1 DomainID=0x0 read Address=0x80000000");
}

TEST(amd_vi_module, entries_that_are_illegal_2_5_2) {
    struct {
        machine::words_4 words;
        const char* flags;
    } const cases[] = {
        {machine::entry(1, 0, 7), ""},
        {{machine::entry(1, 0, 3)[0] | 1 << 2, 1, 0, 0}, " RZ"},
        {{machine::entry(1, 0, 3)[0] | std::uint64_t{1} << 63, 1, 0, 0}, " RZ"},
        {{machine::entry(1, 0, 3)[0], 1 | std::uint64_t{1} << 42, 0, 0}, " RZ"},
    };
    machine m("m");
    m.start();
    for (std::uint32_t device = 0; device < std::size(cases); ++device) {
        m.write_entry(device, cases[device].words);
        EXPECT_NE(m.write(device, 0x1000, 1).status, ok);
        EXPECT_EQ(m.event(), "ILLEGAL_DEV_TABLE_ENTRY DeviceID=0x" + std::to_string(device) + " write" +
                                 cases[device].flags + " Address=0x1000");
    }
    EXPECT_NE(m.read(128, 0x1000).status, ok); // beyond the table
    EXPECT_EQ(m.event(), "ILLEGAL_DEV_TABLE_ENTRY DeviceID=0x80 read Address=0x1000");
}

TEST(amd_vi_module, more_levels_than_HATS_says_are_illegal_3_4_7) {
    amd_vi_parameters p;
    p.extended_feature = extended_feature::HATS.put(p.extended_feature, 0);
    machine m("m", p);
    m.write_entry(1, machine::entry(1, m.build(4).root(), 4));
    m.write_entry(2, machine::entry(1, m.build(5).root(), 5));
    m.start();
    m.read(1, 0);
    EXPECT_EQ(m.event(), "IO_PAGE_FAULT DeviceID=0x1 DomainID=0x1 read Address=0x0");
    m.read(2, 0);
    EXPECT_EQ(m.event(), "ILLEGAL_DEV_TABLE_ENTRY DeviceID=0x2 read Address=0x0");
}

TEST(amd_vi_module, an_entry_outside_of_memory_is_a_hardware_error_2_5_4) {
    machine m("m");
    m.start();
    m.set(reg::DeviceTableBase, machine::nowhere);
    EXPECT_NE(m.read(3, 0x1000).status, ok);
    EXPECT_EQ(m.event(), "DEV_TAB_HARDWARE_ERROR DeviceID=0x3 read Type=0x1 Address=0xc00000060");
}

// --- page faults -----------------------------------------------------------------------------------------------------

TEST(amd_vi_module, page_faults_say_what_was_wrong_2_5_3) {
    machine m("m");
    auto t = m.build(3);
    t.map(0x1000, data, 12, amd_v1_builder::IR);
    t.map(0x2000, data, 12, amd_v1_builder::IW);
    m.ddr.store().write_u64(t.entry(0x3000, 1), amd_v1_builder::pte(data) | std::uint64_t{1} << 55);
    m.ddr.store().write_u64(t.entry(0x4000'0000, 3), amd_v1_builder::pde(t.root(), 3));
    m.ddr.store().write_u64(t.entry(0x8000'0000, 3), amd_v1_builder::pde(machine::nowhere, 2));
    m.write_entry(1, machine::entry(0x1234, t.root(), 3));
    m.start();
    const std::string mine = "IO_PAGE_FAULT DeviceID=0x1 DomainID=0x1234 ";
    EXPECT_NE(m.write(1, 0x1008, 1).status, ok);
    EXPECT_EQ(m.event(), mine + "write PR PE Address=0x1008");
    EXPECT_NE(m.read(1, 0x2008).status, ok);
    EXPECT_EQ(m.event(), mine + "read PR PE Address=0x2008");
    EXPECT_NE(m.read(1, 0x3000).status, ok);
    EXPECT_EQ(m.event(), mine + "read PR RZ Address=0x3000");
    EXPECT_NE(m.read(1, 0x4000'0000).status, ok);
    EXPECT_EQ(m.event(), mine + "read PR Address=0x40000000");
    EXPECT_NE(m.read(1, 0x5000).status, ok);
    EXPECT_EQ(m.event(), mine + "read Address=0x5000");
    EXPECT_NE(m.write(1, std::uint64_t{1} << 40, 1).status, ok);
    EXPECT_EQ(m.event(), mine + "write Address=0x10000000000");
    EXPECT_NE(m.read(1, 0x8000'0000).status, ok);
    EXPECT_EQ(m.event(), "PAGE_TAB_HARDWARE_ERROR DeviceID=0x1 DomainID=0x1234 read Type=0x1 Address=0xc00000000");
}

TEST(amd_vi_module, SA_suppresses_all_page_faults_and_SE_all_but_the_first_2_2_2_1) {
    machine m("m");
    auto quiet = machine::entry(1, m.build(3).root(), 3), brief = quiet;
    dte::SA.put(quiet, 1);
    dte::SE.put(brief, 1);
    m.write_entry(1, quiet);
    m.write_entry(2, brief);
    m.start();
    EXPECT_NE(m.read(1, 0x1000).status, ok);
    EXPECT_EQ(m.event(), "none");
    EXPECT_NE(m.read(2, 0x1000).status, ok);
    EXPECT_NE(m.event(), "none");
    EXPECT_NE(m.read(2, 0x2000).status, ok);
    EXPECT_EQ(m.event(), "none");
    m.put(machine::code(opcode::INVALIDATE_DEVTAB_ENTRY) | 2);
    m.ring();
    EXPECT_NE(m.read(2, 0x2000).status, ok);
    EXPECT_NE(m.event(), "none");
    EXPECT_EQ(m.counted("events_suppressed"), 2U);
}

// --- special addresses and exclusion ---------------------------------------------------------------------------------

TEST(amd_vi_module, interrupt_messages_are_not_translated_and_reads_there_are_invalid_2_5_9) {
    machine m("m");
    auto t = m.build(4);
    t.map(0xc000'0000, 0x8000'0000, 30); // a page around the range
    auto denying = machine::entry(1, t.root(), 4);
    dte::IV.put(denying, 1);
    m.write_entry(1, machine::entry(1, t.root(), 4));
    m.write_entry(2, denying);
    m.start();
    EXPECT_EQ(m.read(1, 0xfed0'0000).status, ok); // the page's own translation, beside the range
    device_access message = access_of(1, 0xfee0'1000, true);
    std::uint64_t left_at = 0;
    m.taps[0]->leaves = [&](const tlm::tlm_generic_payload& p) { left_at = p.get_address(); };
    finish(m, message);
    EXPECT_EQ(left_at, 0xfee0'1000U);
    EXPECT_NE(m.read(1, 0xfee0'1000).status, ok);
    EXPECT_EQ(m.event(), "INVALID_DEVICE_REQUEST DeviceID=0x1 Type=0x0 Address=0xfee01000");
    EXPECT_NE(m.write(2, 0xfee0'1000, 1).status, ok); // IntCtl = 0
    EXPECT_EQ(m.event(), "INVALID_DEVICE_REQUEST DeviceID=0x2 Type=0x5 Address=0xfee01000");
    EXPECT_EQ(m.read(2, 0xfef0'0000).status, ok);
}

TEST(amd_vi_module, the_reserved_range_obeys_IoCtl_and_SysMgt_table_3) {
    machine m("m");
    auto t = m.build(4);
    t.map(0xfd'f910'0000, data);
    t.map(0xfd'fc00'0000, data);
    auto open = machine::entry(1, t.root(), 4);
    dte::SysMgt.put(open, 3);
    dte::IoCtl.put(open, 2);
    m.write_entry(1, machine::entry(1, t.root(), 4));
    m.write_entry(2, open);
    m.start();
    const auto refused = [&](std::uint64_t address, bool write) {
        device_access a = access_of(1, address, write);
        EXPECT_NE(finish(m, a).status, ok);
        const auto events = m.logged();
        return events.size() == 1 ? record::RequestType.of(events.front()) : 99;
    };
    EXPECT_EQ(refused(0xfd'0000'0000, true), 6U);
    EXPECT_EQ(refused(0xfd'f910'0000, true), 7U);
    EXPECT_EQ(refused(0xfd'f920'0000, true), 3U);
    EXPECT_EQ(refused(0xfd'f920'0000, false), 4U);
    EXPECT_EQ(refused(0xfd'fc00'0000, true), 2U);
    EXPECT_EQ(refused(0xff'ffff'f000, false), 4U);
    EXPECT_EQ(m.read(2, 0xfd'f910'0000).status, ok);
    EXPECT_EQ(m.read(2, 0xfd'fc00'0000).status, ok);
}

TEST(amd_vi_module, the_exclusion_range_passes_for_all_or_for_those_with_EX_3_4_5) {
    machine m("m");
    auto t = m.build(3);
    t.map(0x8000'0000, 0x8020'0000, 21);
    auto chosen = machine::entry(1, t.root(), 3);
    dte::EX.put(chosen, 1);
    m.write_entry(1, machine::entry(1, t.root(), 3));
    m.write_entry(2, chosen);
    m.ddr.store().write_u64(0x8000'3000, 1); // at the address itself
    m.ddr.store().write_u64(0x8020'3000, 2); // where the tables lead
    m.ddr.store().write_u64(0x8020'5000, 3);
    m.start();
    m.set(reg::ExclusionLimit, 0x8000'3000);
    m.set(reg::ExclusionBase, 0x8000'3000 | exclusion_base::ExEn.make(1));
    EXPECT_EQ(machine::value_of(m.read(2, 0x8000'5000)), 3U);
    EXPECT_EQ(machine::value_of(m.read(1, 0x8000'3000)), 2U);
    EXPECT_EQ(machine::value_of(m.read(2, 0x8000'3000)), 1U);
    m.set(reg::ExclusionBase, 0x8000'3000 | exclusion_base::ExEn.make(1) | exclusion_base::Allow.make(1));
    EXPECT_EQ(machine::value_of(m.read(1, 0x8000'3000)), 1U);
    m.set(reg::ExclusionBase, 0);
    EXPECT_EQ(machine::value_of(m.read(1, 0x8000'3000)), 2U);
    EXPECT_EQ(machine::value_of(m.read(2, 0x8000'3000)), 2U);
}

TEST(amd_vi_module, translated_requests_need_DTE_I_2_5_9) {
    machine m("m");
    auto trusted = machine::entry(1, m.build(3).root(), 3);
    m.write_entry(1, trusted);
    dte::I.put(trusted, 1);
    m.write_entry(2, trusted);
    m.start();
    device_access a = access_of(1, data);
    a.type = address_type::translated;
    EXPECT_NE(finish(m, a).status, ok);
    EXPECT_EQ(m.event(), "INVALID_DEVICE_REQUEST DeviceID=0x1 Type=0x1 Address=0x80000000");
    a.source_id = 2;
    EXPECT_EQ(finish(m, a).status, ok);
}

TEST(amd_vi_module, disabled_no_access_goes_around_the_end_of_the_address_space) {
    machine m("m", {}, {{0, 0x10'0000, "bottom"}, {0xffff'ffff'ffff'0000, 0x1'0000, "top"}});
    harness::expect_that_nothing_wraps(m, 1);
}

TEST(amd_vi_module, device_ids_and_PASIDs_are_not_cut) {
    machine m("m");
    auto t = m.build(4);
    t.map(0x1000, data);
    m.write_entry(1, machine::entry(1, t.root(), 4));
    m.start();
    device_access a = access_of(1, 0x1000), device = a, pasid = a;
    device.source_id = 0x1'0001;
    pasid.pasid = 0x10'0000;
    harness::expect_that_names_are_not_cut(m, a, {device, pasid});
    m.request_page({.source_id = 0x1'0001, .address = 0x1000, .read = true});
    m.settle();
    EXPECT_EQ(m.event(), "none") << "there is no DeviceID to record";
    EXPECT_EQ(m.counted("page_requests_lost"), 1U);
}

TEST(amd_vi_module, a_page_in_pieces_around_the_interrupt_range_goes_as_a_whole) {
    machine m("m", {}, {{data, 0x4000'0000, "data"}, {0x1'0000'0000, 0x4000'0000, "more"}});
    constexpr std::uint64_t iova = 0xc000'0000, other = 0xe000'0000; // of one page of 1 GiB, apart in the caches
    auto t = m.build(4);
    t.map(iova, data, 30);
    m.write_entry(1, machine::entry(1, t.root(), 4));
    m.ddr.store().write_u64(data, 1);
    m.ddr.store().write_u64(0x1'0000'0000, 2);
    m.start();
    for (const harness::way how : {harness::way::cycle_approximate, harness::way::loosely_timed})
        for (const std::uint64_t to : {std::uint64_t{0x1'0000'0000}, data}) {
            device_access a = access_of(1, iova), b = access_of(1, other);
            EXPECT_EQ(carry(m, how, a), ok);
            EXPECT_EQ(carry(m, how, b), ok);
            EXPECT_EQ(machine::value_of(a), to == data ? 2U : 1U);
            t.map(iova, to, 30);
            m.put(machine::pages(1), other + 0x1000);
            m.put(machine::code(opcode::COMPLETION_WAIT), 0);
            m.ring();
            EXPECT_EQ(carry(m, how, a), ok);
            EXPECT_EQ(machine::value_of(a), to == data ? 1U : 2U);
        }
    EXPECT_EQ(m.violations(), "");
}

} // namespace
} // namespace iommulab::amd_vi
