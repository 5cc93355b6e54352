// SPDX-License-Identifier: Apache-2.0
// The SMMUv3 driver against a responder: what it writes, in which order, and every way in which attach fails.
#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "models/smmu_v3/spec/stream_table_entry.h"
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "testbenches/smmu_v3/driver_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

namespace iommulab::sw {
namespace {

using namespace iommulab::smmu_v3;
using harness::fake_smmu;
using harness::smmu_bench;
namespace row = arm_smmu_v3::row;
using testing::ElementsAre;

/// Commands in short: "CFGI_STE(18)", "SYNC".
std::vector<std::string> in_words(const std::vector<fake_smmu::command>& list, std::size_t from = 0) {
    std::vector<std::string> out;
    for (std::size_t i = from; i < list.size(); ++i) {
        const auto& c = list[i];
        switch (static_cast<opcode>(command::Opcode.of(c))) {
        case opcode::CMD_SYNC:
            out.emplace_back("SYNC");
            break;
        case opcode::CMD_CFGI_STE:
            out.push_back(fmt::format("CFGI_STE({:x})", command::StreamID.of(c)));
            break;
        case opcode::CMD_CFGI_CD:
            out.push_back(fmt::format("CFGI_CD({:x})", command::StreamID.of(c)));
            break;
        case opcode::CMD_PREFETCH_CONFIG:
            out.push_back(fmt::format("PREFETCH({:x})", command::StreamID.of(c)));
            break;
        case opcode::CMD_TLBI_NH_ASID:
            out.push_back(fmt::format("TLBI_ASID({})", command::ASID.of(c)));
            break;
        case opcode::CMD_TLBI_NH_VA:
            out.push_back(fmt::format("TLBI_VA({},{:x}{})", command::ASID.of(c), command::Address.of(c[1]),
                                      command::Leaf.of(c) ? "" : ",walk"));
            break;
        case opcode::CMD_TLBI_S2_IPA:
            out.push_back(fmt::format("TLBI_IPA({},{:x})", command::VMID.of(c), command::Address.of(c[1])));
            break;
        case opcode::CMD_TLBI_S12_VMALL:
            out.push_back(fmt::format("TLBI_VMID({})", command::VMID.of(c)));
            break;
        case opcode::CMD_ATC_INV:
            out.push_back(fmt::format("ATC_INV({:x},{:x},{})", command::StreamID.of(c), command::Address.of(c[1]),
                                      command::ATC_Size.of(c)));
            break;
        case opcode::CMD_RESUME:
            out.push_back(fmt::format("RESUME({:x},{})", command::StreamID.of(c), command::Ab.of(c) ? "abort" : "?"));
            break;
        default:
            out.push_back(fmt::format("{:#x}", command::Opcode.of(c)));
        }
    }
    return out;
}

std::array<std::uint64_t, 8> entry(smmu_bench& b, std::uint32_t sid, std::size_t n = 0) {
    auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[n];
    std::array<std::uint64_t, 8> words{};
    b.machine.peek(unit.streams().entry_address(sid), words.data(), ste::bytes);
    return words;
}

// The order in which Linux 6.1 was recorded to bring this SMMU up and to attach its first device. Addresses of queues
// and tables are ours; their fields beside the address are Linux's.
TEST(smmu_v3_driver, programs_registers_and_commands_in_the_recorded_order) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    ASSERT_TRUE(b.start());
    b.add_device("nvme", 0x18);

