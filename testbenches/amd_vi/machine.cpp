// SPDX-License-Identifier: Apache-2.0
#include "testbenches/amd_vi/machine.h"

#include "models/amd_vi/amd_vi.h"
#include "testbenches/harness/iommu_maker.h"

namespace iommulab::harness {

amd_vi_machine::amd_vi_machine(sc_core::sc_module_name name, const amd_vi::amd_vi_parameters& p,
                               std::vector<memory_range> ranges, std::uint64_t memory_latency_ps)
    : iommu_machine(name, maker_of<amd_vi::amd_iommu>(p), p.ports, with_own(std::move(ranges)), memory_latency_ps) {}

void amd_vi_machine::request_page(const amd_vi::page_request_message& request) {
    static_cast<amd_vi::amd_iommu&>(model).request_page(request);
}

} // namespace iommulab::harness
