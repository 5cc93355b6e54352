// SPDX-License-Identifier: Apache-2.0
// The VT-d unit in time: translation of all kinds, fault records and events, invalidation and its errors, what is never
// translated. Titles in comments are of sections of the VT-d specification.
#include "testbenches/harness/payload_rules.h"
#include "testbenches/harness/pulse_counter.h"
#include "testbenches/vtd/machine.h"

#include <gtest/gtest.h>

namespace iommulab::vtd {
namespace {

using harness::device_access;
using harness::pulse_counter;
using harness::vtd_machine;

constexpr std::uint64_t data = vtd_machine::data, page = 0x1000;
constexpr std::uint32_t disk = 0x18, nic = 0x20;
constexpr auto ok = tlm::TLM_OK_RESPONSE;

/// Legacy mode with one device, whose first page is mapped.
struct legacy_machine : vtd_machine {
    std::uint64_t tables, leaf;
    explicit legacy_machine(const unit_parameters& p = {}) : vtd_machine("m", p), tables(new_table()), leaf(0) {
        leaf = map_second(tables, 4, 0, data);
        set_tables(disk, 7, tables);
        write_word(data + 8, 42);
        write_word(data + page + 8, 43);
        enable();
    }
};

/// Scalable mode with one device and entries for PASIDs.
struct scalable_machine : vtd_machine {
    explicit scalable_machine(const unit_parameters& p = {}) : vtd_machine("m", p) {
        set_sm_context(disk);
        write_word(data + 8, 42);
        write_word(data + page + 8, 43);
        enable(true);
    }
    device_access with_pasid(std::uint32_t pasid, std::uint64_t address, bool write = false) {
        device_access a;
        a.source_id = disk;
        a.address = address;
        a.pasid = pasid;
        a.write = write;
        a.data.resize(8);
        return a;
    }
};

unit_parameters one_record() {
    unit_parameters p;
    p.id.CAP = cap::NFR.put(p.id.CAP, 0);
    return p;
}

constexpr std::uint64_t iotlb_global = 0x12, iotlb_domain = 0x22, iotlb_pages = 0x32, drains = 0xc0;
constexpr std::uint64_t of_domain(std::uint64_t did) {
    return did << 16;
}

// --- translation

TEST(vtd_module, legacy_mode_translates_and_tells_devices_apart) {
    legacy_machine m;
    const std::uint64_t other = m.new_table();
    m.map_second(other, 4, 0, data + page);
    m.set_tables(nic, 8, other);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
    EXPECT_EQ(vtd_machine::value_of(m.read(nic, 8)), 43U);
    EXPECT_EQ(m.write(disk, 16, 5).status, ok);
    EXPECT_EQ(m.read_word(data + 16), 5U);
    EXPECT_NE(m.read(disk, page).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::read_not_allowed);
    EXPECT_NE(m.write(nic, page, 1).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::write_not_allowed);
    EXPECT_EQ(m.violations(), "");
}

TEST(vtd_module, devices_of_one_domain_with_other_tables_share_nothing) {
    legacy_machine m;
    const std::uint64_t other = m.new_table();
    m.map_second(other, 4, 0, data + page);
    m.map_second(other, 4, page, data + page);
    m.set_tables(nic, 7, other); // which software must not do
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
    EXPECT_EQ(vtd_machine::value_of(m.read(nic, 8)), 43U);
    EXPECT_EQ(vtd_machine::value_of(m.read(nic, page + 8)), 43U);
    EXPECT_NE(m.read(disk, page + 8).status, ok);
}

TEST(vtd_module, LGN_1_addresses_beyond_the_tables_and_pass_through_beyond_the_host) {
    unit_parameters p;
    p.host_address_bits = 40;
    legacy_machine m(p);
    EXPECT_NE(m.read(disk, 1ULL << 48).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::beyond_address_width);
    m.set_context(nic, 2 << 2 | 1, 2 | 9 << 8);
    EXPECT_EQ(vtd_machine::value_of(m.read(nic, data + 8)), 42U);
    EXPECT_NE(m.read(nic, 1ULL << 40).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::beyond_address_width);
}

TEST(vtd_module, scalable_mode_first_stage_by_PASID_and_without) {
    scalable_machine m;
    const std::uint64_t plain = m.new_table(), five = m.new_table();
    m.map_first(plain, 0x5000, data);
    m.map_first(five, 0x5000, data + page);
    m.set_pasid(0, vtd_machine::pasid_entry(1, 7, plain, 0));
    m.set_pasid(5, vtd_machine::pasid_entry(1, 7, five, 0));
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 0x5008)), 42U);
    EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(5, 0x5008))), 43U);
    EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(0, 0x5008))), 42U);
    EXPECT_NE(m.perform(m.with_pasid(6, 0x5008)).status, ok);
    const auto r = m.fault();
    EXPECT_EQ(vtd_machine::reason(r), fault_reason::pasid_entry_not_present);
    EXPECT_EQ(fault_record::PP.of(r), 1U);
    EXPECT_EQ(fault_record::PV.of(r), 6U);
    EXPECT_EQ(m.take_reason(), fault_reason::pasid_entry_not_present);
    EXPECT_NE(m.read(disk, 1ULL << 47).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::not_canonical);
}

