// SPDX-License-Identifier: Apache-2.0
// A report's accesses added up along each axis. Shared by its renderings.
#pragma once

#include "testbenches/results/iommu_report.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::results {

using outcome_counts = std::array<std::uint64_t, access_outcomes>;

struct master_summary {
    std::uint32_t source_id = 0;
    std::string name; ///< the given one, else the id in hexadecimal
    outcome_counts outcomes{};
    latency_profile latency; ///< of accesses that were carried out
    latency_profile failed;  ///< of those that were not

    [[nodiscard]] std::uint64_t accesses() const { return latency.count() + failed.count(); }
};

struct report_summary {
    outcome_counts outcomes{};
    latency_profile all; ///< that were carried out
    latency_profile failed;
    std::vector<master_summary> masters; ///< by source id
    std::array<latency_profile, access_outcomes> by_outcome;
    std::map<std::uint8_t, latency_profile> by_log2_page; ///< without those that have no page

    [[nodiscard]] std::uint64_t accesses() const { return all.count() + failed.count(); }
};

report_summary summarise(const iommu_report& report);

/// Whether it can occur with the structures that there are, or did.
bool has_outcome(const iommu_report& report, access_outcome outcome, std::uint64_t count);

/// Mean latency and its parts in whole picoseconds, rounded so that the parts add up to the mean.
struct rounded_means {
    std::uint64_t mean_ps = 0;
    std::array<std::uint64_t, time_parts> part_ps{};
};
rounded_means round_means(const latency_profile::summary& s);

} // namespace iommulab::results
