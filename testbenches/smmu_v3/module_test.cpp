// SPDX-License-Identifier: Apache-2.0
// The SMMUv3 module in time: stalls and their resumption, queues and their errors, interrupts, order between commands
// and accesses in flight. Section numbers are those of Arm IHI 0070.
#include "testbenches/harness/pulse_counter.h"
#include "testbenches/smmu_v3/module_bench.h"

#include <gtest/gtest.h>

namespace iommulab::smmu_v3 {
namespace {

constexpr std::uint64_t data = smmu_v3_bench::data, evtq = smmu_v3_bench::evtq;
constexpr auto ok = tlm::TLM_OK_RESPONSE;
using harness::pulse_counter;

std::uint64_t resume(std::uint32_t sid, unsigned action) {
    return smmu_v3_bench::command(opcode::CMD_RESUME, sid) | std::uint64_t{action} << 12;
}
constexpr unsigned terminate_zero = 0, retry = 1, terminate_abort = 2; // Ab:Ac

TEST(smmu_v3_module, a_mapped_page_is_read_and_written) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.map(1, 0, data);
    b.write64(data + 8, 42);
    b.start();
    EXPECT_EQ(b.read(1, 8).value, 42U);
    EXPECT_EQ(b.write(1, 16, 43).status, ok);
    EXPECT_EQ(b.read64(data + 16), 43U);
}

TEST(smmu_v3_module, a_stalled_access_waits_for_CMD_RESUME_and_retries_3_12_2) {
    smmu_v3_bench b("b");
    b.add_stream(1, true);
    b.start();
    auto& f = b.begin(1, 0x1008);
    smmu_v3_bench::run(20000);
    EXPECT_FALSE(f.done);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 1U);
    const auto r = b.record(0);
    EXPECT_EQ(record::EventID.of(r), static_cast<unsigned>(event::F_TRANSLATION));
    EXPECT_EQ(record::Stall.of(r), 1U);
    b.map(1, 1, data);
    b.write64(data + 8, 44);
    b.put(resume(1, retry), record::STAG.of(r));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_TRUE(f.done);
    EXPECT_EQ(f.status, ok);
    EXPECT_EQ(f.value, 44U);
}

TEST(smmu_v3_module, CMD_RESUME_terminates_with_an_abort_or_with_zero) {
    smmu_v3_bench b("b");
    b.add_stream(1, true);
    b.add_stream(2, true);
    b.start();
    auto& aborted = b.begin(1, 0x1000);
    smmu_v3_bench::run(5000);
    b.put(resume(2, terminate_abort), record::STAG.of(b.record(0))); // another stream's tag: no effect, no error
    b.ring();
    smmu_v3_bench::run(5000);
    EXPECT_FALSE(aborted.done);
    b.put(resume(1, terminate_abort), record::STAG.of(b.record(0)));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_TRUE(aborted.done);
    EXPECT_NE(aborted.status, ok);
    auto& zeroed = b.begin(2, 0x1000);
    smmu_v3_bench::run(5000);
    b.put(resume(2, terminate_zero), record::STAG.of(b.record(1)));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(zeroed.status, ok);
    EXPECT_EQ(zeroed.value, 0U);
    EXPECT_EQ(b.get(reg::GERROR), 0U);
}

TEST(smmu_v3_module, CMD_STALL_TERM_ends_all_stalled_accesses_of_the_stream_4_6_2) {
    smmu_v3_bench b("b");
    b.add_stream(1, true);
    b.start();
    auto& f = b.begin(1, 0x1000);
    smmu_v3_bench::run(5000);
    b.put(smmu_v3_bench::command(opcode::CMD_STALL_TERM, 1));
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_TRUE(f.done);
    EXPECT_NE(f.status, ok);
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 2U);
}

TEST(smmu_v3_module, CMD_SYNC_does_not_wait_for_stalled_accesses_4_7_3) {
    smmu_v3_bench b("b");
    b.add_stream(1, true);
    b.start();
    auto& f = b.begin(1, 0x1000);
    smmu_v3_bench::run(5000);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC));
    b.ring();
    smmu_v3_bench::run(5000);
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 1U);
    EXPECT_FALSE(f.done);
}

