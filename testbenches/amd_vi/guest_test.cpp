// SPDX-License-Identifier: Apache-2.0
// Requests with a PASID on the AMD IOMMU: the guest CR3 table, tables of four and five levels, over host tables.
// Section numbers are those of publication 48882.
#include "testbenches/amd_vi/machine.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace iommulab::amd_vi {
namespace {

using harness::amd_v1_builder;
using harness::device_access;
using machine = harness::amd_vi_machine;
constexpr std::uint64_t data = machine::data;
constexpr auto ok = tlm::TLM_OK_RESPONSE;

/// x86-64 entries: present, writable, user; accessed and dirty.
constexpr std::uint64_t P = 1, W = 2, U = 4, A = 1 << 5, D = 1 << 6, NX = std::uint64_t{1} << 63;

/// A machine with guests: tables of theirs lie in the machine's own memory, at the same intermediate addresses.
struct guests {
    machine m;
    explicit guests(std::uint64_t feature = everything) : m("m", parameters(feature)) {}

    static amd_vi_parameters parameters(std::uint64_t feature) {
        amd_vi_parameters p;
        p.extended_feature = feature;
        return p;
    }
    std::uint64_t take() {
        const std::uint64_t page = m.next_table;
        m.next_table += 0x1000;
        return page;
    }
    std::uint64_t word(std::uint64_t address) { return m.ddr.store().read_u64(address); }
    void set(std::uint64_t address, std::uint64_t value) { m.ddr.store().write_u64(address, value); }
    /// The address of the entry for `gva` in the guest's last table; tables above are made as needed.
    std::uint64_t guest_entry(std::uint64_t cr3, unsigned levels, std::uint64_t gva) {
        std::uint64_t table = cr3;
        for (unsigned level = levels; level > 1; --level) {
            const std::uint64_t place = table + (gva >> (12 + 9 * (level - 1)) & 0x1ff) * 8;
            if (!(word(place) & P))
                set(place, take() | P | W | U);
            table = word(place) & 0x000f'ffff'ffff'f000;
        }
        return table + (gva >> 12 & 0x1ff) * 8;
    }
    /// A device of domain 1 whose guest CR3 table has one level or more. Returns the table.
    std::uint64_t add(std::uint32_t device, unsigned gcr3_levels = 1, std::uint64_t host_root = 0, unsigned mode = 0,
                      unsigned paging_mode = 0, bool giov = false) {
        auto w = machine::entry(1, host_root, mode);
        const std::uint64_t table = take();
        dte::GV.put(w, 1);
        dte::GIoV.put(w, giov);
        dte::GLX.put(w, gcr3_levels - 1);
        dte::GuestPagingMode.put(w, paging_mode);
        dte::put_guest_cr3_table(w, table);
        m.write_entry(device, w);
        return table;
    }
    void start() { m.start(control::GTEn.make(1)); }
    device_access make(std::uint32_t device, std::uint64_t gva, std::optional<std::uint32_t> pasid, bool write = false,
                       bool privileged = false, bool instruction = false) {
        device_access a;
        a.source_id = device;
        a.address = gva;
        a.pasid = pasid;
        a.write = write;
        a.privileged = privileged;
        a.instruction = instruction;
        a.data.resize(8);
        m.devices[0]->issue(a);
        EXPECT_TRUE(m.settle());
        return a;
    }
    std::string event() {
        const auto all = m.logged();
        return all.empty() ? "none" : describe_event(all.back());
    }
};

TEST(amd_vi_guests, tables_of_four_and_five_levels_by_PASID_2_2_6) {
    guests g;
    const std::uint64_t four = g.add(1, 1), five = g.add(2, 2, 0, 0, 1);
    const std::uint64_t a = g.take(), b = g.take(), lower = g.take();
    g.set(four + 8 * 5, a | 1);
    g.set(g.guest_entry(a, 4, 0x7654'3210'9000), data | P | W | U);
    g.set(five + 8 * 2, lower | 1); // PASID 0x403: 2, 3
    g.set(lower + 8 * 3, b | 1);
    g.set(g.guest_entry(b, 5, 0x00fe'dcba'9876'5000), (data + 0x1000) | P | W | U);
    g.set(data, 4);
    g.set(data + 0x1000, 5);
    g.start();
    EXPECT_EQ(machine::value_of(g.make(1, 0x7654'3210'9000, 5)), 4U);
    EXPECT_EQ(machine::value_of(g.make(2, 0x00fe'dcba'9876'5000, 0x403)), 5U);
    EXPECT_EQ(g.event(), "none");
    EXPECT_NE(g.make(1, 0x7654'3210'9000, 6).status, ok); // no such PASID
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 PASID=0x6 read US Address=0x765432109000");
    EXPECT_NE(g.make(1, 0x7654'3210'9000, 0x205).status, ok); // beyond one level
    EXPECT_NE(g.make(1, 0xf654'3210'9000, 5).status, ok);     // not canonical
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 PASID=0x5 read US Address=0xf65432109000");
    EXPECT_EQ(g.m.violations(), "");
}

TEST(amd_vi_guests, rights_follow_user_write_and_execute_bits_and_A_and_D_are_kept) {
    guests g;
    const std::uint64_t cr3 = g.take();
    g.set(g.add(1), cr3 | 1);
    const std::uint64_t plain = g.guest_entry(cr3, 4, 0x1000), kernel = plain + 8, fixed = plain + 16;
    g.set(plain, data | P | W | U);
    g.set(kernel, data | P | W);
    g.set(fixed, data | P | U | NX);
    g.start();
    EXPECT_EQ(g.make(1, 0x1000, 0).status, ok);
    EXPECT_EQ(g.word(plain) & (A | D), A);
    EXPECT_EQ(g.make(1, 0x1000, 0, true).status, ok);
    EXPECT_EQ(g.word(plain) & (A | D), A | D);
    EXPECT_NE(g.make(1, 0x2000, 0).status, ok);
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 PASID=0x0 read US PR PE Address=0x2000");
    EXPECT_EQ(g.make(1, 0x2000, 0, true, true).status, ok);
    EXPECT_NE(g.make(1, 0x3000, 0, true).status, ok);
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 PASID=0x0 write US PR PE Address=0x3000");
    EXPECT_NE(g.make(1, 0x3000, 0, false, false, true).status, ok);
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 PASID=0x0 read NX US PR PE Address=0x3000");
    g.set(g.guest_entry(cr3, 4, 0x4000), data | P | U | std::uint64_t{1} << 63);
    EXPECT_EQ(g.make(1, 0x4000, 0).status, ok);
}

TEST(amd_vi_guests, guests_go_through_host_tables_2_2_6) {
    guests g;
    auto host = g.m.build(3);
    const std::uint64_t table = g.add(1, 1, host.root(), 3);
    const std::uint64_t cr3 = g.take(); // guest tables: intermediate addresses, mapped to themselves below
    g.set(table + 8, cr3 | 1);
    g.set(g.guest_entry(cr3, 4, 0x1000), 0x1'0000'0000 | P | W | U);
    g.set(g.guest_entry(cr3, 4, 0x2000), 0x1'0000'1000 | P | W | U);
    g.set(g.guest_entry(cr3, 4, 0x3000), 0x1'0000'2000 | P | W | U);
    for (std::uint64_t page = machine::tables_base; page < machine::tables_base + 0x4'0000; page += 0x1000)
        host.map(page, page);
    host.map(0x1'0000'0000, data);
    host.map(0x1'0000'2000, data, 12, amd_v1_builder::IR);
    g.set(data + 8, 77);
    g.start();
    EXPECT_EQ(machine::value_of(g.make(1, 0x1008, 1)), 77U);
    EXPECT_NE(g.make(1, 0x2000, 1).status, ok); // the host has no such page
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 DomainID=0x1 read Address=0x100001000");
    EXPECT_NE(g.make(1, 0x3000, 1, true).status, ok);
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 DomainID=0x1 write PR PE Address=0x100002000");
    // what is taken from the host is taken from guests
    host.map(0x1'0000'0000, data + 0x1000);
    g.set(data + 0x1008, 78);
    EXPECT_EQ(machine::value_of(g.make(1, 0x1008, 1)), 77U);
    g.m.put(machine::pages(1), 0x1'0000'0000);
    g.m.ring();
    EXPECT_EQ(machine::value_of(g.make(1, 0x1008, 1)), 78U);
}

TEST(amd_vi_guests, invalidation_with_GN_takes_one_PASID_2_4_3) {
    guests g;
    const std::uint64_t table = g.add(1), one = g.take(), two = g.take();
    g.set(table + 8, one | 1);
    g.set(table + 16, two | 1);
    for (const std::uint64_t cr3 : {one, two})
        g.set(g.guest_entry(cr3, 4, 0x1000), data | P | W | U);
    g.set(data, 1);
    g.set(data + 0x1000, 2);
    g.start();
    for (const std::uint32_t pasid : {1U, 2U}) {
        EXPECT_EQ(machine::value_of(g.make(1, 0x1000, pasid)), 1U);
        g.set(g.guest_entry(pasid == 1 ? one : two, 4, 0x1000), (data + 0x1000) | P | W | U);
    }
    g.m.put(machine::pages(1, 2), 0x1000 | machine::GN);
    g.m.ring();
    EXPECT_EQ(machine::value_of(g.make(1, 0x1000, 1)), 1U);
    EXPECT_EQ(machine::value_of(g.make(1, 0x1000, 2)), 2U);
}

TEST(amd_vi_guests, GIoV_and_its_absence_decide_about_requests_without_PASID) {
    guests g;
    auto host = g.m.build(3);
    host.map(0x5000, data + 0x1000);
    const std::uint64_t cr3 = g.take();
    g.set(g.add(1, 1, 0, 0, 0, true), cr3 | 1);
    g.add(2, 1, host.root(), 3);
    g.set(g.guest_entry(cr3, 4, 0x5000), data | P | W | U);
    g.set(data, 10);
    g.set(data + 0x1000, 20);
    g.m.write_entry(3, machine::entry(3, host.root(), 3));
    g.start();
    EXPECT_EQ(machine::value_of(g.make(1, 0x5000, {})), 10U); // of PASID 0
    EXPECT_EQ(machine::value_of(g.make(2, 0x5000, {})), 20U); // the host's alone
    EXPECT_NE(g.make(3, 0x5000, 4).status, ok);               // GV = 0
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x3 PASID=0x4 read US Address=0x5000");
}

TEST(amd_vi_guests, addresses_of_PASID_0_have_no_sign_and_others_are_canonical) {
    guests g;
    const std::uint64_t cr3_4 = g.take(), cr3_5 = g.take();
    const std::uint64_t of_4 = g.add(1, 1, 0, 0, 0, true), of_5 = g.add(2, 1, 0, 0, 1, true);
    g.start();
    for (const auto& [device, levels, table, cr3] :
         {std::tuple{1U, 4U, of_4, cr3_4}, std::tuple{2U, 5U, of_5, cr3_5}}) {
        SCOPED_TRACE(device);
        const std::uint64_t highest = std::uint64_t{1} << (x86_64::input_bits_of(levels) - 1), beyond = highest << 1;
        g.set(table, cr3 | 1);
        g.set(table + 8, cr3 | 1); // PASID 1: the same tables
        g.set(g.guest_entry(cr3, levels, highest), data | P | W | U);
        g.set(g.guest_entry(cr3, levels, 0x1000), data | P | W | U);
        g.set(data, 10);
        EXPECT_EQ(machine::value_of(g.make(device, highest, {})), 10U);
        EXPECT_EQ(machine::value_of(g.make(device, highest, 0)), 10U);
        EXPECT_EQ(machine::value_of(g.make(device, 0x1000, {})), 10U);
        for (const std::uint64_t wrong : {beyond | 0x1000, highest | ~(beyond - 1)}) {
            EXPECT_NE(g.make(device, wrong, {}).status, ok);
            g.m.logged();
        }
        EXPECT_NE(g.make(device, highest, 1).status, ok); // of its sign there are copies above, or it is none
        EXPECT_EQ(machine::value_of(g.make(device, highest | ~(beyond - 1), 1)), 10U);
        g.m.logged();
    }
}

TEST(amd_vi_guests, a_guest_reaches_no_interrupt_by_its_tables_table_3) {
    guests g;
    const std::uint64_t cr3 = g.take();
    g.set(g.add(1), cr3 | 1);
    g.set(g.guest_entry(cr3, 4, 0x1000), 0xfee0'0000 | P | W | U);
    g.start();
    bool left = false;
    g.m.taps[0]->leaves = [&](const tlm::tlm_generic_payload&) { left = true; };
    EXPECT_NE(g.make(1, 0x1000, 0, true).status, ok);
    EXPECT_FALSE(left);
    EXPECT_EQ(g.event(), "INVALID_DEVICE_REQUEST DeviceID=0x1 PASID=0x0 Type=0x3 Address=0x1000");
}

TEST(amd_vi_guests, a_PASID_beyond_PASmax_has_no_tables_3_4_7) {
    guests g(extended_feature::PASmax.put(everything, 3)); // 4 bits
    const std::uint64_t table = g.add(1), cr3 = g.take();
    g.set(g.guest_entry(cr3, 4, 0x1000), data | P | W | U);
    for (const std::uint64_t pasid : {15, 16})
        g.set(table + 8 * pasid, cr3 | 1);
    g.start();
    EXPECT_EQ(g.make(1, 0x1000, 15).status, ok);
    EXPECT_NE(g.make(1, 0x1000, 16).status, ok);
    EXPECT_EQ(g.event(), "IO_PAGE_FAULT DeviceID=0x1 PASID=0x10 read US Address=0x1000");
}

TEST(amd_vi_guests, what_the_features_leave_out_is_illegal_or_nothing) {
    guests g(extended_feature::GLXSup.put(extended_feature::GATS.put(everything, 0), 0));
    g.add(1, 2);          // a level more than GLXSup
    g.add(2, 1, 0, 0, 1); // five levels
    g.start();
    EXPECT_NE(g.make(1, 0x1000, 0).status, ok);
    EXPECT_EQ(g.event(), "ILLEGAL_DEV_TABLE_ENTRY DeviceID=0x1 PASID=0x0 read Address=0x1000");
    EXPECT_NE(g.make(2, 0x1000, 0).status, ok);
    EXPECT_EQ(g.event(), "ILLEGAL_DEV_TABLE_ENTRY DeviceID=0x2 PASID=0x0 read Address=0x1000");
}

} // namespace
} // namespace iommulab::amd_vi
