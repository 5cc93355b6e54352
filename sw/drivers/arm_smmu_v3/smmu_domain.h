// SPDX-License-Identifier: Apache-2.0
// A domain on an SMMU: bypass, stage 1 with a context descriptor, or stage 2.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/drivers/arm_lpae/io_pgtable.h"
#include "sw/drivers/arm_smmu_v3/context_descriptors.h"
#include "sw/drivers/arm_smmu_v3/smmu.h"
#include "sw/iommu/domain.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace iommulab::sw::arm_smmu_v3 {

class smmu_driver;

/// What it is stays as the first attach makes it, until the domain is freed: which SMMU, which stage, how wide its
/// context descriptor table, whether its accesses stall, which pages.
class smmu_domain final : public domain, private arm_lpae::tlb_operations {
  public:
    smmu_domain(kernel& k, smmu_driver& driver, domain_type type);
    ~smmu_domain() override;

    result<void> attach_dev(device& dev) override;
    map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t count,
                         const protection& prot) override;
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                              iotlb_gather& gather) override;
    void flush_iotlb_all() override;
    void iotlb_sync(iotlb_gather& gather) override;
    std::uint64_t iova_to_phys(std::uint64_t iova) override;
    [[nodiscard]] bool offers_nesting() const override { return true; }
    result<void> enable_nesting() override;

    enum class stage : std::uint8_t { stage1, stage2, nested, bypass };
    [[nodiscard]] stage in_stage() const { return stage_; }
    [[nodiscard]] smmu* bound_to() const { return smmu_; }
    [[nodiscard]] std::uint32_t asid() const { return asid_; }
    [[nodiscard]] std::uint32_t vmid() const { return vmid_; }

    /// Takes a device off its domain: ATS off, STE to abort or bypass. Nothing when it is on none.
    static void detach(kernel& k, master& m);

  private:
    result<void> finalise(master& m);
    result<void> finalise_stage1(master& m);
    result<void> finalise_stage2();
    /// CFGI_CD for every stream of the domain, then CMD_SYNC: alone, when there is no stream yet.
    void sync_cd(std::uint32_t ssid, bool leaf);
    static void install_entries(kernel& k, master& m);
    void write_entry(master& m, std::uint32_t sid);
    void enable_ats(master& m);
    void invalidate_range(std::uint64_t iova, std::uint64_t bytes, std::uint64_t granule, bool leaf);
    void invalidate_atc(std::uint64_t iova, std::uint64_t bytes);

    void flush_all() override;
    void flush_walk(std::uint64_t iova, std::uint64_t bytes, std::uint64_t granule) override;
    void flush_leaves(std::uint64_t iova, std::uint64_t bytes, std::uint64_t page_bytes) override;

    kernel& kernel_;
    smmu_driver& driver_;
    ticket_lock init_lock_, masters_lock_;
    stage stage_ = stage::stage1;
    smmu* smmu_ = nullptr;
    std::unique_ptr<arm_lpae::io_pgtable> tables_;
    std::vector<master*> masters_; ///< newest first
    unsigned ats_masters_ = 0;
    // stage 1
    std::uint32_t asid_ = 0; ///< 0: none
    bool stall_enabled_ = false;
    context_descriptor_table cds_;
    // stage 2
    std::uint32_t vmid_ = 0; ///< 0: none
};

} // namespace iommulab::sw::arm_smmu_v3
