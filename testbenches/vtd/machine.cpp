// SPDX-License-Identifier: Apache-2.0
#include "testbenches/vtd/machine.h"

#include "models/vtd/vtd.h"
#include "testbenches/harness/iommu_maker.h"

namespace iommulab::harness {

vtd_machine::vtd_machine(sc_core::sc_module_name name, const vtd::unit_parameters& p, std::vector<memory_range> ranges,
                         std::uint64_t memory_latency_ps)
    : iommu_machine(name, maker_of<vtd::remapping_unit>(p), p.ports, with_own(std::move(ranges)), memory_latency_ps) {}

const vtd::features& vtd_machine::implemented() const {
    return static_cast<const vtd::remapping_unit&>(model).implemented();
}

} // namespace iommulab::harness
