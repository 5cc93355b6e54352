// SPDX-License-Identifier: Apache-2.0
#include "models/memory/dram_timing.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace iommulab {
namespace {

unsigned log2_of(std::uint64_t value, const char* name) {
    if (!std::has_single_bit(value))
        throw std::invalid_argument(std::string("dram_timing: ") + name + " is " + std::to_string(value) +
                                    ", expected a power of two");
    return static_cast<unsigned>(std::countr_zero(value));
}

// Organisation of a 4 Gbit or 8 Gbit x8 device: 4 groups of 4 banks, rows of 1 KiB (JESD79-4, 2.8 "DDR4 SDRAM
// Addressing"); eight of them side by side make rows of 8 KiB. Channel interleave and controller latency: assumptions.
dram_parameters ddr4() {
    dram_parameters p{};
    p.channels = 1;
    p.bank_groups = 4;
    p.banks_per_group = 4;
    p.row_bytes = 8192;
    p.burst_bytes = 64;
    p.channel_interleave_bytes = 256; // assumption
    p.controller_ps = 20'000;         // assumption: queues and PHY, request and data path together
    return p;
}

} // namespace

const dram_parameters& ddr4_2400() {
    // JESD79-4, "DDR4-2400 Speed Bins": 2400T, tCK 0.833 ns, CL-nRCD-nRP 17-17-17, tRAS 32 ns; CWL 12 (mode register
    // 2); tWR 15 ns, tRTP 7.5 ns, tCCD_L 5 ns, tCCD_S 4 clocks ("Timing Parameters by Speed Grade").
    static const dram_parameters parameters = [] {
        dram_parameters p = ddr4();
        p.tRCD_ps = p.tRP_ps = p.CL_ps = 14'161;
        p.CWL_ps = 9'996;
        p.tRAS_ps = 32'000;
        p.tWR_ps = 15'000;
        p.tRTP_ps = 7'500;
        p.tCCD_L_ps = 5'000;
        p.burst_ps = 3'332;
        return p;
    }();
    return parameters;
}

const dram_parameters& ddr4_3200() {
    // JESD79-4, "DDR4-3200 Speed Bins": 3200AA, tCK 0.625 ns, CL-nRCD-nRP 22-22-22, tRAS 32 ns; CWL 16; the rest as
    // above.
    static const dram_parameters parameters = [] {
        dram_parameters p = ddr4();
        p.tRCD_ps = p.tRP_ps = p.CL_ps = 13'750;
        p.CWL_ps = 10'000;
        p.tRAS_ps = 32'000;
        p.tWR_ps = 15'000;
        p.tRTP_ps = 7'500;
        p.tCCD_L_ps = 5'000;
        p.burst_ps = 2'500;
        return p;
    }();
    return parameters;
}

const dram_parameters& ddr3_1333() {
    // JESD79-3, "DDR3-1333 Speed Bins": 1333H, tCK 1.5 ns, CL-nRCD-nRP 9-9-9, tRAS 36 ns; CWL 7; tWR 15 ns, tRTP 7.5
    // ns, tCCD 4 clocks. DDR3 has eight banks and no groups.
    static const dram_parameters parameters = [] {
        dram_parameters p = ddr4();
        p.bank_groups = 1;
        p.banks_per_group = 8;
        p.tRCD_ps = p.tRP_ps = p.CL_ps = 13'500;
        p.CWL_ps = 10'500;
        p.tRAS_ps = 36'000;
        p.tWR_ps = 15'000;
        p.tRTP_ps = 7'500;
        p.tCCD_L_ps = 6'000;
        p.burst_ps = 6'000;
        return p;
    }();
    return parameters;
}

std::optional<dram_parameters> dram_preset(std::string_view name) {
    if (name == "ddr4-2400")
        return ddr4_2400();
    if (name == "ddr4-3200")
        return ddr4_3200();
    if (name == "ddr3-1333")
        return ddr3_1333();
    return std::nullopt;
}

const std::vector<std::string_view>& dram_preset_names() {
    static const std::vector<std::string_view> names{"ddr4-2400", "ddr4-3200", "ddr3-1333"};
    return names;
}

dram_timing::dram_timing(const dram_parameters& parameters)
    : p_(parameters),
      burst_shift_(log2_of(p_.burst_bytes, "burst_bytes")),
      interleave_shift_(log2_of(p_.channel_interleave_bytes, "channel_interleave_bytes")),
      channel_shift_(log2_of(p_.channels, "channels")),
      group_shift_(log2_of(p_.bank_groups, "bank_groups")),
      column_shift_(log2_of(p_.row_bytes, "row_bytes")),
      bank_shift_(log2_of(p_.banks_per_group, "banks_per_group")) {
    if (p_.row_bytes < p_.burst_bytes || p_.channel_interleave_bytes < p_.burst_bytes)
        throw std::invalid_argument("dram_timing: row_bytes and channel_interleave_bytes must be at least burst_bytes");
    column_shift_ -= burst_shift_;
    interleave_shift_ -= burst_shift_;
    channels_.resize(p_.channels);
    for (auto& c : channels_) {
        c.banks.resize(std::size_t{p_.bank_groups} * p_.banks_per_group);
        c.group_column_ps.assign(p_.bank_groups, 0);
    }
}