TEST(vtd_module, SPT_5_and_6_requests_that_the_PASID_entry_does_not_take) {
    scalable_machine m;
    const std::uint64_t tables = m.new_table();
    m.map_first(tables, 0x5000, data);
    m.set_pasid(5, vtd_machine::pasid_entry(1, 7, tables, 0));
    device_access a = m.with_pasid(5, 0x5008);
    a.privileged = true;
    EXPECT_NE(m.perform(a).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::supervisor_requests_disabled);
    a.privileged = false;
    a.instruction = true;
    EXPECT_NE(m.perform(a).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::execute_requests_disabled);
    m.set_pasid(6, vtd_machine::pasid_entry(1, 7, tables | 3, 0)); // SRE, ERE
    a.pasid = 6;
    EXPECT_EQ(m.perform(a).status, ok);
    a.privileged = true;
    EXPECT_EQ(m.perform(a).status, ok);
}

TEST(vtd_module, SPT_5_and_6_caches_do_not_take_such_requests_either) {
    scalable_machine m;
    const std::uint64_t tables = m.new_table();
    m.map_first(tables, 0x5000, data);
    constexpr unsigned first = 1, pass_through = 4;
    m.set_pasid(5, vtd_machine::pasid_entry(first, 7, tables, 0));
    m.set_pasid(6, vtd_machine::pasid_entry(first, 7, tables | 3, 0)); // SRE, ERE: caches may have the pages
    m.set_pasid(7, vtd_machine::pasid_entry(pass_through, 7, 0, 0));
    for (const std::uint32_t pasid : {6U, 5U, 7U}) {
        device_access a = m.with_pasid(pasid, pasid == 7 ? data : 0x5008);
        EXPECT_EQ(m.perform(a).status, ok) << pasid;
        a.privileged = true;
        EXPECT_EQ(m.perform(a).status == ok, pasid == 6) << pasid;
        EXPECT_EQ(m.take_reason(), pasid == 6 ? fault_reason::none : fault_reason::supervisor_requests_disabled);
        a.privileged = false;
        a.instruction = true;
        EXPECT_EQ(m.perform(a).status == ok, pasid == 6) << pasid;
        EXPECT_EQ(m.take_reason(), pasid == 6 ? fault_reason::none : fault_reason::execute_requests_disabled);
    }
}

TEST(vtd_module, with_PASID_the_interrupt_address_range_is_an_input_like_others) {
    scalable_machine m;
    const std::uint64_t tables = m.new_table();
    m.map_first(tables, 0xfee0'0000, data, 7, 21);
    m.set_pasid(5, vtd_machine::pasid_entry(1, 7, tables, 0));
    for (unsigned again = 0; again < 2; ++again)
        EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(5, 0xfee0'0008))), 42U);
}

TEST(vtd_module, requests_without_PASID_have_the_privilege_of_RID_PRIV) {
    scalable_machine m;
    const std::uint64_t tables = m.new_table();
    m.map(tables, 4, 0x5000, data, 3, 7); // P, R/W: a supervisor's page
    m.set_pasid(0, vtd_machine::pasid_entry(1, 7, tables | 1, 0));
    device_access a;
    a.source_id = disk;
    a.address = 0x5008;
    a.data.resize(8);
    a.privileged = true; // without PASID that says nothing
    EXPECT_NE(m.perform(a).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::supervisor_page);
    m.write_word(vtd_machine::context + disk * 32 + 8, 1ULL << 20);
    m.submit(0x11);
    m.submit(iotlb_global);
    a.privileged = false;
    EXPECT_EQ(vtd_machine::value_of(m.perform(a)), 42U);
}

TEST(vtd_module, nested_translation_goes_through_both_stages_and_says_which_refused) {
    scalable_machine m;
    constexpr std::uint64_t guest = 0x20'0000, guest_page = 0x70'0000; // intermediate addresses
    const std::uint64_t first = m.new_table(), second = m.new_table();
    std::uint64_t table = first;
    for (unsigned level = 4; level > 1; --level) { // at index 0 each; entries name intermediate addresses
        m.write_word(table, (guest + (level - 2) * page) | 7);
        table = m.new_table();
        m.map_second(second, 4, guest + (level - 2) * page, table);
    }
    m.map_second(second, 4, guest + 3 * page, first);
    m.write_word(table + 5 * 8, guest_page | 7);
    const std::uint64_t leaf = m.map_second(second, 4, guest_page, data);
    m.set_pasid(0, vtd_machine::pasid_entry(3, 7, guest + 3 * page, second));
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 0x5008)), 42U);
    EXPECT_EQ(m.read_word(table + 5 * 8), guest_page | 7 | 0x20); // A, through the second stage
    m.write_word(leaf, (data + page) | 3);
    m.submit(iotlb_pages | of_domain(7), guest_page); // by the second stage's input
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 0x5008)), 43U);
    m.write_word(leaf, 0);
    m.submit(iotlb_domain | of_domain(7));
    EXPECT_NE(m.read(disk, 0x5008).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::second_stage_permission);
    m.write_word(first, 0x123'0000 | 7); // a first-stage entry to where nothing is
    m.submit(iotlb_domain | of_domain(7));
    EXPECT_NE(m.read(disk, 0x5008).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::nested_entry_not_readable);
    m.write_word(first, 1ULL << 48 | 7);
    m.submit(iotlb_domain | of_domain(7));
    EXPECT_NE(m.read(disk, 0x5008).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::nested_entry_beyond_width);
}