    constexpr std::uint64_t address = queue_base::ADDR.mask();
    struct recorded {
        std::uint32_t offset;
        unsigned bytes;
        std::uint64_t value;
        char rw;
    };
    const recorded expected[] = {
        {0x0, 4, 0xd40101a, 'r'},
        {0x4, 4, 0x2730010, 'r'},
        {0xc, 4, 0x1404, 'r'},
        {0x14, 4, 0x74, 'r'},
        {0x18, 4, 0x0, 'r'},
        {0x20, 4, 0x0, 'r'},
        {0x20, 4, 0x0, 'w'},
        {0x24, 4, 0x0, 'r'},
        {0x28, 4, 0xd75, 'w'},
        {0x2c, 4, 0x6, 'w'},
        {0x80, 8, std::uint64_t{1} << 62, 'w'},
        {0x88, 4, 0x10210, 'w'},
        {0x90, 8, std::uint64_t{1} << 62 | 0x10, 'w'},
        {0x98, 4, 0x0, 'w'},
        {0x9c, 4, 0x0, 'w'},
        {0x20, 4, 0x8, 'w'},
        {0x24, 4, 0x8, 'r'},
        {0x98, 4, 0x2, 'w'},
        {0x9c, 4, 0x2, 'r'},
        {0x98, 4, 0x4, 'w'},
        {0x9c, 4, 0x4, 'r'},
        {0xa0, 8, std::uint64_t{1} << 62 | 0xf, 'w'},
        {0x100a8, 4, 0x0, 'w'},
        {0x100ac, 4, 0x0, 'w'},
        {0x20, 4, 0xc, 'w'},
        {0x24, 4, 0xc, 'r'},
        {0x50, 4, 0x0, 'w'},
        {0x54, 4, 0x0, 'r'},
        {0x68, 8, 0x0, 'w'},
        {0xb0, 8, 0x0, 'w'},
        {0x50, 4, 0x5, 'w'},
        {0x54, 4, 0x5, 'r'},
        {0x20, 4, 0xd, 'w'},
        {0x24, 4, 0xd, 'r'},
        // the device
        {0x98, 4, 0x5, 'w'},
        {0x9c, 4, 0x5, 'r'},
        {0x98, 4, 0x6, 'w'},
        {0x9c, 4, 0x6, 'r'},
        {0x98, 4, 0x8, 'w'},
        {0x9c, 4, 0x8, 'r'},
        {0x98, 4, 0xa, 'w'},
        {0x9c, 4, 0xa, 'r'},
        {0x98, 4, 0xb, 'w'},
        {0x98, 4, 0xd, 'w'},
        {0x9c, 4, 0xd, 'r'},
    };
    ASSERT_EQ(smmu.accesses.size(), std::size(expected));
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        const auto& e = expected[i];
        const auto& a = smmu.accesses[i];
        EXPECT_EQ(a.offset, e.offset) << "access " << i;
        EXPECT_EQ(a.bytes, e.bytes) << "access " << i;
        EXPECT_EQ(a.write, e.rw == 'w') << "access " << i;
        EXPECT_EQ(e.bytes == 8 && e.value != 0 ? a.value & ~address : a.value, e.value) << "access " << i;
    }
    const fake_smmu::command recorded_commands[] = {
        {0x4, 0x1f},         {0xfc02046, 0},       {0x30, 0x0},    {0xfc02046, 0},      {0xfc02046, 0},
        {0xfc02046, 0},      {0x1800000003, 0x1},  {0xfc02046, 0}, {0x1800000003, 0x1}, {0xfc02046, 0},
        {0x1800000001, 0x0}, {0x1000000000011, 0}, {0xfc02046, 0},
    };
    EXPECT_THAT(smmu.commands, testing::ElementsAreArray(recorded_commands));
}

