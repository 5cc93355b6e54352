// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/machine.h"

#include "models/smmu_v3/smmu_v3.h"
#include "testbenches/harness/iommu_maker.h"

namespace iommulab::harness {

smmu_v3_machine::smmu_v3_machine(sc_core::sc_module_name name, const smmu_v3::smmu_parameters& p,
                                 std::vector<memory_range> ranges, std::uint64_t memory_latency_ps)
    : iommu_machine(name, maker_of<smmu_v3::smmu>(p), p.ports, with_own(std::move(ranges)), memory_latency_ps) {}

} // namespace iommulab::harness