TEST(vtd_module, abort_DMA_mode_and_invalid_modes_block_everything) {
    unit_parameters p;
    p.id.ECAP = ecap::ADMS.put(p.id.ECAP, 1);
    legacy_machine m(p);
    m.set(reg::RTADDR, rtaddr::TTM.make(3));
    m.set(reg::GCMD, gcmd::SRTP.make(1) | gcmd::QIE.make(1) | gcmd::TE.make(1));
    EXPECT_NE(m.read(disk, 8).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::abort_mode);
    m.set(reg::RTADDR, rtaddr::TTM.make(2));
    m.set(reg::GCMD, gcmd::SRTP.make(1) | gcmd::QIE.make(1) | gcmd::TE.make(1));
    EXPECT_NE(m.read(disk, 8).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::table_mode_invalid);
}

TEST(vtd_module, RTA_2_a_request_with_PASID_in_legacy_mode) {
    legacy_machine m;
    device_access a;
    a.source_id = disk;
    a.pasid = 0;
    a.data.resize(8);
    EXPECT_NE(m.perform(a).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::pasid_in_legacy_mode);
}

TEST(vtd_module, translated_requests_pass_where_device_TLBs_are_allowed) {
    legacy_machine m;
    device_access a;
    a.source_id = disk;
    a.address = data + 8;
    a.type = address_type::translated;
    a.data.resize(8);
    EXPECT_NE(m.perform(a).status, ok);
    EXPECT_EQ(fault_record::AT.of(m.fault()), fault_record::at_translated);
    EXPECT_EQ(m.take_reason(), fault_reason::translation_type_blocks);
    m.set_context(nic, m.tables | 1 << 2 | 1, 2 | 9 << 8);
    a.source_id = nic;
    EXPECT_EQ(vtd_machine::value_of(m.perform(a)), 42U);
}

// --- what is never translated

