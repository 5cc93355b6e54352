// SPDX-License-Identifier: Apache-2.0
#include "testbenches/results/iommu_report.h"

#include "testbenches/results/report_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace iommulab::results {

report_summary summarise(const iommu_report& report) {
    report_summary sum;
    if (!report.accesses)
        return sum;
    for (const auto& [key, profile] : report.accesses->all()) {
        const std::uint64_t count = profile.count();
        if (count == 0)
            continue;
        if (sum.masters.empty() || sum.masters.back().source_id != key.source_id) {
            auto& master = sum.masters.emplace_back();
            master.source_id = key.source_id;
            const auto name = report.master_names.find(key.source_id);
            master.name = name != report.master_names.end() ? name->second : fmt::format("0x{:x}", key.source_id);
        }
        auto& master = sum.masters.back();
        const auto outcome = static_cast<std::size_t>(key.outcome);
        master.outcomes[outcome] += count;
        const bool good = succeeded(key.outcome);
        (good ? master.latency : master.failed).merge(profile);
        sum.outcomes[outcome] += count;
        sum.by_outcome[outcome].merge(profile);
        (good ? sum.all : sum.failed).merge(profile);
        if (key.log2_page)
            sum.by_log2_page[key.log2_page].merge(profile);
    }
    return sum;
}

bool has_outcome(const iommu_report& report, access_outcome outcome, std::uint64_t count) {
    return count != 0 || ((outcome != access_outcome::micro_tlb_hit || report.has_micro_tlb) &&
                          (outcome != access_outcome::tlb_hit || report.has_tlb));
}

rounded_means round_means(const latency_profile::summary& s) {
    rounded_means means;
    if (s.count == 0)
        return means;
    const std::uint64_t remainder = s.sum_ps % s.count;
    means.mean_ps = s.sum_ps / s.count + (remainder >= s.count - remainder ? 1 : 0);
    // Each part is cut, and what is missing from the mean goes to the parts that lost most.
    std::array<std::size_t, time_parts> by_loss;
    std::iota(by_loss.begin(), by_loss.end(), std::size_t{0});
    std::ranges::stable_sort(
        by_loss, [&](std::size_t a, std::size_t b) { return s.sum_part_ps[a] % s.count > s.sum_part_ps[b] % s.count; });
    std::uint64_t missing = means.mean_ps;
    for (std::size_t i = 0; i < time_parts; ++i) {
        means.part_ps[i] = s.sum_part_ps[i] / s.count;
        missing -= means.part_ps[i];
    }
    for (std::size_t i = 0; i < missing && i < time_parts; ++i)
        ++means.part_ps[by_loss[i]];
    return means;
}

} // namespace iommulab::results
