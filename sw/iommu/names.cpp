// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/device.h"
#include "sw/iommu/domain.h"

namespace iommulab::sw {

const char* name_of(region_type type) {
    switch (type) {
    case region_type::direct:
        return "direct";
    case region_type::direct_relaxable:
        return "direct-relaxable";
    case region_type::reserved:
        return "reserved";
    case region_type::msi:
        return "msi";
    case region_type::software_msi:
        break;
    }
    return "software-msi";
}

const char* name_of(domain_type type) {
    switch (type) {
    case domain_type::blocked:
        return "blocked";
    case domain_type::identity:
        return "identity";
    case domain_type::unmanaged:
        return "unmanaged";
    case domain_type::dma:
        return "DMA";
    case domain_type::dma_fq:
        break;
    }
    return "DMA-FQ";
}

} // namespace iommulab::sw