TEST(vtd_module, the_interrupt_address_range_is_not_memory) {
    legacy_machine m;
    m.map_second(m.tables, 4, 0xc000'0000, 0x8000'0000, 3, 30); // a page of 1 GiB around the range
    EXPECT_EQ(m.read(disk, 0xc000'0008).status, ok);
    // a message: passes untranslated, to where the bus has nothing
    EXPECT_EQ(m.write(disk, 0xfee0'0000, 1).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    EXPECT_NE(m.read(disk, 0xfee0'0000).status, ok);
    EXPECT_EQ(m.get(reg::FSTS), 0U);
    EXPECT_EQ(m.read(disk, 0xc000'0008).status, ok);
    m.map_second(m.tables, 4, 0x7000, 0xfee0'1000); // LGN.4: as an output
    EXPECT_NE(m.write(disk, 0x7000, 1).status, ok);
    EXPECT_EQ(m.take_reason(), fault_reason::interrupt_address);
    m.set_context(nic, 2 << 2 | 1, 2 | 9 << 8);
    EXPECT_EQ(vtd_machine::value_of(m.read(nic, data + 8)), 42U);
    EXPECT_NE(m.read(nic, 0xfee0'0000).status, ok); // pass-through doesn't make it memory
}

TEST(vtd_module, protected_memory_is_out_of_reach_when_translation_is_off_or_passes) {
    vtd_machine m("m");
    m.write_word(data + 8, 42);
    m.set(reg::PLMBASE, data);
    m.set(reg::PLMLIMIT, data);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, data + 8)), 42U);
    m.set(reg::PMEN, pmen::EPM.make(1));
    EXPECT_EQ(m.get(reg::PMEN), pmen::EPM.make(1) | pmen::PRS.make(1));
    EXPECT_NE(m.read(disk, data + 8).status, ok);
    EXPECT_NE(m.read(disk, data + 0x1f'fff8).status, ok);
    EXPECT_EQ(m.read(disk, data + 0x20'0000).status, ok); // the next step of 2 MiB
    m.set(reg::PLMBASE, 0);
    EXPECT_EQ(m.get(reg::PLMBASE), data); // locked
    m.set_context(nic, 2 << 2 | 1, 2 | 9 << 8);
    const std::uint64_t tables = m.new_table();
    m.map_second(tables, 4, 0, data);
    m.set_tables(disk, 7, tables);
    m.enable();
    EXPECT_NE(m.read(nic, data + 8).status, ok);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U); // mapped by software
    EXPECT_EQ(m.get(reg::FSTS), 0U);                        // no fault is recorded
    m.set(reg::PMEN, 0);
    EXPECT_EQ(vtd_machine::value_of(m.read(nic, data + 8)), 42U);
}

// --- fault records: "Fault Logging", "Fault Events"

TEST(vtd_module, a_record_says_who_what_where_and_FRI_which_is_the_first) {
    legacy_machine m;
    m.read(disk, 0x5678);
    m.write(nic, 0x9000, 1);
    EXPECT_EQ(m.get(reg::FSTS), fsts::PPF.make(1));
    auto r = m.fault(0);
    EXPECT_EQ(r[0], 0x5000U);
    EXPECT_EQ(fault_record::SID.of(r), disk);
    EXPECT_EQ(fault_record::T1.of(r), fault_record::type_read);
    r = m.fault(1);
    EXPECT_EQ(vtd_machine::reason(r), fault_reason::context_not_present);
    EXPECT_EQ(fault_record::SID.of(r), nic);
    EXPECT_EQ(fault_record::T1.of(r), fault_record::type_write);
    m.clear_fault(0);
    EXPECT_EQ(m.get(reg::FSTS), fsts::PPF.make(1)); // one is left
    m.clear_fault(1);
    EXPECT_EQ(m.get(reg::FSTS), 0U);
    m.read(disk, 0x5678);
    EXPECT_EQ(m.get(reg::FSTS), fsts::PPF.make(1) | fsts::FRI.make(2));
}

TEST(vtd_module, faults_of_a_source_with_a_record_are_collapsed_and_others_overflow) {
    legacy_machine m(one_record());
    m.read(disk, 0x5000);
    m.read(disk, 0x6000);
    EXPECT_EQ(m.get(reg::FSTS), fsts::PPF.make(1));
    EXPECT_EQ(m.fault()[0], 0x5000U);
    m.read(nic, 0x7000);
    EXPECT_EQ(m.get(reg::FSTS), fsts::PPF.make(1) | fsts::PFO.make(1));
    m.clear_fault();
    EXPECT_EQ(m.get(reg::FSTS), fsts::PFO.make(1));
    m.read(nic, 0x7000); // nothing is recorded until PFO is cleared
    EXPECT_EQ(m.fault()[1] >> 63, 0U);
    m.set(reg::FSTS, fsts::PFO.make(1));
    m.read(nic, 0x7000);
    EXPECT_EQ(m.fault()[0], 0x7000U);
    EXPECT_EQ(m.counted("faults_lost"), 2U);
    EXPECT_EQ(m.counted("faults_collapsed"), 1U);
}

TEST(vtd_module, FPD_of_an_entry_on_the_way_suppresses_qualified_faults) {
    legacy_machine m;
    m.set_context(nic, m.tables | 3, 2 | 9 << 8);
    EXPECT_NE(m.read(nic, 0x5000).status, ok);
    m.set_context(0x28, 2, 0);
    EXPECT_NE(m.read(0x28, 0x5000).status, ok);
    EXPECT_EQ(m.get(reg::FSTS), 0U);
    m.write_word(vtd_machine::root, 0);
    EXPECT_NE(m.read(0x30, 0x5000).status, ok); // before any entry that could have FPD
    EXPECT_EQ(m.take_reason(), fault_reason::root_not_present);
}

TEST(vtd_module, the_fault_event_is_sent_once_until_all_is_served) {
    legacy_machine m;
    m.set(reg::FEDATA, 0xcafe);
    m.set(reg::FEADDR, vtd_machine::status);
    m.read(disk, 0x5000);
    EXPECT_EQ(m.get(reg::FECTL), event_control::IM.make(1) | event_control::IP.make(1)); // masked: pending
    EXPECT_EQ(m.read_word(vtd_machine::status), 0U);
    m.set(reg::FECTL, 0);
    m.settle();
    EXPECT_EQ(m.read_word(vtd_machine::status), 0xcafeU);
    EXPECT_EQ(m.get(reg::FECTL), 0U);
    m.write_word(vtd_machine::status, 0);
    m.read(nic, 0x5000); // PPF is set already
    EXPECT_EQ(m.read_word(vtd_machine::status), 0U);
    m.clear_fault(0);
    m.clear_fault(1);
    m.read(nic, 0x5000);
    EXPECT_EQ(m.read_word(vtd_machine::status), 0xcafeU);
}

TEST(vtd_module, an_event_that_is_served_while_masked_is_not_pending_any_more) {
    legacy_machine m;
    m.read(disk, 0x5000);
    m.clear_fault();
    EXPECT_EQ(m.get(reg::FECTL), event_control::IM.make(1));
}

TEST(vtd_module, messages_to_the_interrupt_range_go_out_on_the_wires) {
    vtd_machine m("m");
    pulse_counter faults("faults", *m.wires[0]), completions("completions", *m.wires[1]);
    m.enable();
    for (const auto* address : {&reg::FEADDR, &reg::IEADDR})
        m.set(*address, 0xfee0'1004);
    m.set(reg::FECTL, 0);
    m.set(reg::IECTL, 0);
    m.read(disk, 0x5000);
    m.submit(0x15); // wait, IF
    vtd_machine::run(10);
    EXPECT_EQ(faults.pulses, 1U);
    EXPECT_EQ(completions.pulses, 1U);
    m.submit(0x15); // IWC is set still
    EXPECT_EQ(completions.pulses, 1U);
    m.set(reg::ICS, 1);
    m.submit(0x15);
    vtd_machine::run(10);
    EXPECT_EQ(completions.pulses, 2U);
}

// --- invalidation

TEST(vtd_module, what_is_cached_is_served_until_it_is_invalidated) {
    legacy_machine m;
    const auto changes_after = [&](std::uint64_t low, std::uint64_t high, bool expected) {
        m.write_word(m.leaf, data | 3);
        m.submit(iotlb_global);
        EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
        m.write_word(m.leaf, (data + page) | 3);
        EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
        m.submit(low, high);
        EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), expected ? 43U : 42U) << std::hex << low << ' ' << high;
    };
    changes_after(iotlb_global, 0, true);
    changes_after(iotlb_domain | of_domain(7), 0, true);
    changes_after(iotlb_domain | of_domain(8), 0, false);
    changes_after(iotlb_pages | of_domain(7), 0, true);
    changes_after(iotlb_pages | of_domain(7), 0x40, true); // IH: of leaves
    changes_after(iotlb_pages | of_domain(7), page, false);
    changes_after(iotlb_pages | of_domain(7), page | 1, true); // AM: two pages, aligned
    changes_after(iotlb_pages | of_domain(7), 18, true);
    changes_after(iotlb_pages | of_domain(7) | drains, 0, true);
}

TEST(vtd_module, paging_structure_caches_go_unless_IH_says_that_leaves_alone_have_changed) {
    legacy_machine m;
    m.read(disk, 8);
    const std::uint64_t level3 = m.read_word(m.tables) & ~0xfffULL;
    m.write_word(level3, 0);                           // the table of level 2 is taken out
    m.submit(iotlb_pages | of_domain(7), page | 0x40); // with IH: pointers to tables stay
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
    m.submit(iotlb_pages | of_domain(7), 0);
    EXPECT_NE(m.read(disk, 8).status, ok);
}

TEST(vtd_module, context_entries_are_cached_until_their_source_or_domain_or_all_are_invalidated) {
    legacy_machine m;
    const std::uint64_t other = m.new_table();
    m.map_second(other, 4, 0, data + page);
    const auto changes_after = [&](std::uint64_t low, bool expected) {
        m.set_tables(disk, 7, m.tables);
        m.submit(0x11);
        m.submit(iotlb_global);
        EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
        m.set_tables(disk, 8, other);
        m.submit(low);
        m.submit(iotlb_global);
        EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), expected ? 43U : 42U) << std::hex << low;
    };
    changes_after(0x11, true);
    changes_after(0x21 | of_domain(7), true);
    changes_after(0x21 | of_domain(9), false);
    changes_after(0x31 | std::uint64_t{disk} << 32, true);
    changes_after(0x31 | std::uint64_t{nic} << 32, false);
    changes_after(0x31 | std::uint64_t{disk | 3} << 32, false);
    changes_after(0x31 | std::uint64_t{disk | 3} << 32 | 3ULL << 48, true); // FM: all functions
}

TEST(vtd_module, PASID_entries_are_cached_until_PASID_domain_or_all_are_invalidated) {
    scalable_machine m;
    const std::uint64_t one = m.new_table(), other = m.new_table();
    m.map_first(one, 0, data);
    m.map_first(other, 0, data + page);
    const auto changes_after = [&](std::uint64_t low, bool expected) {
        m.set_pasid(5, vtd_machine::pasid_entry(1, 7, one, 0));
        m.submit(0x37);
        m.submit(iotlb_global);
        EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(5, 8))), 42U);
        m.set_pasid(5, vtd_machine::pasid_entry(1, 7, other, 0));
        m.submit(low);
        m.submit(0x26 | of_domain(7) | 5ULL << 32); // PASID-based IOTLB invalidation
        EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(5, 8))), expected ? 43U : 42U) << std::hex << low;
    };
    changes_after(0x37, true);
    changes_after(0x07 | of_domain(7), true);
    changes_after(0x07 | of_domain(8), false);
    changes_after(0x17 | of_domain(7) | 5ULL << 32, true);
    changes_after(0x17 | of_domain(7) | 6ULL << 32, false);
}