TEST(smmu_v3_module, CMD_SYNC_does_not_wait_for_what_waits_behind_a_stalled_access) {
    smmu_v3_bench b("b");
    b.add_stream(1, true);
    b.add_stream(2);
    b.map(2, 0, data);
    b.write64(data, 3);
    b.start();
    auto& stalled = b.begin(1, 0x1000);
    smmu_v3_bench::run(5000);
    auto& translated = b.begin(2, 0); // both keep the order of the port
    auto& refused = b.begin(2, 0x1000);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC)); // while these two are still being translated
    b.ring();
    smmu_v3_bench::run(5000);
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 1U);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC)); // and once more, when they wait for their turn
    b.put(resume(1, terminate_abort), record::STAG.of(b.record(0)));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_TRUE(stalled.done);
    EXPECT_EQ(translated.value, 3U);
    EXPECT_NE(refused.status, ok);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 2U);
}

TEST(smmu_v3_module, CD_A_0_reads_zero_and_drops_writes_5_5) {
    smmu_v3_bench b("b");
    b.add_stream(1, false, false);
    b.map(1, 1, data, false);
    b.write64(data, 77);
    b.start();
    const auto read = b.read(1, 0x5000);
    EXPECT_EQ(read.status, ok);
    EXPECT_EQ(read.value, 0U);
    EXPECT_EQ(b.write(1, 0x1000, 1).status, ok);
    EXPECT_EQ(b.read64(data), 77U);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 2U);
}

TEST(smmu_v3_module, a_full_event_queue_overflows_once_until_acknowledged_7_4) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.start();
    for (unsigned n = 0; n < 8; ++n)
        b.read(1, 0x1000 + n * 8);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 8U); // wrapped: full
    b.read(1, 0x2000);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0x8000'0008U);
    b.read(1, 0x2000);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0x8000'0008U); // still the same overflow
    b.set(reg::EVENTQ_CONS, 0x8000'0008);             // all read, overflow acknowledged
    b.read(1, 0x3000);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0x8000'0009U);
    EXPECT_EQ(record::InputAddr.of(b.record(0)), 0x3000U);
    EXPECT_EQ(b.get(reg::GERROR), 0U);
}

TEST(smmu_v3_module, the_record_of_a_stalled_access_waits_for_room_7_2) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.add_stream(2, true);
    b.start();
    for (unsigned n = 0; n < 8; ++n)
        b.read(1, 0x1000 + n * 8);
    auto& f = b.begin(2, 0x4000);
    smmu_v3_bench::run(5000);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 8U); // neither written nor counted as overflow
    b.set(reg::EVENTQ_CONS, 1);
    smmu_v3_bench::run(5000);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 9U);
    EXPECT_EQ(record::Stall.of(b.record(0)), 1U);
    EXPECT_FALSE(f.done);
}

TEST(smmu_v3_module, an_event_queue_outside_memory_is_a_global_error_7_5) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.start();
    b.set(reg::CR0, 0);
    b.settle();
    b.set(reg::EVENTQ_BASE, 0x9000'0003);
    b.set(reg::CR0, 0xd);
    b.read(1, 0x1000);
    EXPECT_EQ(b.get(reg::GERROR), gerror::EVENTQ_ABT_ERR.make(1));
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
    b.read(1, 0x1000); // not writable until acknowledged
    EXPECT_EQ(b.get(reg::GERROR), gerror::EVENTQ_ABT_ERR.make(1));
    b.set(reg::GERRORN, gerror::EVENTQ_ABT_ERR.make(1));
    b.read(1, 0x1000);
    EXPECT_EQ(b.get(reg::GERROR), 0U); // toggled again: active
}

TEST(smmu_v3_module, a_disabled_event_queue_loses_records_without_overflow) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.start();
    b.set(reg::CR0, 9);
    b.read(1, 0x1000);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
}

TEST(smmu_v3_module, messages_go_where_they_are_configured_3_18) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.set(reg::EVENTQ_IRQ_CFG0, data);
    b.set(reg::EVENTQ_IRQ_CFG1, 0xcafe);
    b.start();
    b.read(1, 0x1000);
    EXPECT_EQ(b.read64(data), 0xcafeU);
    b.write64(data, 0);
    b.read(1, 0x1000); // the queue was not empty
    EXPECT_EQ(b.read64(data), 0U);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC) | command::CS.make(1) | command::MSIData.make(0x1234), data + 0x100);
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.read64(data + 0x100), 0x1234U);
}

TEST(smmu_v3_module, a_message_to_nowhere_is_a_global_error) {
    smmu_v3_bench b("b");
    b.start();
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC) | command::CS.make(1) | command::MSIData.make(1), 0x9000'0000);
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.get(reg::GERROR), gerror::MSI_CMDQ_ABT_ERR.make(1));
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 1U);
}

