// SPDX-License-Identifier: Apache-2.0
// Where the time of one access went. The parts add up to the end-to-end latency because time is only ever charged from
// the last charge to now.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace iommulab {

/// Causes of latency, in the order in which an access meets them.
enum class time_part : std::uint8_t {
    port_wait,           ///< from the master's request until the port takes it
    micro_tlb,           ///< micro-TLB look-up
    configuration,       ///< configuration cache look-ups
    configuration_fetch, ///< reading configuration structures from memory
    own_table,           ///< reading an entry of a table inside the IOMMU
    tlb,                 ///< main TLB look-up and the wait for its port
    merge_wait,          ///< waiting for another access's walk of the same page
    walker_wait,         ///< waiting for a free walker
    walk_cache,          ///< walk cache look-ups
    walk_level_0,        ///< reading the entry of this level, stage 1 (or the only stage)
    walk_level_1,
    walk_level_2,
    walk_level_3,
    walk_level_4,
    walk_level_5,
    stage2_level_0, ///< reading the entry of this level, stage 2
    stage2_level_1,
    stage2_level_2,
    stage2_level_3,
    stage2_level_4,
    stage2_level_5,
    table_update,    ///< hardware's own writes to table entries: accessed and dirty state
    fault_report,    ///< deciding and recording a fault
    stalled,         ///< waiting for software's verdict on a fault
    order_wait,      ///< translated, waiting for older accesses of the same master
    downstream_wait, ///< waiting for the bus behind the IOMMU
    memory,          ///< the access itself
    response,        ///< carrying the response back
};
inline constexpr std::size_t time_parts = static_cast<std::size_t>(time_part::response) + 1;

/// Short fixed name, as in results: "port_wait", "walk_level_0".
const char* name_of(time_part part);
/// A few words for people: "waiting for the port", "table walk, level 0".
const char* text_of(time_part part);

constexpr time_part walk_level(unsigned stage, unsigned level) {
    return static_cast<time_part>(
        static_cast<unsigned>(stage == 2 ? time_part::stage2_level_0 : time_part::walk_level_0) + level);
}

/// Times in picoseconds of simulated time. Most accesses meet few of the causes: a part that was never charged is not
/// even cleared, so that a sheet costs what it is used for.
class time_sheet {
  public:
    time_sheet() {} // NOLINT(modernize-use-equals-default): parts_ stays as it is
    void begin(std::uint64_t now_ps) {
        charged_ = 0;
        begin_ps_ = last_ps_ = now_ps;
    }
    /// All time since the last charge is laid to `part`.
    void charge(time_part part, std::uint64_t now_ps) { add(part, now_ps - last_ps_); }
    /// LT: time that passes by annotation.
    void add(time_part part, std::uint64_t duration_ps) {
        const auto n = static_cast<std::size_t>(part);
        parts_[n] = duration_ps + ((charged_ >> n) & 1 ? parts_[n] : 0);
        charged_ |= std::uint32_t{1} << n;
        last_ps_ += duration_ps;
    }
    [[nodiscard]] std::uint64_t part_ps(time_part part) const {
        const auto n = static_cast<std::size_t>(part);
        return (charged_ >> n) & 1 ? parts_[n] : 0;
    }
    [[nodiscard]] std::uint64_t begin_ps() const { return begin_ps_; }
    [[nodiscard]] std::uint64_t last_ps() const { return last_ps_; }
    [[nodiscard]] std::uint64_t total_ps() const { return last_ps_ - begin_ps_; }
    /// Calls `visit(index of the part, picoseconds)` for every part that was charged.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (std::uint32_t left = charged_; left != 0; left &= left - 1) {
            const auto n = static_cast<std::size_t>(std::countr_zero(left));
            visit(n, parts_[n]);
        }
    }

  private:
    static_assert(time_parts <= 32);
    std::uint64_t begin_ps_ = 0, last_ps_ = 0;
    std::uint32_t charged_ = 0; // bit n: parts_[n] holds something
    std::array<std::uint64_t, time_parts> parts_;
};

/// How an access was answered, for statistics.
enum class access_outcome : std::uint8_t {
    micro_tlb_hit,
    tlb_hit,
    merged_miss, ///< not known, but another access's walk brought the answer
    miss,        ///< it had a walk of its own
    bypass,
    fault, ///< refused
    error, ///< translated, and answered with an error from behind the IOMMU
};
inline constexpr std::size_t access_outcomes = 7;
/// Whether the access was carried out.
constexpr bool succeeded(access_outcome how) {
    return how != access_outcome::fault && how != access_outcome::error;
}
/// Fixed name, as in results: "micro_tlb_hit"; and words for people: "micro-TLB hit".
const char* name_of(access_outcome outcome);
const char* text_of(access_outcome outcome);

} // namespace iommulab
