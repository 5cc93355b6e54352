// SPDX-License-Identifier: Apache-2.0
// When a DRAM answers: banks with an open row each, and the data bus of each channel.
//
// Models: activate, column access, precharge, write recovery, the open-page policy, the data bus of a channel, bank
// groups. Does not: refresh, tFAW and tRRD, read/write turn-around, ranks, reordering by the controller (requests are
// served in order of arrival, banks work in parallel).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace iommulab {

/// Times in picoseconds, with the names of JEDEC JESD79-4. All counts and sizes are powers of two.
struct dram_parameters {
    unsigned channels;
    unsigned bank_groups; ///< per channel
    unsigned banks_per_group;
    std::uint32_t row_bytes;                ///< of one bank, all devices of the channel together
    std::uint32_t burst_bytes;              ///< burst length 8 on 64 data lines
    std::uint32_t channel_interleave_bytes; ///< consecutive addresses on one channel
    std::uint64_t tRCD_ps;                  ///< activate to column command
    std::uint64_t tRP_ps;                   ///< precharge to activate
    std::uint64_t CL_ps;                    ///< read command to data
    std::uint64_t CWL_ps;                   ///< write command to data
    std::uint64_t tRAS_ps;                  ///< activate to precharge
    std::uint64_t tWR_ps;                   ///< last write data to precharge
    std::uint64_t tRTP_ps;                  ///< read command to precharge
    std::uint64_t tCCD_L_ps;                ///< column command to column command in a bank group
    std::uint64_t burst_ps;                 ///< a burst on the data bus
    std::uint64_t controller_ps;            ///< through the controller, both ways together
};

/// DDR4-2400T (17-17-17), DDR4-3200AA (22-22-22), DDR3-1333H (9-9-9), one channel of eight x8 devices.
const dram_parameters& ddr4_2400();
const dram_parameters& ddr4_3200();
const dram_parameters& ddr3_1333();
/// "ddr4-2400", "ddr4-3200", "ddr3-1333"; nothing for another name.
std::optional<dram_parameters> dram_preset(std::string_view name);
const std::vector<std::string_view>& dram_preset_names();

class dram_timing {
  public:
    struct statistics {
        std::uint64_t row_hits = 0;      ///< bursts that found their row open
        std::uint64_t row_misses = 0;    ///< bursts that found no row open
        std::uint64_t row_conflicts = 0; ///< bursts that found another row open
        std::uint64_t bus_busy_ps = 0;   ///< data bus occupied, channels added up
    };
    struct place {
        unsigned channel, bank; ///< bank counts over all groups of the channel
        std::uint64_t row;
    };

    /// Throws std::invalid_argument when a count or size is no power of two.
    explicit dram_timing(const dram_parameters& parameters);

    /// Serves an access that reaches the controller at `arrival_ps` (not before the one served last): the time at which
    /// its last data has passed the controller.
    std::uint64_t serve(std::uint64_t arrival_ps, std::uint64_t address, std::uint64_t bytes, bool write);
    /// How long the access takes when nothing else is under way: what loosely timed accesses are charged. Follows and
    /// changes the open rows, not the busy times.
    std::uint64_t unloaded_ps(std::uint64_t address, std::uint64_t bytes, bool write);

    /// Where an address lies: from low to high bits burst, channel, bank group, column, bank, row, so that a linear
    /// stream uses all channels and pays tCCD_L nowhere.
    [[nodiscard]] place locate(std::uint64_t address) const;
    [[nodiscard]] const statistics& counted() const { return counted_; }
    [[nodiscard]] const dram_parameters& parameters() const { return p_; }

  private:
    static constexpr std::uint64_t no_row = ~std::uint64_t{0};
    struct bank {
        std::uint64_t row = no_row;
        std::uint64_t column_ps = 0;    ///< first time at which a column command may go
        std::uint64_t precharge_ps = 0; ///< first time at which a precharge may go
    };
    struct channel {
        std::vector<bank> banks;
        std::vector<std::uint64_t> group_column_ps; ///< by bank group: first time for a column command
        std::uint64_t bus_free_ps = 0;
    };
    /// Opens the row; returns the delay of its column command that this causes, if nothing else is busy.
    std::uint64_t row_delay_ps(bank& b, std::uint64_t row, bool& precharge);
    std::uint64_t serve_burst(std::uint64_t start_ps, std::uint64_t address, bool write);

    dram_parameters p_;
    unsigned burst_shift_, interleave_shift_, channel_shift_, group_shift_, column_shift_, bank_shift_;
    std::vector<channel> channels_;
    statistics counted_;
};

} // namespace iommulab