TEST(smmu_v3_driver, writes_stream_and_context_as_linux_does) {
    smmu_bench b;
    b.add_smmu();
    ASSERT_TRUE(b.start());
    device& nvme = b.add_device("nvme", 0x18);
    const auto e = entry(b, 0x18);
    EXPECT_EQ(ste::V.of(e), 1u);
    EXPECT_EQ(ste::Config.of(e), 5u);
    EXPECT_EQ(ste::S1DSS.of(e), 2u);
    EXPECT_EQ(ste::S1STALLD.of(e), 0u) << "this SMMU cannot stall";
    EXPECT_EQ(ste::S1CDMax.of(e), 0u);
    std::array<std::uint64_t, 8> d{};
    b.machine.peek(ste::S1ContextPtr.of(e[0]), d.data(), cd::bytes);
    EXPECT_EQ(cd::V.of(d), 1u);
    EXPECT_EQ(cd::T0SZ.of(d), 16u);
    EXPECT_EQ(cd::TG0.of(d), 0u);
    EXPECT_EQ(cd::EPD1.of(d), 1u);
    EXPECT_EQ(cd::IPS.of(d), 4u) << "44 bits";
    EXPECT_EQ(cd::ASID.of(d), 1u);
    EXPECT_EQ(cd::MAIR.of(d) & 0xffffff, 0x04ff44u);
    EXPECT_NE(cd::TTB0.of(d[1]), 0u);
    EXPECT_EQ(nvme.in_group->current()->page_sizes(), 0x40201000u);
    EXPECT_EQ(nvme.in_group->current()->aperture_last(), 0xffffffffffffu);
    const auto stranger = entry(b, 0x19);
    EXPECT_EQ(ste::V.of(stranger), 1u);
    EXPECT_EQ(ste::Config.of(stranger), 0u) << "streams without driver abort";
}

TEST(smmu_v3_driver, moves_a_device_through_abort) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    ASSERT_TRUE(b.start());
    device& nvme = b.add_device("nvme", 0x18);
    const std::size_t before = smmu.commands.size();
    auto d = b.core->allocate_domain(nvme);
    ASSERT_TRUE(b.core->attach_device(*d, nvme));
    EXPECT_THAT(in_words(smmu.commands, before),
                ElementsAre("CFGI_STE(18)", "SYNC", // off the old one
                            "SYNC", "SYNC",         // the new descriptor
                            "CFGI_STE(18)", "SYNC", "CFGI_STE(18)", "SYNC", "PREFETCH(18)"));
    b.core->detach_device(*d, nvme);
    EXPECT_EQ(nvme.in_group->current(), nvme.in_group->default_domain());
    const std::size_t freeing = smmu.commands.size();
    d.reset();
    EXPECT_THAT(in_words(smmu.commands, freeing), ElementsAre("TLBI_ASID(2)", "SYNC"));
}

TEST(smmu_v3_driver, frees_what_it_allocated) {
    smmu_bench b;
    b.add_smmu();
    ASSERT_TRUE(b.start());
    device& nvme = b.add_device("nvme", 0x18);
    const std::uint64_t before = b.machine.allocated_bytes();
    auto d = b.core->allocate_domain(nvme);
    ASSERT_TRUE(b.core->attach_device(*d, nvme));
    ASSERT_TRUE(map(b.kernel, *d, 0x10000, 0x80000000, 0x400000, {.read = true, .write = true}));
    b.core->detach_device(*d, nvme);
    d.reset();
    EXPECT_EQ(b.machine.allocated_bytes(), before);
}

TEST(smmu_v3_driver, unmaps_with_the_recorded_invalidations) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    ASSERT_TRUE(b.start());
    device& nvme = b.add_device("nvme", 0x18);
    domain& d = *nvme.in_group->default_domain();
    const protection rw{.read = true, .write = true, .cache = true};
    ASSERT_TRUE(map(b.kernel, d, 0xffffc000, 0x41000000, 0x1000, rw));
    EXPECT_EQ(iova_to_phys(d, 0xffffc123), 0x41000123u);
    const std::size_t before = smmu.commands.size();
    EXPECT_EQ(unmap(b.kernel, d, 0xffffc000, 0x1000), 0x1000u);
    // This SMMU has range invalidation: one page of TG 4K at level 3, leaf only, as recorded.
    ASSERT_EQ(smmu.commands.size(), before + 2);
    EXPECT_EQ(smmu.commands[before][0], 0x1000000000012u);
    EXPECT_EQ(smmu.commands[before][1], 0xffffc701u);
    EXPECT_EQ(iova_to_phys(d, 0xffffc123), 0u);
}