TEST(vtd_module, PASID_based_IOTLB_invalidation_spares_other_PASIDs_and_addresses) {
    scalable_machine m;
    const std::uint64_t tables = m.new_table();
    const std::uint64_t leaf = m.map_first(tables, 0x5000, data);
    m.set_pasid(5, vtd_machine::pasid_entry(1, 7, tables, 0));
    const auto changes_after = [&](std::uint64_t low, std::uint64_t high, bool expected) {
        m.write_word(leaf, data | 7);
        m.submit(iotlb_global);
        EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(5, 0x5008))), 42U);
        m.write_word(leaf, (data + page) | 7);
        m.submit(low, high);
        EXPECT_EQ(vtd_machine::value_of(m.perform(m.with_pasid(5, 0x5008))), expected ? 43U : 42U)
            << std::hex << low << ' ' << high;
    };
    constexpr std::uint64_t five = 5ULL << 32;
    changes_after(0x26 | of_domain(7) | five, 0, true);
    changes_after(0x26 | of_domain(8) | five, 0, false);
    changes_after(0x26 | of_domain(7) | 6ULL << 32, 0, false);
    changes_after(0x36 | of_domain(7) | five, 0x5000, true);
    changes_after(0x36 | of_domain(7) | five, 0x6000, false);
    changes_after(0x36 | of_domain(7) | five, 0x4000 | 1, true); // AM
}

TEST(vtd_module, registers_invalidate_while_the_queue_is_off_and_say_what_was_done) {
    legacy_machine m;
    m.set(reg::GCMD, gcmd::TE.make(1)); // the queue off
    m.read(disk, 8);
    m.write_word(m.leaf, (data + page) | 3);
    m.set(reg::IVA, 0);
    m.set(reg::IOTLB, iotlb::IVT.make(1) | iotlb::IIRG.make(3) | iotlb::DID.make(7) | iotlb::DR.make(1));
    m.settle();
    EXPECT_EQ(iotlb::IVT.of(m.get(reg::IOTLB)), 0U);
    EXPECT_EQ(iotlb::IAIG.of(m.get(reg::IOTLB)), 3U);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 43U);
    m.set(reg::IVA, 19); // beyond MAMV
    m.set(reg::IOTLB, iotlb::IVT.make(1) | iotlb::IIRG.make(3) | iotlb::DID.make(7));
    m.settle();
    EXPECT_EQ(iotlb::IAIG.of(m.get(reg::IOTLB)), 0U);
    m.set(reg::CCMD, ccmd::ICC.make(1) | ccmd::CIRG.make(3) | ccmd::SID.make(disk));
    m.settle();
    EXPECT_EQ(ccmd::ICC.of(m.get(reg::CCMD)), 0U);
    EXPECT_EQ(ccmd::CAIG.of(m.get(reg::CCMD)), 3U);
    m.set(reg::CCMD, ccmd::ICC.make(1));
    m.settle();
    EXPECT_EQ(ccmd::CAIG.of(m.get(reg::CCMD)), 0U);
    m.set(reg::GCMD, gcmd::TE.make(1) | gcmd::QIE.make(1));
    m.set(reg::IOTLB, iotlb::IVT.make(1) | iotlb::IIRG.make(1)); // not both interfaces
    m.settle();
    EXPECT_EQ(iotlb::IAIG.of(m.get(reg::IOTLB)), 0U);
}

