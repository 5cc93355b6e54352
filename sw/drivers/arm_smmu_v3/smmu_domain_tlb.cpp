// SPDX-License-Identifier: Apache-2.0
// Mapping, and invalidation of what was mapped.
#include "sw/drivers/arm_smmu_v3/failures.h"
#include "sw/drivers/arm_smmu_v3/smmu_domain.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace iommulab::sw::arm_smmu_v3 {

map_result smmu_domain::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes,
                                  std::uint64_t count, const protection& prot) {
    if (!tables_)
        return {0, kernel_.fail(row::map_unattached, name_of(type()))};
    return tables_->map_pages(iova, address, page_bytes, count, prot);
}

std::uint64_t smmu_domain::unmap_pages(std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                                       iotlb_gather& gather) {
    return tables_ ? tables_->unmap_pages(*this, iova, page_bytes, count, gather) : 0;
}

std::uint64_t smmu_domain::iova_to_phys(std::uint64_t iova) {
    return tables_ ? tables_->iova_to_phys(iova) : 0;
}

void smmu_domain::flush_iotlb_all() {
    if (smmu_)
        flush_all();
}

void smmu_domain::flush_all() {
    smmu_->commands().issue(stage_ == stage::stage1 ? commands::tlbi_nh_asid(asid_) : commands::tlbi_s12_vmall(vmid_),
                            true);
    invalidate_atc(0, 0);
}

void smmu_domain::flush_walk(std::uint64_t iova, std::uint64_t bytes, std::uint64_t granule) {
    invalidate_range(iova, bytes, granule, false);
}

void smmu_domain::flush_leaves(std::uint64_t iova, std::uint64_t bytes, std::uint64_t page_bytes) {
    invalidate_range(iova, bytes, page_bytes, true);
}

void smmu_domain::iotlb_sync(iotlb_gather& gather) {
    if (gather.page_bytes != 0)
        invalidate_range(gather.start, gather.end - gather.start + 1, gather.page_bytes, true);
}

void smmu_domain::invalidate_range(std::uint64_t iova, std::uint64_t bytes, std::uint64_t granule, bool leaf) {
    if (bytes == 0)
        return;
    // Arm IHI 0070, 4.4.1: a range is (NUM + 1) * 2^SCALE pages of TG; TTL says at which level its leaves are.
    constexpr std::uint64_t most_chunks = 31;
    const bool ranges = smmu_->has().range_invalidation;
    const auto page_log2 = static_cast<unsigned>(std::countr_zero(page_sizes()));
    std::uint64_t pages = bytes >> page_log2;
    commands::range_fields range;
    if (ranges) {
        range.tg = (page_log2 - 10) / 2;
        if (leaf)
            range.ttl = 4 - (static_cast<unsigned>(std::bit_width(granule)) - 1 - 3) / (page_log2 - 3);
        else if ((pages & most_chunks) == 1)
            ++pages; // one page and no level would not be a range
    }
    command_batch batch(smmu_->commands());
    std::uint64_t step = granule;
    for (std::uint64_t at = iova, end = iova + bytes; at < end; at += step) {
        if (ranges) {
            range.scale = static_cast<unsigned>(std::countr_zero(pages));
            const std::uint64_t chunks = (pages >> range.scale) & most_chunks;
            range.num = static_cast<unsigned>(chunks) - 1;
            step = chunks << (range.scale + page_log2);
            pages -= chunks << range.scale;
        }
        batch.add(stage_ == stage::stage1 ? commands::tlbi_nh_va(asid_, at, leaf, range)
                                          : commands::tlbi_s2_ipa(vmid_, at, leaf, range));
    }
    batch.submit();
    invalidate_atc(iova, bytes);
}

void smmu_domain::invalidate_atc(std::uint64_t iova, std::uint64_t bytes) {
    if (!smmu_->has().ats || ats_masters_ == 0)
        return;
    command_batch batch(smmu_->commands());
    {
        const std::lock_guard held(masters_lock_);
        for (const master* m : masters_)
            if (m->ats_enabled)
                for (const std::uint32_t sid : m->streams)
                    batch.add(commands::atc_inv(sid, iova, bytes));
    }
    batch.submit();
}

} // namespace iommulab::sw::arm_smmu_v3