TEST(smmu_v3_driver, invalidates_every_page_without_range_invalidation) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR3 = 0;
    ASSERT_TRUE(b.start());
    domain& d = *b.add_device("nvme", 0x18).in_group->default_domain();
    ASSERT_TRUE(map(b.kernel, d, 0x10000, 0x41000000, 0x3000, {.read = true}));
    const std::size_t before = smmu.commands.size();
    EXPECT_EQ(unmap(b.kernel, d, 0x10000, 0x3000), 0x3000u);
    EXPECT_THAT(in_words(smmu.commands, before),
                ElementsAre("TLBI_VA(1,10000)", "TLBI_VA(1,11000)", "TLBI_VA(1,12000)", "SYNC"));
}

TEST(smmu_v3_driver, flushes_walk_caches_when_a_table_goes) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR3 = 0;
    ASSERT_TRUE(b.start());
    domain& d = *b.add_device("nvme", 0x18).in_group->default_domain();
    for (std::uint64_t page = 0; page < 512; ++page)
        ASSERT_TRUE(map(b.kernel, d, 0x200000 + page * 0x1000, 0x41001000 + page * 0x1000, 0x1000, {.read = true}));
    const std::size_t before = smmu.commands.size();
    EXPECT_EQ(unmap(b.kernel, d, 0x200000, 0x200000), 0x200000u);
    const auto words = in_words(smmu.commands, before);
    ASSERT_EQ(words.size(), 512u + 1) << "a command a page, then one CMD_SYNC";
    EXPECT_EQ(words.front(), "TLBI_VA(1,200000,walk)");
}

TEST(smmu_v3_driver, splits_a_block_by_break_before_make) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR3 = 0;
    ASSERT_TRUE(b.start());
    domain& d = *b.add_device("nvme", 0x18).in_group->default_domain();
    ASSERT_TRUE(map(b.kernel, d, 0x200000, 0x41000000, 0x200000, {.read = true}));
    const std::size_t before = smmu.commands.size();
    EXPECT_EQ(unmap(b.kernel, d, 0x203000, 0x1000), 0x1000u);
    EXPECT_THAT(in_words(smmu.commands, before), ElementsAre("TLBI_VA(1,200000)", "SYNC", "TLBI_VA(1,203000)", "SYNC"));
    EXPECT_EQ(iova_to_phys(d, 0x202000), 0x41002000u);
    EXPECT_EQ(iova_to_phys(d, 0x203000), 0u);
    EXPECT_EQ(iova_to_phys(d, 0x204000), 0x41004000u);
}

TEST(smmu_v3_driver, waits_for_completion_in_memory_where_the_smmu_writes_it) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR0 |= 1u << idr0::MSI.lsb;
    ASSERT_TRUE(b.start());
    b.add_device("nvme", 0x18);
    EXPECT_EQ(b.errors(), 0u);
    for (const auto& a : smmu.accesses)
        EXPECT_FALSE(!a.write && a.offset == reg::CMDQ_CONS.offset) << "nobody reads CMDQ_CONS";
}

TEST(smmu_v3_driver, uses_stage_2_where_there_is_no_stage_1) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR0 = static_cast<std::uint32_t>(idr0::S2P.put(idr0::S1P.put(smmu.IDR0, 0), 1));
    ASSERT_TRUE(b.start());
    domain& d = *b.add_device("nvme", 0x18).in_group->default_domain();
    const auto e = entry(b, 0x18);
    EXPECT_EQ(ste::Config.of(e), 6u);
    EXPECT_EQ(ste::S2VMID.of(e), 1u);
    EXPECT_EQ(ste::S2T0SZ.of(e), 20u);
    EXPECT_EQ(ste::S2SL0.of(e), 2u) << "44 bits: level 0; concatenation would take 32 tables at level 1";
    EXPECT_EQ(ste::S2PS.of(e), 4u);
    EXPECT_EQ(ste::S2PTW.of(e), 1u);
    ASSERT_TRUE(map(b.kernel, d, 0x10000, 0x41000000, 0x1000, {.read = true, .write = true}));
    smmu.IDR3 = 0;
    const std::size_t before = smmu.commands.size();
    EXPECT_EQ(unmap(b.kernel, d, 0x10000, 0x1000), 0x1000u);
    EXPECT_EQ(in_words(smmu.commands, before).front(), "TLBI_IPA(1,10000)");
}