TEST(vtd_module, a_unit_without_page_selective_invalidation_takes_the_domain) {
    unit_parameters p;
    p.id.CAP = cap::PSI.put(p.id.CAP, 0);
    legacy_machine m(p);
    m.set(reg::GCMD, gcmd::TE.make(1));
    m.read(disk, 8);
    m.write_word(m.leaf, (data + page) | 3);
    m.set(reg::IVA, 0x10'0000);
    m.set(reg::IOTLB, iotlb::IVT.make(1) | iotlb::IIRG.make(3) | iotlb::DID.make(7));
    m.settle();
    EXPECT_EQ(iotlb::IAIG.of(m.get(reg::IOTLB)), 2U);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 43U);
}

TEST(vtd_module, wait_descriptors_write_their_status) {
    legacy_machine m;
    m.submit(0x25 | 0xd00dULL << 32, vtd_machine::status);
    EXPECT_EQ(m.read_word(vtd_machine::status), 0xd00dU);
    m.submit(0x45);                 // a fence alone
    m.submit(0x05);                 // nothing at all
    m.submit(0x25, 0x10'0000'0000); // to where there is no memory
    EXPECT_TRUE(m.consumed());
    EXPECT_EQ(m.get(reg::FSTS), 0U);
}

TEST(vtd_module, a_drain_waits_for_the_accesses_that_may_have_used_the_old_translation) {
    legacy_machine m;
    m.read(disk, 8);
    device_access a;
    a.source_id = disk;
    a.address = 8;
    a.data.resize(8);
    m.put(iotlb_global | drains);
    m.put(0x25 | 1ULL << 32, vtd_machine::status);
    m.devices[0]->issue(a);
    vtd_machine::run(20); // on its way to memory, which takes 50 ns
    m.ring();
    for (unsigned n = 0; n < 1000 && m.read_word(vtd_machine::status) == 0; ++n)
        vtd_machine::run(1);
    EXPECT_EQ(m.read_word(vtd_machine::status), 1U);
    EXPECT_TRUE(a.done);
    EXPECT_TRUE(m.settle());
}

/// The error that a descriptor ends in; another then takes its place.
iqercd::error error_of(legacy_machine& m, std::uint64_t low, std::uint64_t high = 0) {
    const std::uint64_t head = m.get(reg::IQH);
    m.submit(low, high);
    EXPECT_EQ(m.get(reg::FSTS), fsts::IQE.make(1));
    EXPECT_EQ(m.get(reg::IQH), head);
    const auto e = static_cast<iqercd::error>(m.get(reg::IQERCD));
    m.write_word(vtd_machine::queue + head, iotlb_global);
    m.write_word(vtd_machine::queue + head + 8, 0);
    m.set(reg::FSTS, fsts::IQE.make(1));
    m.settle();
    EXPECT_TRUE(m.consumed());
    EXPECT_EQ(m.get(reg::IQERCD), 0U);
    return e;
}

TEST(vtd_module, queue_errors_stop_it_at_the_descriptor_with_the_reason_and_it_goes_on_when_cleared) {
    legacy_machine m;
    EXPECT_EQ(error_of(m, 0), iqercd::error::invalid_type);
    EXPECT_EQ(error_of(m, 0xf), iqercd::error::invalid_type);
    EXPECT_EQ(error_of(m, 0x205), iqercd::error::invalid_type); // its high bits
    EXPECT_EQ(error_of(m, 0x51), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, 0x01), iqercd::error::reserved_field); // G
    EXPECT_EQ(error_of(m, 0x02), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, 0x11, 1), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, iotlb_pages, 19), iqercd::error::reserved_field); // beyond MAMV
    EXPECT_EQ(error_of(m, iotlb_pages, 0x80), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, 0x105), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, 0x25, 1), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, 0x37), iqercd::error::invalid_width);
}

/// A legacy mode unit with these of PDS, DT, IR and DIT.
unit_parameters with_capabilities(std::initializer_list<bit_field> there) {
    unit_parameters p;
    p.id.ECAP = 0xfc2; // QI, PT, SC, IRO
    for (const bit_field& capability : there)
        p.id.ECAP = capability.put(p.id.ECAP, 1);
    return p;
}
constexpr std::uint64_t wait_with_PD = 0x85, of_device_tlb = 3, of_interrupt_entries = 4, PFSID_low = 0x1000,
                        PFSID_high = std::uint64_t{1} << 52;

TEST(vtd_module, what_a_capability_gives_a_descriptor_is_there_with_it) {
    legacy_machine m(with_capabilities({ecap::PDS, ecap::DT, ecap::IR, ecap::DIT}));
    for (const std::uint64_t low :
         {wait_with_PD, of_device_tlb, of_interrupt_entries, of_device_tlb | PFSID_low, of_device_tlb | PFSID_high}) {
        m.submit(low);
        EXPECT_EQ(m.get(reg::FSTS), 0U) << low;
        EXPECT_TRUE(m.consumed()) << low;
    }
}

TEST(vtd_module, what_a_capability_gives_a_descriptor_is_refused_without_it) {
    legacy_machine m(with_capabilities({}));
    EXPECT_EQ(error_of(m, wait_with_PD), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, of_device_tlb), iqercd::error::invalid_type);
    EXPECT_EQ(error_of(m, of_interrupt_entries), iqercd::error::invalid_type);
}

