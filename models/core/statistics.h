// SPDX-License-Identifier: Apache-2.0
// What is counted and measured: plain integers on the way, formatted at the end.
#pragma once

#include "models/core/time_sheet.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace iommulab {

/// A named counter that lives in a model; the list only points to it.
struct counter {
    const char* name; ///< the architecture's PMU event name where there is one
    const char* text; ///< what one count means
    const std::uint64_t* value;
};

/// Latencies of one kind of access, in picoseconds: a histogram, and the sum of the time sheets.
///
/// The histogram has 128 bins an octave (below 256 ps: one bin a picosecond), each with its count and the largest
/// latency in it. A percentile is the nearest rank's bin, given as that largest latency: one that occurred, at most
/// 1/128 above the true one, and exact wherever a bin holds a single latency, as bins mostly do when latencies are
/// whole clock cycles.
class latency_profile {
  public:
    latency_profile();
    ~latency_profile();
    latency_profile(latency_profile&&) noexcept;
    latency_profile& operator=(latency_profile&&) noexcept;

    /// One access, with its causes.
    void add(const time_sheet& sheet);
    /// One access whose time is micro-TLB look-up and memory alone: the common case of a loosely timed hit. A run of
    /// equal latencies costs one comparison and one increment each.
    void add_hit(std::uint64_t lookup_ps, std::uint64_t memory_ps) {
        if (lookup_ps == run_lookup_ps_ && memory_ps == run_memory_ps_) {
            ++run_length_;
            return;
        }
        begin_run(lookup_ps, memory_ps);
    }

    struct summary {
        std::uint64_t count = 0;
        double min_ps = 0, mean_ps = 0, p50_ps = 0, p90_ps = 0, p99_ps = 0, p999_ps = 0,
               max_ps = 0;                                   ///< 0 without accesses
        std::array<double, time_parts> mean_part_ps{};       ///< adds up to mean_ps, but for the rounding of doubles
        std::uint64_t sum_ps = 0;                            ///< of all latencies
        std::array<std::uint64_t, time_parts> sum_part_ps{}; ///< adds up to sum_ps exactly
    };
    [[nodiscard]] summary summarise() const;
    /// Number of accesses so far.
    [[nodiscard]] std::uint64_t count() const;
    /// Adds the accesses of another profile.
    void merge(const latency_profile& other);

  private:
    struct implementation;
    void begin_run(std::uint64_t lookup_ps, std::uint64_t memory_ps);
    void end_run() const; // moves the run into the histogram, which changes nothing that a caller sees
    std::unique_ptr<implementation> impl_;
    std::uint64_t run_lookup_ps_ = 0, run_memory_ps_ = 0;
    mutable std::uint64_t run_length_ = 0;
};

/// The profiles of one IOMMU, by master, outcome and page size.
class access_statistics {
  public:
    struct key {
        std::uint32_t source_id;
        access_outcome outcome;
        std::uint8_t log2_page; ///< 0: no page, as for what failed
        // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes what the compiler makes of <=> for a null pointer
        friend auto operator<=>(const key&, const key&) = default;
    };
    /// The profile of a key, made on first use; the reference stays valid until reset(). The keys in use are remembered
    /// by their hash, so that masters that keep hitting the same page sizes pay a comparison.
    latency_profile& of(const key& k) {
        const recent& r = recent_[place_of(k)];
        return r.profile && r.k == k ? *r.profile : find(k);
    }
    [[nodiscard]] const std::map<key, latency_profile>& all() const { return profiles_; }
    /// Forgets everything.
    void reset();

  private:
    struct recent {
        key k{};
        latency_profile* profile = nullptr;
    };
    static std::size_t place_of(const key& k) {
        return (k.source_id * 5U + k.log2_page + static_cast<unsigned>(k.outcome) * 16U) % recent_keys;
    }
    static constexpr std::size_t recent_keys = 64;
    latency_profile& find(const key& k);
    std::map<key, latency_profile> profiles_;
    std::array<recent, recent_keys> recent_{};
};

} // namespace iommulab
