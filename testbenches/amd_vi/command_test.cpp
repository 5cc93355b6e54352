// SPDX-License-Identifier: Apache-2.0
// The AMD IOMMU in simulation: commands and their errors, event log, page request log, interrupts, reset. Section
// numbers are those of publication 48882.
#include "testbenches/amd_vi/machine.h"
#include "testbenches/harness/pulse_counter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace iommulab::amd_vi {
namespace {

using harness::amd_v1_builder;
using harness::pulse_counter;
using machine = harness::amd_vi_machine;
constexpr std::uint64_t data = machine::data;
constexpr auto ok = tlm::TLM_OK_RESPONSE;

// --- commands --------------------------------------------------------------------------------------------------------

/// Two pages of one domain, cached, and then mapped elsewhere.
struct remapped {
    machine m{"m"};
    amd_v1_builder t = m.build(3);

    remapped() {
        for (std::uint64_t n = 0; n < 4; ++n) {
            m.ddr.store().write_u64(data + n * 0x1000, 1);
            m.ddr.store().write_u64(data + 0x10'0000 + n * 0x1000, 2);
            t.map(n * 0x1000, data + n * 0x1000);
        }
        m.write_entry(1, machine::entry(7, t.root(), 3));
        m.start();
        for (std::uint64_t n = 0; n < 4; ++n) {
            EXPECT_EQ(at(n), 1U);
            t.map(n * 0x1000, data + 0x10'0000 + n * 0x1000);
        }
    }
    std::uint64_t at(std::uint64_t page) { return machine::value_of(m.read(1, page * 0x1000)); }
    void invalidate(std::uint64_t word0, std::uint64_t word1) {
        m.put(word0, word1);
        m.put(machine::code(opcode::COMPLETION_WAIT));
        m.ring();
    }
    std::string fresh() {
        std::string text;
        for (std::uint64_t n = 0; n < 4; ++n)
            text += at(n) == 2 ? '1' : '0';
        return text;
    }
};

TEST(amd_vi_module, INVALIDATE_IOMMU_PAGES_takes_one_page_of_its_domain_2_4_3) {
    remapped r;
    EXPECT_EQ(r.fresh(), "0000");
    r.invalidate(machine::pages(8), 0x1000);
    EXPECT_EQ(r.fresh(), "0000");
    r.invalidate(machine::pages(7), 0x1000);
    EXPECT_EQ(r.fresh(), "0100");
}

TEST(amd_vi_module, S_takes_as_many_pages_as_the_address_encodes) {
    remapped r;
    r.invalidate(machine::pages(7), 0x2000 | machine::S); // two pages
    EXPECT_EQ(r.fresh(), "0011");
    r.invalidate(machine::pages(7), command::all_pages | machine::S);
    EXPECT_EQ(r.fresh(), "1111");
}

TEST(amd_vi_module, INVALIDATE_IOMMU_ALL_takes_everything_2_4_8) {
    remapped r;
    r.m.write_entry(1, machine::entry(9, r.t.root(), 3, false));
    EXPECT_EQ(r.m.read(1, 0).status, ok); // the entry is cached too
    r.invalidate(machine::code(opcode::INVALIDATE_IOMMU_ALL), 0);
    EXPECT_NE(r.m.read(1, 0).status, ok);
}

TEST(amd_vi_module, directories_stay_cached_until_an_invalidation_with_PDE_2_4_3) {
    remapped r;
    // another last table, with the first page elsewhere
    const std::uint64_t other = r.t.take();
    r.m.ddr.store().write_u64(other, amd_v1_builder::pte(data + 0x20'0000));
    r.m.ddr.store().write_u64(data + 0x20'0000, 3);
    r.m.ddr.store().write_u64(r.t.entry(0, 2), amd_v1_builder::pde(other, 1));
    r.invalidate(machine::pages(7), 0x0000);
    EXPECT_EQ(r.at(0), 2U); // the old table, by the cached directory entry
    r.invalidate(machine::pages(7), 0x0000 | machine::PDE);
    EXPECT_EQ(r.at(0), 3U);
}

TEST(amd_vi_module, domains_that_share_an_address_share_nothing_else) {
    machine m("m");
    auto a = m.build(3), b = m.build(3);
    a.map(0x1000, data);
    b.map(0x1000, data + 0x1000);
    m.ddr.store().write_u64(data, 1);
    m.ddr.store().write_u64(data + 0x1000, 2);
    m.write_entry(1, machine::entry(1, a.root(), 3));
    m.write_entry(2, machine::entry(2, b.root(), 3));
    m.write_entry(3, machine::entry(1, a.root(), 3, true, false)); // the same domain with fewer rights
    m.start();
    EXPECT_EQ(machine::value_of(m.read(1, 0x1000)), 1U);
    EXPECT_EQ(machine::value_of(m.read(2, 0x1000)), 2U);
    EXPECT_EQ(m.write(1, 0x1000, 1).status, ok);
    EXPECT_NE(m.write(3, 0x1000, 9).status, ok);
    EXPECT_EQ(m.ddr.store().read_u64(data), 1U);
}

TEST(amd_vi_module, COMPLETION_WAIT_stores_and_interrupts_2_4_1) {
    machine m("m");
    pulse_counter wire("wire", *m.wires[0]);
    m.start(control::ComWaitIntEn.make(1));
    m.put(machine::code(opcode::COMPLETION_WAIT) | command::s.make(1) | machine::store, 0x1122'3344'5566'7788);
    m.put(machine::code(opcode::COMPLETION_WAIT) | command::i.make(1));
    m.ring();
    EXPECT_EQ(m.ddr.store().read_u64(machine::store), 0x1122'3344'5566'7788U);
    EXPECT_EQ(m.get(reg::Status) & status::ComWaitInt.make(1), status::ComWaitInt.make(1));
    EXPECT_EQ(wire.pulses, 1U);
    m.put(machine::code(opcode::COMPLETION_WAIT) | command::i.make(1));
    m.ring();
    EXPECT_EQ(wire.pulses, 1U); // still up
    m.set(reg::Status, status::ComWaitInt.make(1));
    EXPECT_EQ(m.get(reg::Status) & status::ComWaitInt.make(1), 0U);
    m.put(machine::code(opcode::COMPLETION_WAIT) | command::i.make(1));
    m.ring();
    EXPECT_EQ(wire.pulses, 2U);
}

TEST(amd_vi_module, illegal_commands_stop_the_buffer_until_it_is_started_again_2_5_6) {
    amd_vi_parameters p;
    p.extended_feature = extended_feature::IASup.put(p.extended_feature, 0);
    const std::uint64_t illegal[][2] = {
        {0, 0},
        {std::uint64_t{9} << 60, 0},
        {std::uint64_t{1} << 60 | std::uint64_t{1} << 52, 0},
        {std::uint64_t{2} << 60 | 1 << 16, 0},
        {std::uint64_t{3} << 60, 8},
        {std::uint64_t{4} << 60, 2},
        {std::uint64_t{5} << 60, 1},
        {std::uint64_t{6} << 60, 2},
        {std::uint64_t{7} << 60, 1},
        {std::uint64_t{8} << 60, 0}, // IASup = 0
    };
    machine m("m", p);
    m.start();
    std::uint64_t stores = 0;
    for (const auto& words : illegal) {
        const std::uint64_t place = m.tail;
        m.put(words[0], words[1]);
        m.put(machine::code(opcode::COMPLETION_WAIT) | 1 | machine::store, ++stores);
        m.ring();
        EXPECT_EQ(m.get(reg::CommandBufferHead), place);
        EXPECT_EQ(m.get(reg::Status) & status::CmdBufRun.make(1), 0U);
        char text[64];
        std::snprintf(text, sizeof text, "ILLEGAL_COMMAND_ERROR Address=0x%llx",
                      static_cast<unsigned long long>(machine::commands + place));
        EXPECT_EQ(m.event(), text);
        EXPECT_NE(m.ddr.store().read_u64(machine::store), stores);
        m.write_words(machine::commands + place, machine::words_2{machine::code(opcode::COMPLETION_WAIT), 0});
        m.set(reg::Control, machine::running & ~control::CmdBufEn.make(1));
        m.set(reg::Control, machine::running);
        m.settle();
        EXPECT_EQ(m.ddr.store().read_u64(machine::store), stores);
    }
}

TEST(amd_vi_module, what_a_feature_gives_a_meaning_is_reserved_without_it) {
    amd_vi_parameters p;
    for (const bit_field& missing : {extended_feature::GTSup, extended_feature::GIoSup, extended_feature::PPRSup})
        p.extended_feature = missing.put(p.extended_feature, 0);
    machine m("m", p);
    // entries: GIoV, PPR, GPRP
    const std::uint64_t root = m.build(3).root();
    for (const bit_field& field : {dte::GIoV, dte::PPR, dte::GPRP}) {
        auto entry = machine::entry(1, root, 3);
        field.put(entry, 1);
        m.write_entry(field.lsb, entry);
    }
    m.start();
    for (const bit_field& field : {dte::GIoV, dte::PPR, dte::GPRP}) {
        EXPECT_NE(m.read(field.lsb, 0x1000).status, ok) << field.name;
        EXPECT_THAT(m.event(), testing::StartsWith("ILLEGAL_DEV_TABLE_ENTRY")) << field.name;
    }
    // commands: GN, and a PASID
    const auto page = [](opcode code) { return machine::code(code) | std::uint64_t{1} << 32; };
    const std::uint64_t illegal[][2] = {
        {page(opcode::INVALIDATE_IOMMU_PAGES), 4},
        {page(opcode::INVALIDATE_IOMMU_PAGES) | 1, 0},
        {machine::code(opcode::INVALIDATE_IOTLB_PAGES), 4},
        {machine::code(opcode::INVALIDATE_IOTLB_PAGES) | std::uint64_t{1} << 48, 0},
        {machine::code(opcode::INVALIDATE_IOTLB_PAGES) | 1 << 16, 0},
        {machine::code(opcode::PREFETCH_IOMMU_PAGES), 4},
        {page(opcode::PREFETCH_IOMMU_PAGES), 0},
        {machine::code(opcode::COMPLETE_PPR_REQUEST), 0},
    };
    for (const auto& words : illegal) {
        const std::uint64_t place = m.tail;
        m.put(words[0], words[1]);
        m.ring();
        EXPECT_EQ(m.get(reg::CommandBufferHead), place) << std::hex << words[0];
        EXPECT_THAT(m.event(), testing::StartsWith("ILLEGAL_COMMAND_ERROR"));
        m.write_words(machine::commands + place, machine::words_2{machine::code(opcode::COMPLETION_WAIT), 0});
        m.set(reg::Control, machine::running & ~control::CmdBufEn.make(1));
        m.set(reg::Control, machine::running);
        m.settle();
    }
}

TEST(amd_vi_module, commands_and_stores_outside_of_memory_are_hardware_errors_2_5_7) {
    machine m("m");
    m.start();
    m.put(machine::code(opcode::COMPLETION_WAIT) | 1 | machine::nowhere);
    m.ring();
    EXPECT_EQ(m.event(), "COMMAND_HARDWARE_ERROR Type=0x1 Address=0xc00000000");
    EXPECT_EQ(m.get(reg::Status) & status::CmdBufRun.make(1), 0U);
    m.set(reg::Control, machine::running & ~control::CmdBufEn.make(1));
    m.set(reg::CommandBufferBase, machine::nowhere | machine::ring_length);
    m.set(reg::CommandBufferHead, 0x20);
    m.set(reg::Control, machine::running);
    m.settle();
    EXPECT_EQ(m.event(), "COMMAND_HARDWARE_ERROR Type=0x1 Address=0xc00000020");
}

TEST(amd_vi_module, the_command_buffer_goes_round) {
    machine m("m");
    m.start();
    for (unsigned n = 0; n < 600; ++n) {
        m.put(machine::code(n % 3 ? opcode::INVALIDATE_IOMMU_PAGES : opcode::INVALIDATE_INTERRUPT_TABLE));
        if (n % 100 == 99)
            m.ring();
    }
    EXPECT_EQ(m.get(reg::CommandBufferHead), 600U * 16 % machine::ring_bytes);
    EXPECT_EQ(m.event(), "none");
    EXPECT_EQ(m.counted("commands"), 600U);
}

TEST(amd_vi_module, PREFETCH_fills_the_caches_and_reports_nothing_2_4_6) {
    machine m("m");
    auto t = m.build(3);
    t.map(0x1000, data);
    t.map(0x2000, data);
    m.write_entry(1, machine::entry(1, t.root(), 3));
    m.write_entry(2, machine::entry(1, 0, 7));
    auto brief = machine::entry(1, t.root(), 3);
    dte::SE.put(brief, 1);
    m.write_entry(3, brief);
    m.start();
    const std::uint64_t prefetch = machine::code(opcode::PREFETCH_IOMMU_PAGES);
    constexpr std::uint64_t S = 1, Inval = 16;
    m.put(prefetch | 1, 0x1000);
    m.put(prefetch | 1, 0x2000 | S); // 8 KiB from 0x2000 on
    m.put(prefetch | 2, 0x1000);
    m.put(prefetch | 3, 0x5000); // not mapped
    m.ring();
    EXPECT_EQ(m.event(), "none");
    m.write_entry(1, {1 | 2, 0, 0, 0});
    EXPECT_EQ(m.counted("walks"), 3U);
    EXPECT_EQ(m.read(1, 0x1000).status, ok);
    EXPECT_EQ(m.read(1, 0x2000).status, ok);
    EXPECT_EQ(m.counted("walks"), 3U);
    m.read(3, 0x5000);
    EXPECT_NE(m.event(), "none") << "SE: the first that is reported is the first of an access";
    m.put(prefetch | 3, 0x1000 | Inval);
    m.ring();
    EXPECT_EQ(m.counted("walks"), 5U);
    m.read(3, 0x1000);
    EXPECT_EQ(m.counted("walks"), 5U);
}

// --- logs and interrupts ---------------------------------------------------------------------------------------------

TEST(amd_vi_module, a_full_event_log_overflows_and_runs_again_when_restarted_2_5_1) {
    machine m("m");
    pulse_counter wire("wire", *m.wires[0]);
    m.write_entry(1, machine::entry(1, m.build(3).root(), 3));
    m.start(control::EventIntEn.make(1));
    for (unsigned n = 0; n < 255; ++n)
        m.read(1, n * 0x1000);
    EXPECT_EQ(m.get(reg::EventLogTail), 255U * 16);
    EXPECT_EQ(m.get(reg::Status) & 0xb, status::EventLogInt.make(1) | status::EventLogRun.make(1));
    EXPECT_EQ(wire.pulses, 1U);
    m.set(reg::Status, status::EventLogInt.make(1));
    m.read(1, 0); // no room
    EXPECT_EQ(m.get(reg::EventLogTail), 255U * 16);
    EXPECT_EQ(m.get(reg::Status) & 0xb, status::EventOverflow.make(1));
    EXPECT_EQ(wire.pulses, 2U);
    m.set(reg::EventLogHead, 255U * 16);
    m.read(1, 0); // room, but not started
    EXPECT_EQ(m.get(reg::EventLogTail), 255U * 16);
    m.set(reg::Control, machine::running & ~control::EventLogEn.make(1));
    m.set(reg::Status, status::EventOverflow.make(1));
    m.set(reg::Control, machine::running);
    m.read(1, 0x5000);
    EXPECT_EQ(m.get(reg::EventLogTail), 0U); // round
    EXPECT_EQ(m.ddr.store().read_u64(machine::events + 255 * 16 + 8), 0x5000U);
    EXPECT_EQ(m.counted("events_lost"), 2U);
}

TEST(amd_vi_module, events_that_memory_does_not_take_are_kept_in_registers_3_4_9) {
    machine m("m");
    m.write_entry(1, machine::entry(1, m.build(3).root(), 3));
    m.start();
    m.set(reg::EventLogBase, machine::nowhere | machine::ring_length);
    m.read(1, 0x1000);
    EXPECT_EQ(m.get(reg::HardwareEventStatus), hardware_event_status::HEV.make(1));
    EXPECT_EQ(m.get(reg::HardwareEventUpper), 0x1000U);
    const std::array words{m.get(reg::HardwareEventLower), m.get(reg::HardwareEventUpper)};
    EXPECT_EQ(describe_event(words), "IO_PAGE_FAULT DeviceID=0x1 DomainID=0x1 read Address=0x1000");
    m.read(1, 0x2000);
    EXPECT_EQ(m.get(reg::HardwareEventStatus), 3U);
    EXPECT_EQ(m.get(reg::HardwareEventUpper), 0x1000U);
    m.set(reg::HardwareEventStatus, 3);
    EXPECT_EQ(m.get(reg::HardwareEventStatus), 0U);
}

TEST(amd_vi_module, interrupts_are_messages_when_MsiEn_is_set_3_4_17) {
    machine m("m");
    pulse_counter wire("wire", *m.wires[0]);
    m.write_entry(1, machine::entry(1, m.build(3).root(), 3));
    m.set(reg::MSIAddressLow, data);
    m.set(reg::MSIData, 0xcafe);
    m.set(reg::MSICapabilityHeader, msi_capability::MsiEn.make(1));
    m.start(control::EventIntEn.make(1));
    m.read(1, 0x1000);
    EXPECT_EQ(m.ddr.store().read_u64(data), 0xcafeU);
    EXPECT_EQ(wire.pulses, 0U);
}

TEST(amd_vi_module, page_requests_are_logged_where_they_are_allowed_2_6) {
    machine m("m");
    auto entry = machine::entry(1, 0, 0);
    dte::PPR.put(entry, 1);
    m.write_entry(1, entry);
    m.write_entry(2, machine::entry(1, 0, 0));
    m.start(control::PPRLogEn.make(1) | control::PPREn.make(1));
    m.request_page(
        {.source_id = 1, .pasid = 0x12345, .has_pasid = true, .address = 0x7000, .write = true, .tag = 0x155});
    m.request_page({.source_id = 2, .address = 0x8000});
    EXPECT_TRUE(m.settle());
    EXPECT_EQ(m.get(reg::PPRLogTail), 16U);
    EXPECT_EQ(m.get(reg::Status) & status::PPRInt.make(1), status::PPRInt.make(1));
    const std::array words{m.ddr.store().read_u64(machine::page_requests),
                           m.ddr.store().read_u64(machine::page_requests + 8)};
    namespace pr = page_request;
    EXPECT_EQ(pr::PPRCode.of(words), 1U);
    EXPECT_EQ(pr::DeviceID.of(words), 1U);
    EXPECT_EQ(pr::PASID_15_0.of(words) | pr::PASID_19_16.of(words) << 16, 0x12345U);
    EXPECT_EQ(pr::Tag.of(words), 0x155U);
    EXPECT_EQ(pr::Write.of(words) | pr::Read.of(words) << 1 | pr::GN.of(words) << 2, 5U);
    EXPECT_EQ(words[1], 0x7000U);
    EXPECT_EQ(m.event(), "INVALID_PPR_REQUEST DeviceID=0x2 read Address=0x8000");
    for (unsigned n = 0; n < 255; ++n)
        m.request_page({.source_id = 1, .address = n * 0x1000ULL});
    EXPECT_TRUE(m.settle());
    EXPECT_EQ(m.get(reg::PPRLogTail), 255U * 16);
    EXPECT_EQ(m.get(reg::Status) & 0xa0, status::PPROverflow.make(1)); // and it does not run
    EXPECT_EQ(m.counted("page_requests_lost"), 1U);
}

TEST(amd_vi_module, features_that_are_not_there_stay_off_3_4_4) {
    amd_vi_parameters p;
    p.extended_feature = 0;
    machine m("m", p);
    m.set(reg::Control, ~std::uint64_t{0});
    EXPECT_EQ(m.get(reg::Control), 0x1fffU);
    m.set(reg::MSIAddressLow, 0x1000);
    EXPECT_EQ(m.get(reg::MSIAddressLow), 0U);
}

TEST(amd_vi_module, features_that_the_model_lacks_are_refused) {
    amd_vi_parameters p;
    p.extended_feature = extended_feature::MarcSup.make(1);
    EXPECT_THROW(machine("refused", p), parameter_error);
}

TEST(amd_vi_module, reset_leads_back_to_the_start) {
    machine m("m");
    m.write_entry(1, machine::entry(1, m.build(3).root(), 3));
    m.start();
    m.read(1, 0x1000);
    m.model.reset();
    EXPECT_EQ(m.get(reg::Control), 0U);
    EXPECT_EQ(m.get(reg::EventLogTail), 0U);
    EXPECT_EQ(m.get(reg::ExtendedFeature), everything);
    m.ddr.store().write_u64(data, 9);
    EXPECT_EQ(machine::value_of(m.read(1, data)), 9U);
}

} // namespace
} // namespace iommulab::amd_vi