TEST(smmu_v3_driver, enables_and_disables_ats_around_the_stream) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR0 |= 1u << idr0::ATS.lsb;
    ASSERT_TRUE(b.start());
    device& nvme = b.add_device("nvme", 0x18, 0, {.ats = true});
    EXPECT_EQ(ste::EATS.of(entry(b, 0x18)), 1u);
    std::vector<bool> asked;
    nvme.ats_control = [&](bool on, unsigned) {
        asked.push_back(on);
        return true;
    };
    auto d = b.core->allocate_domain(nvme);
    const std::size_t before = smmu.commands.size();
    ASSERT_TRUE(b.core->attach_device(*d, nvme));
    EXPECT_EQ(asked, (std::vector<bool>{false, true}));
    const auto words = in_words(smmu.commands, before);
    EXPECT_EQ(words.front(), "ATC_INV(18,0,52)");
    EXPECT_EQ(words[words.size() - 2], "ATC_INV(18,0,52)");
    ASSERT_TRUE(map(b.kernel, *d, 0x7000, 0x41000000, 0x4000, {.read = true}));
    const std::size_t unmapping = smmu.commands.size();
    unmap(b.kernel, *d, 0x7000, 0x4000);
    // Pages 7 to 10: the smallest aligned power of two around them is 0 to 15.
    EXPECT_EQ(in_words(smmu.commands, unmapping)[2], "ATC_INV(18,0,4)");
    b.core->detach_device(*d, nvme);
}

TEST(smmu_v3_driver, decodes_events_and_limits_their_rate) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    ASSERT_TRUE(b.start());
    b.add_device("nic", 0x20);
    const std::size_t from = b.log.entries().size();
    for (int i = 0; i < 12; ++i)
        smmu.report_event({0x2000000010, 0x800000000, 0x12345900, 0});
    b.kernel.service_interrupts(0);
    const auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[0];
    EXPECT_EQ(unit.counted().events, 12u);
    EXPECT_EQ(b.log.count(log_level::info, from), 10u) << "ten lines in five seconds";
    EXPECT_THAT(b.log.entries()[from].message, testing::HasSubstr("F_TRANSLATION StreamID=0x20"));
    EXPECT_THAT(b.log.entries()[from].message, testing::HasSubstr("0x12345900"));
    EXPECT_EQ(b.log.entries()[from].device, "smmu0");
}

TEST(smmu_v3_driver, notices_lost_events_and_takes_note_of_it) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR1 = static_cast<std::uint32_t>(idr1::EVENTQS.put(smmu.IDR1, 2));
    ASSERT_TRUE(b.start());
    for (int i = 0; i < 6; ++i)
        smmu.report_event({0x2000000010, 0, 0, 0});
    b.kernel.service_interrupts(0);
    const auto& unit = *static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[0];
    EXPECT_EQ(unit.counted().events, 4u);
    EXPECT_EQ(unit.counted().events_lost, 1u);
    const auto acknowledged =
        std::find_if(smmu.accesses.rbegin(), smmu.accesses.rend(), [](const auto& a) { return a.write; });
    EXPECT_EQ(acknowledged->offset, reg::EVENTQ_CONS.offset);
    EXPECT_EQ(queue_index::OVACKFLG.of(acknowledged->value), 1u);
    EXPECT_EQ(queue_index::OVFLG.of(smmu.read(reg::EVENTQ_PROD.offset, 4)), 1u);
}

