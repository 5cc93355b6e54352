// SPDX-License-Identifier: Apache-2.0
// The GART driver: as drivers/iommu/tegra-gart.c of Linux 6.1 behaves towards hardware and callers, and the part of the
// memory controller's driver that takes its error interrupt.
//
// Does: set-up, one active domain in the whole system, entries and their read-back, gart_debug, suspend and resume, the
// errors of the three sets of patches. Differs: a second GART would take the place of the first in Linux; here it is a
// unit of its own.
#pragma once

#include "sw/drivers/tegra_gart/gart.h"
#include "sw/iommu/driver.h"

#include <memory>
#include <vector>

namespace iommulab::sw::tegra_gart {

/// What the driver knows of a device: the domain that it was put on.
struct client : device_private {
    domain* attached = nullptr;
};

class gart_driver final : public iommu_driver {
  public:
    explicit gart_driver(kernel& k) : kernel_(k) {}

    [[nodiscard]] const char* name() const override { return "tegra-gart"; }
    /// Firmware properties: "aperture-base", "aperture-bytes" (0: firmware does not say), "debug" (the module parameter
    /// gart_debug).
    result<instance*> probe_instance(const instance_firmware& firmware) override;
    std::unique_ptr<domain> allocate_domain(domain_type type) override;
    result<void> probe_device(device& dev, instance& behind) override;
    void release_device(device& dev) override;
    [[nodiscard]] bool offers_features() const override { return false; }

    [[nodiscard]] const std::vector<std::unique_ptr<gart>>& instances() const { return units_; }
    static client* record_of(const device& dev);

  private:
    kernel& kernel_;
    std::vector<std::unique_ptr<gart>> units_;
};

/// For the list of drivers.
driver_description description();

} // namespace iommulab::sw::tegra_gart
