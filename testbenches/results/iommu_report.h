// SPDX-License-Identifier: Apache-2.0
// What one IOMMU did in a run, as JSON for scripts and as text for people.
#pragma once

#include "models/core/statistics.h"

#include <boost/json/fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace iommulab::results {

/// What a report is made of. `accesses` may be null: nothing was measured.
struct iommu_report {
    std::string name;  ///< of the instance: "iommu0"
    std::string model; ///< what it is: model and preset; may be empty
    const access_statistics* accesses = nullptr;
    std::vector<counter> counters{};
    bool has_micro_tlb = true, has_tlb = true;           ///< only outcomes that it has are told
    std::map<std::uint32_t, std::string> master_names{}; ///< by source id; one without a name is shown by its id
};

struct text_style {
    unsigned columns = 100;   ///< no line is longer; at least 80
    bool unicode = true;      ///< bars of block characters, else of '#'
    std::size_t masters = 16; ///< rows a table; the masters with the fewest accesses are added up in a last row
};

/// Hits by level per master, latencies per master, where the time went per outcome, by page size, counters that are not
/// zero. Ends with a newline.
std::string to_text(const iommu_report& report, const text_style& style = {});

/// The report as JSON; the same accesses give the same text. Keys stand in this order, and are all there unless noted:
///
///     name, model       strings
///     accesses          count
///     outcomes          object: outcome: count, each that the IOMMU has
///     latency           LATENCY, of the accesses that were carried out; without a TLB all of them are misses
///     failed_latency    LATENCY, of the others: faults and errors
///     masters           array by rising source_id: {source_id, name, accesses, outcomes, latency, failed_latency}
///     by_outcome        array: {outcome, latency: LATENCY}, the outcomes that occurred, in the order above
///     by_page_size      array: {page_bytes, latency: LATENCY} by rising size; accesses without a page are left out
///     profiles          array: {source_id, outcome, page_bytes (0: no page), latency: LATENCY}, the finest grain
///     counters          object: name: count, in the model's order
///
/// LATENCY is {count, total_ps, ns, mean_parts_ns, total_parts_ps}:
///     ns                {min, mean, p50, p90, p99, p99_9, max} in nanoseconds with three decimals, 0 without accesses
///     mean_parts_ns     object: the parts that are not zero by name, in the order in which an access meets them, three
///                       decimals; they add up to ns.mean exactly as printed
///     total_parts_ps    the same parts, summed over all accesses in picoseconds: integers that add up to total_ps
boost::json::object to_json(const iommu_report& report);

} // namespace iommulab::results