TEST(smmu_v3_driver, ends_stalled_accesses_that_nobody_handles) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR0 = static_cast<std::uint32_t>(idr0::STALL_MODEL.put(smmu.IDR0, 0));
    ASSERT_TRUE(b.start());
    b.add_device("nic", 0x20, 0, {.can_stall = true});
    const std::size_t before = smmu.commands.size();
    smmu.report_event({0x2000000010, std::uint64_t{1} << 31 | 5, 0x1000, 0});
    b.kernel.service_interrupts(0);
    EXPECT_THAT(in_words(smmu.commands, before), ElementsAre("RESUME(20,abort)"));
    EXPECT_EQ(command::STAG.of(smmu.commands.back()), 5u);
}

TEST(smmu_v3_driver, skips_a_command_that_the_smmu_refuses) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    ASSERT_TRUE(b.start());
    device& nvme = b.add_device("nvme", 0x18);
    smmu.refuse_next();
    nvme.in_group->current()->flush_iotlb_all(); // hangs until the error is dealt with
    EXPECT_EQ(b.errors(), 1u) << "CMD_SYNC time-out";
    b.kernel.service_interrupts(0);
    EXPECT_EQ(smmu.read(reg::CMDQ_CONS.offset, 4), smmu.read(reg::CMDQ_PROD.offset, 4)) << "the queue runs again";
}

// A queue that stays full for a second costs a line, and nothing else: what waits goes out when there is room.
TEST(smmu_v3_driver, waits_for_room_and_drops_nothing) {
    smmu_bench b;
    fake_smmu& smmu = b.add_smmu();
    smmu.IDR1 = static_cast<std::uint32_t>(idr1::CMDQS.put(smmu.IDR1, 7));
    ASSERT_TRUE(b.start());
    auto& queue = static_cast<arm_smmu_v3::smmu_driver&>(b.driver).instances()[0]->commands();
    smmu.commands.clear();
    smmu.consumes = false;
    unsigned lines = 0;
    b.log.on_entry([&](const log_entry& e) { // in the second second the SMMU wakes up
        if (e.level == log_level::error && ++lines == 2) {
            smmu.consumes = true;
            smmu.write(reg::CMDQ_PROD.offset, smmu.read(reg::CMDQ_PROD.offset, 4), 4);
        }
    });
    constexpr std::size_t more_than_fit = 130;
    for (std::size_t n = 0; n < more_than_fit; ++n)
        queue.issue(arm_smmu_v3::commands::cfgi_ste(static_cast<std::uint32_t>(n), true), false);
    EXPECT_EQ(lines, 2u);
    ASSERT_EQ(smmu.commands.size(), more_than_fit);
    EXPECT_EQ(command::StreamID.of(smmu.commands.back()), more_than_fit - 1);
    EXPECT_EQ(b.kernel.raised().back().row, &row::queue_full_timeout);
    // One that never wakes up: Linux would wait for ever.
    b.log.on_entry({});
    smmu.consumes = false;
    EXPECT_THROW(for (std::size_t n = 0; n < more_than_fit; ++n) queue.issue(arm_smmu_v3::commands::cfgi_all(), false),
                 kernel_stop);
    b.kernel.power_off();
}

TEST(smmu_v3_driver, shares_asids_between_smmus_and_keeps_vmids_apart) {
    smmu_bench b;
    b.add_smmu();
    b.add_smmu().IDR0 ^= 3; // stage 2 only
    b.add_smmu();
    for (std::size_t n = 0; n < 3; ++n)
        ASSERT_TRUE(b.start(n));
    auto asid = [](device& d) { return static_cast<arm_smmu_v3::smmu_domain*>(d.in_group->current())->asid(); };
    EXPECT_EQ(asid(b.add_device("a", 1, 0)), 1u);
    EXPECT_EQ(asid(b.add_device("b", 1, 2)), 2u);
    auto& stage2 = static_cast<arm_smmu_v3::smmu_domain&>(*b.add_device("c", 1, 1).in_group->current());
    EXPECT_EQ(stage2.vmid(), 1u);
    EXPECT_EQ(stage2.asid(), 0u);
}

} // namespace
} // namespace iommulab::sw
