// SPDX-License-Identifier: Apache-2.0
// Every expectation is a sum of JESD79-4 parameters; distinct prime-like values make a wrong sum visible.
#include "models/memory/dram_timing.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace iommulab {
namespace {

constexpr std::uint64_t tRCD = 1009, tRP = 2003, CL = 3001, CWL = 2503, tRAS = 9001, tWR = 4001, tRTP = 1501,
                        tCCD = 701, burst = 401, controller = 5003;

dram_parameters simple() {
    dram_parameters p{};
    p.channels = 1, p.bank_groups = 1, p.banks_per_group = 4, p.row_bytes = 1024, p.burst_bytes = 64;
    p.channel_interleave_bytes = 64;
    p.tRCD_ps = tRCD, p.tRP_ps = tRP, p.CL_ps = CL, p.CWL_ps = CWL, p.tRAS_ps = tRAS, p.tWR_ps = tWR, p.tRTP_ps = tRTP;
    p.tCCD_L_ps = tCCD, p.burst_ps = burst, p.controller_ps = controller;
    return p;
}
constexpr std::uint64_t next_bank = 1024, next_row = 4 * 1024;

TEST(dram_timing, first_access_activates_then_reads) {
    dram_timing dram(simple());
    EXPECT_EQ(dram.serve(100, 0, 64, false), 100 + tRCD + CL + burst + controller);
    EXPECT_EQ(dram.counted().row_misses, 1u);
}

TEST(dram_timing, open_row_needs_no_activation) {
    dram_timing dram(simple());
    dram.serve(0, 0, 64, false);
    EXPECT_EQ(dram.serve(100'000, 960, 64, false), 100'000 + CL + burst + controller);
    EXPECT_EQ(dram.counted().row_hits, 1u);
}

TEST(dram_timing, other_row_of_the_bank_precharges_first) {
    dram_timing dram(simple());
    dram.serve(0, 0, 64, false);
    EXPECT_EQ(dram.serve(100'000, next_row, 64, false), 100'000 + tRP + tRCD + CL + burst + controller);
    EXPECT_EQ(dram.counted().row_conflicts, 1u);
}

TEST(dram_timing, precharge_waits_for_tRAS_and_not_a_picosecond_longer) {
    for (const std::uint64_t arrival : {tRAS - 1, tRAS, tRAS + 1}) {
        dram_timing dram(simple());
        dram.serve(0, 0, 64, false); // row active since 0; tRTP ends earlier: tRCD + tRTP < tRAS
        const std::uint64_t precharge = arrival < tRAS ? tRAS : arrival;
        EXPECT_EQ(dram.serve(arrival, next_row, 64, false), precharge + tRP + tRCD + CL + burst + controller);
    }
}

TEST(dram_timing, precharge_after_a_write_waits_for_write_recovery) {
    dram_timing dram(simple());
    dram.serve(0, 0, 64, false);
    const std::uint64_t end_of_data = 50'000 + CWL + burst;
    EXPECT_EQ(dram.serve(50'000, 64, 64, true), end_of_data + controller);
    EXPECT_EQ(dram.serve(50'001, next_row, 64, false), end_of_data + tWR + tRP + tRCD + CL + burst + controller);
}

TEST(dram_timing, precharge_after_a_late_read_waits_for_tRTP) {
    dram_timing dram(simple());
    dram.serve(0, 0, 64, false);
    dram.serve(50'000, 64, 64, false);
    EXPECT_EQ(dram.serve(50'001, next_row, 64, false), 50'000 + tRTP + tRP + tRCD + CL + burst + controller);
}

TEST(dram_timing, column_commands_of_a_bank_group_are_tCCD_apart) {
    dram_timing dram(simple());
    dram.serve(0, 0, 64, false);
    const std::uint64_t first = dram.serve(100'000, 64, 64, false);
    EXPECT_EQ(dram.serve(100'000, 128, 64, false), first + tCCD); // tCCD > burst
}

TEST(dram_timing, banks_work_in_parallel_and_share_the_data_bus) {
    dram_parameters p = simple();
    p.bank_groups = 4, p.banks_per_group = 1; // consecutive bursts in different groups
    dram_timing dram(p);
    for (std::uint64_t i = 0; i < 4; ++i)
        EXPECT_EQ(dram.serve(0, 64 * i, 64, false), tRCD + CL + (i + 1) * burst + controller);
    EXPECT_EQ(dram.counted().bus_busy_ps, 4 * burst);
}

TEST(dram_timing, channels_share_nothing) {
    dram_parameters p = simple();
    p.channels = 2;
    dram_timing dram(p);
    EXPECT_EQ(dram.serve(0, 0, 64, false), tRCD + CL + burst + controller);
    EXPECT_EQ(dram.serve(0, 64, 64, false), tRCD + CL + burst + controller);
    EXPECT_EQ(dram.locate(0).channel, 0u);
    EXPECT_EQ(dram.locate(64).channel, 1u);
    EXPECT_EQ(dram.locate(128).channel, 0u);
}

TEST(dram_timing, an_access_ends_with_its_last_burst) {
    dram_timing dram(simple());
    EXPECT_EQ(dram.serve(0, 32, 64, false), tRCD + tCCD + CL + burst + controller); // touches two bursts
    EXPECT_EQ(dram.counted().row_misses + dram.counted().row_hits, 2u);
}

TEST(dram_timing, every_address_bit_above_the_burst_chooses_something) {
    dram_parameters p = ddr4_3200();
    p.channels = 2;
    const dram_timing dram(p);
    EXPECT_EQ(dram.locate(0x3F).bank, dram.locate(0).bank);
    EXPECT_NE(dram.locate(64).bank, dram.locate(0).bank); // bank group
    EXPECT_EQ(dram.locate(256).channel, 1u);              // channel
    const std::uint64_t row_stride = std::uint64_t{p.row_bytes} * 16 * 2;
    EXPECT_EQ(dram.locate(row_stride).row, 1u);
    EXPECT_EQ(dram.locate(row_stride).bank, 0u);
    EXPECT_EQ(dram.locate(row_stride - 1).row, 0u);
}

TEST(dram_timing, unloaded_time_depends_on_the_open_row_alone) {
    dram_timing dram(simple());
    EXPECT_EQ(dram.unloaded_ps(0, 64, false), tRCD + CL + burst + controller);
    EXPECT_EQ(dram.unloaded_ps(0, 64, true), CWL + burst + controller);
    EXPECT_EQ(dram.unloaded_ps(next_row, 64, false), tRP + tRCD + CL + burst + controller);
    EXPECT_EQ(dram.unloaded_ps(next_bank, 128, false), tRCD + CL + 2 * burst + controller);
}

TEST(dram_timing, presets_exist_and_their_linear_bandwidth_is_that_of_the_bus) {
    for (const auto name : dram_preset_names()) {
        const auto p = dram_preset(name);
        ASSERT_TRUE(p);
        dram_timing dram(*p);
        constexpr std::uint64_t bursts = 1 << 16;
        std::uint64_t end = 0;
        for (std::uint64_t i = 0; i < bursts; ++i)
            end = dram.serve(0, i * p->burst_bytes, p->burst_bytes, false);
        EXPECT_LT(static_cast<double>(end), 1.15 * static_cast<double>(bursts * p->burst_ps)) << name;
        EXPECT_GE(end, bursts * p->burst_ps) << name;
    }
    EXPECT_FALSE(dram_preset("ddr9"));
}

TEST(dram_timing, counts_that_are_no_power_of_two_are_refused) {
    dram_parameters p = simple();
    p.banks_per_group = 3;
    EXPECT_THROW(dram_timing{p}, std::invalid_argument);
    p = simple();
    p.row_bytes = 32;
    EXPECT_THROW(dram_timing{p}, std::invalid_argument);
}

} // namespace
} // namespace iommulab