TEST(smmu_v3_module, wires_pulse_for_events_syncs_and_errors) {
    smmu_v3_bench b("b");
    pulse_counter events("events", *b.wires[0]), syncs("syncs", *b.wires[2]), errors("errors", *b.wires[3]);
    b.add_stream(1);
    b.start();
    b.read(1, 0x1000);
    b.read(1, 0x1000);
    EXPECT_EQ(events.pulses, 1U); // from empty to not empty
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC) | command::CS.make(1));
    b.put(0xff);
    b.ring();
    EXPECT_TRUE(b.settle());
    smmu_v3_bench::run(10);
    EXPECT_EQ(syncs.pulses, 1U);
    EXPECT_EQ(errors.pulses, 1U);
}

TEST(smmu_v3_module, a_command_error_stops_the_queue_until_acknowledged_7_1) {
    smmu_v3_bench b("b");
    b.start();
    b.put(smmu_v3_bench::command(opcode::CMD_TLBI_NSNH_ALL));
    b.put(0x47);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 0x100'0001U);
    EXPECT_EQ(b.get(reg::GERROR), 1U);
    b.write64(smmu_v3_bench::cmdq + 16, smmu_v3_bench::command(opcode::CMD_SYNC));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(queue_index::RD.of(b.get(reg::CMDQ_CONS)), 1U);
    b.set(reg::GERRORN, 1);
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(queue_index::RD.of(b.get(reg::CMDQ_CONS)), 3U);
}

TEST(smmu_v3_module, a_range_of_pages_that_names_none_is_illegal_4_4_1) {
    smmu_v3_bench b("b");
    b.start();
    const std::uint64_t code = smmu_v3_bench::command(opcode::CMD_TLBI_NH_VA);
    const auto is_taken = [&](std::uint64_t low, unsigned tg, unsigned ttl) {
        const std::uint64_t index = queue_index::RD.of(b.get(reg::CMDQ_CONS));
        b.put(low, std::uint64_t{ttl} << 8 | std::uint64_t{tg} << 10);
        b.ring();
        EXPECT_TRUE(b.settle());
        if (queue_index::RD.of(b.get(reg::CMDQ_CONS)) != index)
            return true;
        EXPECT_EQ(queue_index::ERR.of(b.get(reg::CMDQ_CONS)), 1U); // CERROR_ILL
        b.write64(smmu_v3_bench::cmdq + index % (1U << smmu_v3_bench::cmdq_log2) * 16,
                  smmu_v3_bench::command(opcode::CMD_SYNC));
        b.set(reg::GERRORN, b.get(reg::GERROR));
        EXPECT_TRUE(b.settle());
        return false;
    };
    constexpr unsigned kib_4 = 1, kib_16 = 2, kib_64 = 3;
    EXPECT_TRUE(is_taken(code, 0, 0));
    for (const unsigned tg : {kib_4, kib_16, kib_64}) {
        EXPECT_FALSE(is_taken(code, tg, 0)) << tg;
        EXPECT_TRUE(is_taken(code, tg, 2)) << tg;
        EXPECT_TRUE(is_taken(code, tg, 3)) << tg;
        EXPECT_TRUE(is_taken(code | command::NUM.make(1), tg, 0)) << tg;
        EXPECT_TRUE(is_taken(code | command::SCALE.make(1), tg, 0)) << tg;
    }
    // 16 KiB granules have no blocks at level 1 without IDR5.DS: the level counts as none
    EXPECT_TRUE(is_taken(code, kib_4, 1));
    EXPECT_FALSE(is_taken(code, kib_16, 1));
    EXPECT_TRUE(is_taken(code, kib_64, 1));
    EXPECT_TRUE(is_taken(code | command::NUM.make(1), kib_16, 1));
}

TEST(smmu_v3_module, the_command_queue_goes_round) {
    smmu_v3_bench b("b");
    b.start();
    for (unsigned n = 0; n < 40; ++n) {
        b.put(smmu_v3_bench::command(n % 4 == 3 ? opcode::CMD_SYNC : opcode::CMD_TLBI_NH_ALL));
        if (n % 4 == 3) {
            b.ring();
            EXPECT_TRUE(b.settle());
        }
    }
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 40U % 32);
    EXPECT_EQ(b.get(reg::GERROR), 0U);
}

TEST(smmu_v3_module, a_producer_that_jumps_ends_in_an_error_or_at_the_producer) {
    smmu_v3_bench b("b");
    b.start();
    b.set(reg::CMDQ_PROD, 0xf'ffff); // bits beyond the queue's index and wrap bit mean nothing
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.get(reg::GERROR), 1U); // zeros are no command
    for (unsigned n = 0; n < 16; ++n)
        b.write64(smmu_v3_bench::cmdq + n * 16, smmu_v3_bench::command(opcode::CMD_TLBI_NH_ALL));
    b.set(reg::GERRORN, 1);
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(queue_index::RD.of(b.get(reg::CMDQ_CONS)), 31U);
}

