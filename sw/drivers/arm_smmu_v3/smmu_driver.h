// SPDX-License-Identifier: Apache-2.0
// The SMMUv3 driver: as drivers/iommu/arm/arm-smmu-v3 of Linux 6.1 behaves towards hardware and callers.
//
// Does: probe, both stages, context descriptor tables of one and two levels, stalls, ATS, range invalidation, MSI and
// wired interrupts, completion by MSI, the errors of the three sets of patches. Does not: bind processes to devices
// (shared virtual addressing can be enabled, which is what attach asks for), EL2 regimes, RMR bypass entries. Differs:
// commands are written under a lock rather than gathered by one CPU for others; a full queue drops commands after a
// second; a block that is split is broken, invalidated and made again, which costs one more TLBI and CMD_SYNC.
#pragma once

#include "sw/drivers/arm_smmu_v3/smmu.h"
#include "sw/iommu/driver.h"
#include "sw/iommu/id_allocator.h"

#include <memory>
#include <vector>

namespace iommulab::sw::arm_smmu_v3 {

class smmu_driver final : public iommu_driver {
  public:
    explicit smmu_driver(kernel& k) : kernel_(k), asid_lock_(k.machine()) {}

    [[nodiscard]] const char* name() const override { return "arm-smmu-v3"; }
    /// Firmware properties: "asid-bits" and "vmid-bits" shrink what the ID registers say; "bypass" 1: streams without
    /// domain pass (the module parameter disable_bypass=0); "skip-prefetch" 1: no CMD_PREFETCH_CONFIG after an STE (a
    /// quirk of some SMMUs); "contiguous" 1: contiguous runs in tables, which Linux 6.1 does not use.
    result<instance*> probe_instance(const instance_firmware& firmware) override;
    std::unique_ptr<domain> allocate_domain(domain_type type) override;
    result<void> probe_device(device& dev, instance& behind) override;
    void release_device(device& dev) override;
    [[nodiscard]] bool capable(const device& dev, capability what) const override;
    [[nodiscard]] std::vector<reserved_region> reserved_regions(const device& dev) const override;
    result<void> enable_feature(device& dev, device_feature feature) override;
    result<void> disable_feature(device& dev, device_feature feature) override;

    [[nodiscard]] const std::vector<std::unique_ptr<smmu>>& instances() const { return smmus_; }
    /// Of all SMMUs together.
    [[nodiscard]] id_allocator& asids() { return asids_; }
    [[nodiscard]] ticket_lock& asid_lock() { return asid_lock_; }
    /// Page sizes of all SMMUs together: what a domain claims before it is attached.
    [[nodiscard]] std::uint64_t page_sizes() const { return page_sizes_; }

    static master* record_of(const device& dev);

  private:
    kernel& kernel_;
    ticket_lock asid_lock_;
    id_allocator asids_;
    std::vector<std::unique_ptr<smmu>> smmus_;
    std::uint64_t page_sizes_ = 0;
};

/// For the list of drivers.
driver_description description();

} // namespace iommulab::sw::arm_smmu_v3
