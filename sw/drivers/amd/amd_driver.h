// SPDX-License-Identifier: Apache-2.0
// The AMD-Vi driver: as drivers/iommu/amd of Linux 6.1 behaves towards hardware and callers.
//
// Does: probe from what IVRS says (which devices, which aliases, device TLBs), one device table of all IOMMUs, version
// 1 tables that grow, version 2 tables for the DMA API, domains with PASIDs as far as attach goes, ATS, command buffer
// with completion waits, event log with decoded events, the errors of the three sets of patches. Does not: interrupt
// remapping and virtual APICs, page requests, binding of processes to devices, exclusion ranges (IVMD ranges are mapped
// by the core), memory encryption, hardware that caches what is not present. Differs: translations of version 2 tables
// are invalidated by PASID as well, which Linux 6.1 leaves to the domain's invalidation alone.
#pragma once

#include "sw/drivers/amd/amd_domain.h"
#include "sw/drivers/amd/amd_unit.h"
#include "sw/iommu/driver.h"
#include "sw/iommu/id_allocator.h"

#include <memory>
#include <vector>

namespace iommulab::sw::amd {

class amd_driver final : public iommu_driver {
  public:
    explicit amd_driver(kernel& k) : kernel_(k), devices_(k) {}

    [[nodiscard]] const char* name() const override { return "amd"; }
    /// Firmware properties of an IOMMU: "iotlb" 0: IVHD says that it serves no device TLBs; of the first one also
    /// "last-device": the highest device id of IVRS; "domain-ids": shrinks what there is; "version-2" 1: the DMA API
    /// uses version 2 tables (amd_iommu=pgtbl_v2). The first source id of a device is its own, the others are aliases.
    result<instance*> probe_instance(const instance_firmware& firmware) override;
    std::unique_ptr<domain> allocate_domain(domain_type type) override;
    result<void> probe_device(device& dev, instance& behind) override;
    void release_device(device& dev) override;
    [[nodiscard]] bool capable(const device& dev, capability what) const override;
    [[nodiscard]] std::vector<reserved_region> reserved_regions(const device& dev) const override;
    [[nodiscard]] std::optional<domain_type> default_domain_type(const device& dev) const override;
    [[nodiscard]] bool offers_features() const override { return false; }

    [[nodiscard]] const std::vector<std::unique_ptr<amd_unit>>& instances() const { return units_; }
    [[nodiscard]] id_allocator& domain_ids() { return domain_ids_; }
    [[nodiscard]] std::uint32_t most_domain_ids() const { return most_domain_ids_; }
    /// Which tables DMA domains get.
    [[nodiscard]] amd_domain::tables default_tables() const { return default_tables_; }
    /// Levels of guest CR3 tables that all IOMMUs have, less one.
    [[nodiscard]] unsigned most_guest_cr3_levels() const { return most_guest_cr3_levels_; }

    static amd_device* record_of(const device& dev);

  private:
    kernel& kernel_;
    device_table devices_;
    id_allocator domain_ids_;
    std::vector<std::unique_ptr<amd_unit>> units_;
    std::uint32_t most_domain_ids_ = 65535;
    amd_domain::tables default_tables_ = amd_domain::tables::version_1;
    unsigned most_guest_cr3_levels_ = 3;
};

/// For the list of drivers.
driver_description description();

} // namespace iommulab::sw::amd