TEST(smmu_v3_module, CMDQEN_is_acknowledged_when_the_command_in_progress_has_ended_6_3_10) {
    smmu_v3_bench b("b");
    b.start();
    for (unsigned n = 0; n < 8; ++n)
        b.put(smmu_v3_bench::command(opcode::CMD_TLBI_NH_ALL));
    b.ring();
    smmu_v3_bench::run(10);
    b.set(reg::CR0, 0);
    EXPECT_EQ(b.get(reg::CR0ACK), cr0::CMDQEN.make(1));
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.get(reg::CR0ACK), 0U);
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 1U);
}

TEST(smmu_v3_module, guarded_registers_keep_their_value_while_in_use_6_3) {
    smmu_v3_bench b("b");
    b.start();
    b.set(reg::STRTAB_BASE, 0);
    b.set(reg::CMDQ_BASE, 0);
    b.set(reg::CMDQ_CONS, 5);
    b.set(reg::EVENTQ_PROD, 5);
    b.set(reg::EVENTQ_IRQ_CFG0, 0x1000);
    EXPECT_EQ(b.get(reg::STRTAB_BASE), smmu_v3_bench::strtab);
    EXPECT_EQ(b.get(reg::CMDQ_BASE), smmu_v3_bench::cmdq | smmu_v3_bench::cmdq_log2);
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 0U);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
    EXPECT_EQ(b.get(reg::EVENTQ_IRQ_CFG0), 0U);
}

TEST(smmu_v3_module, GBPA_is_written_through_Update_and_aborts_without_an_event_6_3_14) {
    smmu_v3_bench b("b");
    b.write64(data, 5);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    EXPECT_EQ(b.read(1, data).value, 5U);
    b.set(reg::GBPA, gbpa::ABORT.make(1));
    EXPECT_EQ(b.get(reg::GBPA), 0x1000U);
    b.set(reg::GBPA, gbpa::ABORT.make(1) | gbpa::Update.make(1));
    EXPECT_EQ(b.get(reg::GBPA), gbpa::ABORT.make(1));
    EXPECT_NE(b.read(1, data).status, ok);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
}

TEST(smmu_v3_module, after_an_invalidation_and_a_sync_the_old_page_is_not_read) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.map(1, 0, data);
    b.write64(data, 1);
    b.write64(data + 0x1000, 2);
    b.start();
    EXPECT_EQ(b.read(1, 0).value, 1U);
    b.map(1, 0, data + 0x1000);
    EXPECT_EQ(b.read(1, 0).value, 1U); // cached
    b.put(smmu_v3_bench::command(opcode::CMD_TLBI_NH_VA) | command::ASID.make(1), 0);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.read(1, 0).value, 2U);
}

TEST(smmu_v3_module, CMD_PREFETCH_CONFIG_fills_the_configuration_cache_and_reports_nothing_4_2_1) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.map(1, 0, data);
    b.start();
    b.put(smmu_v3_bench::command(opcode::CMD_PREFETCH_CONFIG, 1));
    b.put(smmu_v3_bench::command(opcode::CMD_PREFETCH_CONFIG, 7)); // no such stream
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 2U);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
    b.write64(smmu_v3_bench::strtab + 64, 0); // the STE is cached: memory is not asked
    EXPECT_EQ(b.read(1, 0).status, ok);
    b.put(smmu_v3_bench::command(opcode::CMD_CFGI_STE, 1));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_NE(b.read(1, 0).status, ok);
}

TEST(smmu_v3_module, CMD_PREFETCH_ADDR_fills_the_TLB_and_reports_nothing_4_2_2) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    for (const unsigned page : {0, 1, 2})
        b.map(1, page, data);
    b.start();
    b.put(smmu_v3_bench::command(opcode::CMD_TLBI_NSNH_ALL)); // before the hint: no reason not to follow it
    b.put(smmu_v3_bench::command(opcode::CMD_PREFETCH_ADDR, 1), 0x1000);
    b.put(smmu_v3_bench::command(opcode::CMD_PREFETCH_ADDR, 1), 0x9000); // not mapped
    b.put(smmu_v3_bench::command(opcode::CMD_PREFETCH_ADDR, 7), 0x1000); // no such stream
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.get(reg::CMDQ_CONS), 4U);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
    for (const unsigned page : {1, 2})
        b.unmap(1, page);
    EXPECT_EQ(b.read(1, 0x1000).status, ok) << "the TLB has it";
    EXPECT_NE(b.read(1, 0x2000).status, ok);
    b.put(smmu_v3_bench::command(opcode::CMD_TLBI_NSNH_ALL));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_NE(b.read(1, 0x1000).status, ok);
}

