// SPDX-License-Identifier: Apache-2.0
// Mapping and unmapping ranges of a domain (iommu_map() and its kin).
#pragma once

#include "sw/iommu/domain.h"

#include <cstdint>

namespace iommulab::sw {

class kernel;

/// Maps `bytes` from `iova` to `address`, with the largest pages that both addresses allow. All or nothing: what was
/// mapped before a failure is unmapped again.
result<void> map(kernel& k, domain& d, std::uint64_t iova, std::uint64_t address, std::uint64_t bytes,
                 const protection& prot);
/// Unmaps and invalidates; returns the bytes unmapped, which end at the first hole.
std::uint64_t unmap(kernel& k, domain& d, std::uint64_t iova, std::uint64_t bytes);
/// Unmaps, and leaves the invalidation to who has the gather.
std::uint64_t unmap_fast(kernel& k, domain& d, std::uint64_t iova, std::uint64_t bytes, iotlb_gather& gather);
/// Invalidates what was gathered, and empties the gather.
void iotlb_sync(domain& d, iotlb_gather& gather);
/// The physical address behind an IO virtual one; 0: none.
std::uint64_t iova_to_phys(domain& d, std::uint64_t iova);

/// The page size for the start of a range, and how many such pages come before a larger size is possible
/// (iommu_pgsize()). `sizes` must hold a size that both addresses and `bytes` are multiples of.
struct page_choice {
    std::uint64_t page_bytes = 0, count = 0;
};
page_choice choose_pages(std::uint64_t sizes, std::uint64_t iova, std::uint64_t address, std::uint64_t bytes);

} // namespace iommulab::sw
