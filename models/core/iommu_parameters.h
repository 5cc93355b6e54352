// SPDX-License-Identifier: Apache-2.0
// The timing and sizes that every IOMMU has.
#pragma once

#include "models/core/parameters.h"
#include "models/core/structure.h"

#include <cstdint>
#include <vector>

namespace iommulab {

enum class access_order : std::uint8_t {
    in_order,     ///< accesses leave a port in the order in which they came
    per_requester ///< only those of one requester (source id and PASID) keep their order
};

/// How the IOMMU's own work in the background (commands, event writes) reaches memory.
enum class simulation_mode : std::uint8_t { cycle_approximate, loosely_timed };

struct iommu_parameters {
    std::uint64_t clock_period_ps = 1000;
    std::uint32_t ports = 1;
    simulation_mode mode = simulation_mode::cycle_approximate;

    std::uint32_t port_outstanding = 64;
    std::uint32_t port_reads = 0;
    std::uint32_t port_accept_cycles = 1;
    access_order order = access_order::in_order;
    cache_parameters micro_tlb{.entries = 32, .ways = 0, .policy = replacement::pseudo_lru};
    cache_parameters tlb{.entries = 512, .ways = 4, .policy = replacement::random, .latency_cycles = 3};
    bool tlb_reserves = false;
    std::uint32_t request_cycles = 8;
    std::uint32_t walkers = 16;
    std::uint32_t walker_release_cycles = 0;
    bool blocking_misses = false;
    std::uint32_t read_retry_cycles = 0;
    std::uint32_t table_outstanding = 16;
    std::uint32_t register_cycles = 4;
    std::uint32_t posted_writes = 0;
    std::uint32_t response_cycles = 1;
    std::uint32_t stall_entries = 16;
    std::uint32_t invalidate_cycles = 4;
    std::uint32_t dmi_run_pages = 64;
};

/// The declarations; a model's own table starts with these. Defined in models/core/iommu_parameter_table.h. `ports` and
/// `mode` are not among them: they are said by the platform.
template <class Struct>
std::vector<parameter<Struct>> declare_iommu_parameters();

} // namespace iommulab