TEST(smmu_v3_module, configuration_that_points_nowhere_or_at_itself_ends_in_events) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.write64(smmu_v3_bench::tables + 0x2000, (smmu_v3_bench::tables + 0x2000) | 3); // a table that is its own child
    b.start();
    EXPECT_NE(b.read(1, 0x1000).status, ok);
    EXPECT_NE(b.read(31, 0).status, ok);
    EXPECT_NE(b.read(32, 0).status, ok);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 3U);
    EXPECT_EQ(record::EventID.of(b.record(1)), static_cast<unsigned>(event::C_BAD_STE));
    EXPECT_EQ(record::EventID.of(b.record(2)), static_cast<unsigned>(event::C_BAD_STREAMID));
}

TEST(smmu_v3_module, ID_registers_that_promise_too_much_are_refused) {
    smmu_parameters p;
    p.id.IDR0 = static_cast<std::uint32_t>(idr0::ATOS.put(p.id.IDR0, 1));
    EXPECT_THROW(smmu("s", p), parameter_error);
}

TEST(smmu_v3_module, reset_leads_back_to_the_start) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.start();
    b.read(1, 0x1000);
    b.smmu.reset();
    EXPECT_EQ(b.get(reg::CR0), 0U);
    EXPECT_EQ(b.get(reg::EVENTQ_PROD), 0U);
    EXPECT_EQ(b.get(reg::IDR0), id_registers{}.IDR0);
    b.write64(data, 9);
    EXPECT_EQ(b.read(1, data).value, 9U); // bypass again
}

TEST(smmu_v3_module, a_contiguous_run_goes_as_a_whole_whichever_of_its_addresses_is_named) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    const auto map_run = [&](std::uint64_t first) {
        constexpr std::uint64_t contiguous = std::uint64_t{1} << 52;
        for (unsigned n = 0; n < 16; ++n)
            b.map(1, n, (first + n * 0x1000) | contiguous);
    };
    map_run(data);
    b.write64(data + 0x3000, 1);
    b.write64(data + 0x1'3000, 2);
    b.start();
    EXPECT_EQ(b.read(1, 0x3000).value, 1U);
    map_run(data + 0x1'0000);
    b.put(smmu_v3_bench::command(opcode::CMD_TLBI_NH_VA) | command::ASID.make(1), 0xf000);
    b.put(smmu_v3_bench::command(opcode::CMD_SYNC));
    b.ring();
    EXPECT_TRUE(b.settle());
    EXPECT_EQ(b.read(1, 0x3000).value, 2U);
}

TEST(smmu_v3_module, a_SubstreamID_of_more_than_20_bits_is_never_taken_for_one_that_is_cached) {
    smmu_v3_bench b("b");
    b.add_stream(1);
    b.map(1, 1, data);
    std::array<std::uint64_t, 8> s{};
    ste::V.put(s, 1);
    ste::Config.put(s, 5);
    ste::S1CDMax.put(s, 2);
    s[0] = ste::S1ContextPtr.put(s[0], b.cdtab + 0x1000);
    b.write_entry(b.strtab + 3 * 64, s);
    for (unsigned w = 0; w < 8; ++w)
        b.write64(b.cdtab + 0x1000 + 64 + w * 8, b.read64(b.cdtab + 64 + w * 8)); // of SubstreamID 1 alone
    b.start();
    payload_pool<int> pool;
    for (const std::uint32_t substream : {0x10'0001U, 1U, 0x10'0001U, 0xfff0'0001U, 1U}) {
        auto& p = pool.acquire(8);
        p.set_read();
        p.set_address(0x1000);
        p.side.source_id = 3;
        p.side.has_pasid = true;
        p.side.pasid = substream;
        sc_core::sc_time delay;
        b.device->b_transport(p, delay);
        EXPECT_EQ(p.is_response_ok(), substream == 1) << std::hex << substream;
        EXPECT_EQ(b.device->transport_dbg(p), substream == 1 ? 8U : 0U) << std::hex << substream;
        p.side.has_pasid = false;
        p.release();
    }
}

} // namespace
} // namespace iommulab::smmu_v3
