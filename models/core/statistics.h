// SPDX-License-Identifier: Apache-2.0
// What is counted and measured: plain integers on the way, formatted at the end.
#pragma once

#include "models/core/time_sheet.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace iommulab {

/// A named counter that lives in a model; the list only points to it.
struct counter {
    const char* name; ///< the architecture's PMU event name where there is one
    const char* text; ///< what one count means
    const std::uint64_t* value;
};

/// Latencies of one kind of access, in picoseconds: a histogram, and the mean time sheet.
class latency_profile {
  public:
    latency_profile();
    ~latency_profile();
    latency_profile(latency_profile&&) noexcept;
    latency_profile& operator=(latency_profile&&) noexcept;

    /// One access, with its causes.
    void add(const time_sheet& sheet);
    /// One access whose time is micro-TLB look-up and memory alone: the common case of a loosely timed hit. A run of equal
    /// latencies costs one comparison and one increment each.
    void add_hit(std::uint64_t lookup_ps, std::uint64_t memory_ps) {
        if (lookup_ps == run_lookup_ps_ && memory_ps == run_memory_ps_) {
            ++run_length_;
            return;
        }
        begin_run(lookup_ps, memory_ps);
    }

    struct summary {
        std::uint64_t count = 0;
        double min_ps = 0, mean_ps = 0, p50_ps = 0, p90_ps = 0, p99_ps = 0, p999_ps = 0, max_ps = 0;
        std::array<double, time_parts> mean_part_ps{}; ///< adds up to mean_ps
    };
    [[nodiscard]] summary summarise() const;
    void merge(const latency_profile& other);

  private:
    void begin_run(std::uint64_t lookup_ps, std::uint64_t memory_ps);
    struct implementation;
    std::unique_ptr<implementation> impl_;
    std::uint64_t run_lookup_ps_ = 0, run_memory_ps_ = 0, run_length_ = 0;
};

/// The profiles of one IOMMU, by master, outcome and page size.
class access_statistics {
  public:
    struct key {
        std::uint32_t source_id;
        access_outcome outcome;
        std::uint8_t log2_page; ///< 0: no page, as for a fault
        friend auto operator<=>(const key&, const key&) = default;
    };
    /// The profile of a key, made on first use; the reference stays valid until reset(). Remembers the last keys, so that a
    /// master that keeps hitting the same page size pays a comparison.
    latency_profile& of(const key& k) {
        if (last_ && last_key_ == k)
            return *last_;
        return find(k);
    }
    [[nodiscard]] const std::map<key, latency_profile>& all() const { return profiles_; }
    void reset();

  private:
    latency_profile& find(const key& k);
    std::map<key, latency_profile> profiles_;
    key last_key_{};
    latency_profile* last_ = nullptr;
};

} // namespace iommulab