TEST(vtd_module, PFSID_is_reserved_without_DIT) {
    legacy_machine m(with_capabilities({ecap::DT}));
    EXPECT_EQ(error_of(m, of_device_tlb | PFSID_low), iqercd::error::reserved_field);
    EXPECT_EQ(error_of(m, of_device_tlb | PFSID_high), iqercd::error::reserved_field);
}

TEST(vtd_module, tails_that_are_none) {
    scalable_machine m;
    m.set(reg::IQT, 0x1000);
    m.settle();
    EXPECT_EQ(m.get(reg::IQERCD), static_cast<std::uint64_t>(iqercd::error::invalid_tail));
    EXPECT_EQ(m.get(reg::FSTS), fsts::IQE.make(1));
    m.set(reg::IQT, 0x10); // half a descriptor of 256 bits
    m.set(reg::FSTS, fsts::IQE.make(1));
    m.settle();
    EXPECT_EQ(m.get(reg::IQERCD), static_cast<std::uint64_t>(iqercd::error::misaligned_tail));
    m.set(reg::GCMD, gcmd::TE.make(1));
    m.set(reg::IQA, 0x10'0000'0000 | iqa::DW.make(1)); // where there is no memory
    m.set(reg::IQT, 0x20);
    m.set(reg::GCMD, gcmd::TE.make(1) | gcmd::QIE.make(1));
    m.set(reg::FSTS, fsts::IQE.make(1));
    m.settle();
    EXPECT_EQ(m.get(reg::IQERCD), static_cast<std::uint64_t>(iqercd::error::fetch));
}

TEST(vtd_module, a_unit_that_hangs_goes_on_at_the_next_tail_that_it_takes_notice_of) {
    legacy_machine m;
    m.read(disk, 8);
    m.write_word(m.leaf, (data + page) | 3);
    bool hangs = true;
    m.model.on_commands([&] { return hangs; });
    m.submit(iotlb_global);
    m.set(reg::FSTS, fsts::IQE.make(1)); // looks at the queue too, and announces nothing
    EXPECT_TRUE(m.settle());
    EXPECT_FALSE(m.consumed());
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U) << "the old translation";
    hangs = false;
    m.submit(0x05);
    EXPECT_TRUE(m.consumed());
    EXPECT_EQ(m.counted("descriptors"), 2U);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 43U);
}

TEST(vtd_module, the_queue_goes_round) {
    legacy_machine m;
    for (unsigned n = 0; n < 300; ++n) {
        m.put(n % 3 ? iotlb_domain | of_domain(n) : 0x05);
        if (n % 10 == 9) {
            m.ring();
            EXPECT_TRUE(m.settle());
            EXPECT_TRUE(m.consumed());
        }
    }
    EXPECT_EQ(m.counted("descriptors"), 300U);
    EXPECT_EQ(m.get(reg::FSTS), 0U);
}

TEST(vtd_module, with_ESRTPS_a_new_root_table_takes_the_old_translations_with_it) {
    legacy_machine m;
    m.read(disk, 8);
    m.write_word(m.leaf, (data + page) | 3);
    m.set(reg::GCMD, gcmd::SRTP.make(1) | gcmd::QIE.make(1) | gcmd::TE.make(1));
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 43U);
}

TEST(vtd_module, without_ESRTPS_they_stay_until_they_are_invalidated) {
    unit_parameters p;
    p.id.CAP = cap::ESRTPS.put(p.id.CAP, 0);
    legacy_machine m(p);
    m.read(disk, 8);
    m.write_word(m.leaf, (data + page) | 3);
    m.set(reg::GCMD, gcmd::SRTP.make(1) | gcmd::QIE.make(1) | gcmd::TE.make(1));
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, 8)), 42U);
}

TEST(vtd_module, identification_that_promises_too_much_is_refused) {
    unit_parameters p;
    p.id.CAP = cap::AFL.put(p.id.CAP, 1);
    EXPECT_THROW(vtd_machine("u", p), parameter_error);
}

TEST(vtd_module, reset_leads_back_to_the_start) {
    legacy_machine m;
    m.read(disk, 0x5000);
    m.clear();
    EXPECT_EQ(m.get(reg::GSTS), 0U);
    EXPECT_EQ(m.get(reg::FSTS), 0U);
    EXPECT_EQ(m.get(reg::CAP), id_registers{}.CAP);
    m.write_word(data, 9);
    EXPECT_EQ(vtd_machine::value_of(m.read(disk, data)), 9U); // bypass again
    EXPECT_EQ(m.violations(), "");
}

// --- time