dram_timing::place dram_timing::locate(std::uint64_t address) const {
    const auto low = [](std::uint64_t value, unsigned bits) { return value & ((std::uint64_t{1} << bits) - 1); };
    const std::uint64_t burst = address >> burst_shift_;
    place where{};
    where.channel = static_cast<unsigned>(low(burst >> interleave_shift_, channel_shift_));
    std::uint64_t rest =
        burst >> (interleave_shift_ + channel_shift_) << interleave_shift_ | low(burst, interleave_shift_);
    const std::uint64_t group = low(rest, group_shift_);
    rest >>= group_shift_ + column_shift_;
    where.bank = static_cast<unsigned>(low(rest, bank_shift_) << group_shift_ | group);
    where.row = rest >> bank_shift_;
    return where;
}

std::uint64_t dram_timing::row_delay_ps(bank& b, std::uint64_t row, bool& precharge) {
    precharge = false;
    if (b.row == row) {
        ++counted_.row_hits;
        return 0;
    }
    precharge = b.row != no_row;
    ++(precharge ? counted_.row_conflicts : counted_.row_misses);
    b.row = row;
    return p_.tRCD_ps + (precharge ? p_.tRP_ps : 0);
}

std::uint64_t dram_timing::serve_burst(std::uint64_t start_ps, std::uint64_t address, bool write) {
    const place where = locate(address);
    channel& c = channels_[where.channel];
    bank& b = c.banks[where.bank];
    std::uint64_t& group_column_ps = c.group_column_ps[where.bank & (p_.bank_groups - 1)];

    bool precharge = false;
    const std::uint64_t opening_ps = row_delay_ps(b, where.row, precharge);
    std::uint64_t column_ps;
    if (opening_ps == 0) {
        column_ps = std::max(start_ps, b.column_ps);
    } else {
        const std::uint64_t begin_ps = precharge ? std::max(start_ps, b.precharge_ps) : start_ps;
        column_ps = begin_ps + opening_ps;
        b.precharge_ps = column_ps - p_.tRCD_ps + p_.tRAS_ps;
    }
    const std::uint64_t data_delay_ps = write ? p_.CWL_ps : p_.CL_ps;
    const std::uint64_t data_ps = std::max(std::max(column_ps, group_column_ps) + data_delay_ps, c.bus_free_ps);
    const std::uint64_t end_ps = data_ps + p_.burst_ps;
    column_ps = data_ps - data_delay_ps; // the command waits with its data

    c.bus_free_ps = end_ps;
    counted_.bus_busy_ps += p_.burst_ps;
    b.column_ps = group_column_ps = column_ps + p_.tCCD_L_ps;
    b.precharge_ps = std::max(b.precharge_ps, write ? end_ps + p_.tWR_ps : column_ps + p_.tRTP_ps);
    return end_ps;
}

std::uint64_t dram_timing::serve(std::uint64_t arrival_ps, std::uint64_t address, std::uint64_t bytes, bool write) {
    const std::uint64_t first = address >> burst_shift_, last = (address + (bytes ? bytes - 1 : 0)) >> burst_shift_;
    std::uint64_t end_ps = arrival_ps;
    for (std::uint64_t burst = first;; ++burst) {
        end_ps = std::max(end_ps, serve_burst(arrival_ps, burst << burst_shift_, write));
        if (burst == last)
            return end_ps + p_.controller_ps;
    }
}

std::uint64_t dram_timing::unloaded_ps(std::uint64_t address, std::uint64_t bytes, bool write) {
    const std::uint64_t first = address >> burst_shift_, last = (address + (bytes ? bytes - 1 : 0)) >> burst_shift_;
    std::uint64_t end_ps = 0;
    for (std::uint64_t burst = first;; ++burst) {
        const place where = locate(burst << burst_shift_);
        bool precharge = false;
        const std::uint64_t opening_ps = row_delay_ps(channels_[where.channel].banks[where.bank], where.row, precharge);
        // bursts of one access overlap except on the bus
        end_ps = std::max(end_ps, opening_ps + (write ? p_.CWL_ps : p_.CL_ps)) + p_.burst_ps;
        counted_.bus_busy_ps += p_.burst_ps;
        if (burst == last)
            return end_ps + p_.controller_ps;
    }
}

} // namespace iommulab
