// SPDX-License-Identifier: Apache-2.0
// A domain on the GART: no more than a name, for there is one table.
#pragma once

#include "sw/drivers/tegra_gart/gart.h"
#include "sw/iommu/domain.h"

#include <cstdint>

namespace iommulab::sw::tegra_gart {

/// What it maps is in the one table at once, attached or not, and stays there when its devices have gone.
class gart_domain final : public domain {
  public:
    gart_domain(kernel& k, iommu_driver& driver, gart& unit);
    ~gart_domain() override;

    result<void> attach_dev(device& dev) override;
    [[nodiscard]] bool offers_detach() const override { return true; }
    void detach_dev(device& dev) override;

    map_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t size, std::uint64_t count,
                         const protection& prot) override;
    std::uint64_t unmap_pages(std::uint64_t iova, std::uint64_t size, std::uint64_t count,
                              iotlb_gather& gather) override;
    void iotlb_sync(iotlb_gather& gather) override;
    void iotlb_sync_map(std::uint64_t iova, std::uint64_t bytes) override;
    /// -EINVAL as an address outside of the aperture, as in Linux.
    std::uint64_t iova_to_phys(std::uint64_t iova) override;

  private:
    kernel& kernel_;
    gart& unit_;
};

} // namespace iommulab::sw::tegra_gart