/// Every latency of the way, added up by hand: what the device measures is no more and no less.
TEST(vtd_module, a_cold_access_takes_the_sum_of_its_parts) {
    unit_parameters p;
    p.host_address_bits = 46;
    legacy_machine m(p);
    time_sheet sheet;
    m.model.on_access([&](const answered_access& done) { sheet = done.sheet; });
    const device_access a = m.read(disk, 8);
    const std::uint64_t cycle = p.clock_period_ps;
    // a read of a table takes the way that the access itself takes behind the unit, and is answered at a clock
    const std::uint64_t memory = sheet.part_ps(time_part::memory);
    EXPECT_GE(memory, 3'000U + 50'000 + 3'000); // interconnect there and back, memory
    const std::uint64_t fetch = (memory + cycle - 1) / cycle * cycle;
    EXPECT_EQ(sheet.part_ps(time_part::configuration), p.context_cache.latency_cycles * cycle);
    EXPECT_EQ(sheet.part_ps(time_part::configuration_fetch), 2 * fetch); // root and context entry
    EXPECT_EQ(sheet.part_ps(time_part::walk_cache), 3 * p.second_stage_cache[0].latency_cycles * cycle);
    for (const time_part level :
         {time_part::walk_level_0, time_part::walk_level_1, time_part::walk_level_2, time_part::walk_level_3})
        EXPECT_EQ(sheet.part_ps(level), fetch + p.walk_step_cycles * cycle) << name_of(level);
    EXPECT_EQ(sheet.part_ps(time_part::walk_level_4), 0U);
    std::uint64_t sum = 0;
    for (std::size_t n = 0; n < time_parts; ++n)
        sum += sheet.part_ps(static_cast<time_part>(n));
    EXPECT_EQ(sum, a.ended_ps - a.begun_ps);
    // the pointer to the last table is known now, and the context: one read of tables
    m.map_second(m.tables, 4, page, data + page);
    m.read(disk, page);
    EXPECT_EQ(sheet.part_ps(time_part::configuration_fetch), 0U);
    EXPECT_EQ(sheet.part_ps(time_part::walk_level_2), 0U);
    EXPECT_EQ(sheet.part_ps(time_part::walk_level_3), fetch + p.walk_step_cycles * cycle);
}

// --- what ports see to

TEST(vtd_module, source_ids_and_PASIDs_are_not_cut) {
    scalable_machine m;
    const std::uint64_t tables = m.new_table();
    m.map_first(tables, 0x5000, data);
    m.set_pasid(5, vtd_machine::pasid_entry(1, 7, tables, 0));
    const device_access a = m.with_pasid(5, 0x5008);
    std::vector<device_access> wide(4, a);
    wide[0].source_id = 0x1'0000 | disk;
    wide[1].source_id = 0xffff'0000 | disk;
    wide[2].pasid = 0x10'0005;
    wide[3].pasid = 0x8000'0005;
    harness::expect_that_names_are_not_cut(m, a, wide);
    EXPECT_EQ(m.take_reason(), fault_reason::none) << "there is no source-id to record";
}

TEST(vtd_module, a_compare_and_swap_needs_the_rights_to_read_and_to_write) {
    legacy_machine m;
    for (const std::uint64_t rights : {1U, 2U, 3U})
        m.map_second(m.tables, 4, rights * page, data + rights * page, rights);
    for (const harness::way how : harness::ways)
        for (unsigned again = 0; again < 2; ++again)
            for (const std::uint64_t rights : {1U, 2U, 3U}) {
                const std::uint64_t at = data + rights * page;
                m.write_word(at, 1);
                if (rights != 1) {
                    EXPECT_EQ(m.write(disk, rights * page + 8, 0).status, ok);
                }
                atomic_compare_swap swap;
                const auto status = compare_swap(m, how, disk, rights * page, 1, 2, swap);
                EXPECT_EQ(status == ok, rights == 3) << "rights " << rights << ", way " << static_cast<int>(how);
                EXPECT_EQ(m.read_word(at), rights == 3 ? 2U : 1U);
                EXPECT_EQ(swap.found[0], rights == 3 ? 1U : 0U);
                const fault_reason none = fault_reason::none;
                EXPECT_EQ(m.take_reason(), how == harness::way::debug || rights == 3 ? none
                                           : rights == 1                             ? fault_reason::write_not_allowed
                                                                                     : fault_reason::read_not_allowed);
            }
    EXPECT_EQ(m.violations(), "");
}

/// A page of 1 GiB that has the interrupt range in it: read at two places, then changed.
TEST(vtd_module, a_page_in_pieces_around_the_interrupt_range_goes_as_a_whole) {
    constexpr std::uint64_t more = 0x1'0000'0000, iova = 0xc000'0000, other = 0xe000'0000;
    vtd_machine m("m", {}, {{data, 0x4000'0000, "data"}, {more, 0x4000'0000, "more"}});
    const std::uint64_t tables = m.new_table(), leaf = m.map_second(tables, 4, iova, data, 3, 30);
    m.set_tables(disk, 7, tables);
    m.write_word(data, 1);
    m.write_word(more, 2);
    m.enable();
    payload_pool<int> pool;
    for (const harness::way how : {harness::way::cycle_approximate, harness::way::loosely_timed})
        for (const std::uint64_t to : {more, data}) {
            device_access a, b;
            a.source_id = b.source_id = disk;
            a.address = iova;
            b.address = other;
            a.data.resize(8);
            b.data.resize(8);
            EXPECT_EQ(carry(m, how, a), ok);
            EXPECT_EQ(carry(m, how, b), ok);
            EXPECT_EQ(vtd_machine::value_of(a), to == data ? 2U : 1U);
            auto& p = pool.acquire(8);
            p.set_read();
            p.set_address(iova);
            p.side.source_id = disk;
            tlm::tlm_dmi grant;
            EXPECT_TRUE(m.devices[0]->socket->get_direct_mem_ptr(p, grant));
            p.release();
            const std::uint64_t revoked = m.counted("direct_revocations");
            m.write_word(leaf, to | 3 | 0x80);
            m.submit(iotlb_pages | drains | of_domain(7), other + page);
            EXPECT_GT(m.counted("direct_revocations"), revoked);
            EXPECT_EQ(carry(m, how, a), ok);
            EXPECT_EQ(vtd_machine::value_of(a), to == data ? 1U : 2U);
        }
    EXPECT_EQ(m.violations(), "");
}

} // namespace
} // namespace iommulab::vtd
