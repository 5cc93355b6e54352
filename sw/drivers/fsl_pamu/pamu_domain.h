// SPDX-License-Identifier: Apache-2.0
// A domain on PAMUs: a window of 64 GB that leads to itself, for each LIODN of its devices.
#pragma once

#include "sw/cpu/lock.h"
#include "sw/drivers/fsl_pamu/tables.h"
#include "sw/iommu/domain.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::sw::fsl_pamu {

class pamu_driver;
class pamu_domain;
struct endpoint;

/// A LIODN on a domain.
struct device_info {
    endpoint* of = nullptr;
    std::uint32_t liodn = 0;
    pamu_domain* domain = nullptr;
};

/// Whose LIODNs they are: a device, or the PCI controller before several.
struct endpoint {
    std::string name;
    device_info* first = nullptr; ///< of its LIODNs on a domain
};

/// It can be mapped and unmapped nowhere: its devices reach all that 36 bits of address reach.
class pamu_domain final : public domain {
  public:
    pamu_domain(kernel& k, pamu_driver& driver);
    ~pamu_domain() override;

    /// Linux undoes nothing: LIODNs before the one that fails stay enabled on this domain.
    result<void> attach_dev(device& dev) override;
    [[nodiscard]] bool offers_detach() const override { return true; }
    void detach_dev(device& dev) override;

    [[nodiscard]] bool offers_mapping() const override { return false; }
    map_result map_pages(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, const protection&) override {
        return {};
    }
    std::uint64_t unmap_pages(std::uint64_t, std::uint64_t, std::uint64_t, iotlb_gather&) override { return 0; }
    std::uint64_t iova_to_phys(std::uint64_t iova) override;

    /// What the domain's devices write is put into the first cache of a CPU (fsl_pamu_configure_l1_stash).
    result<void> stash_into(unsigned cpu);
    [[nodiscard]] std::size_t liodns() const { return infos_.size(); }

  private:
    void note_device(endpoint& e, std::uint32_t liodn);
    void remove(const endpoint* e);
    result<void> set_liodn(device& dev, std::uint32_t liodn);

    kernel& kernel_;
    pamu_driver& driver_;
    ticket_lock lock_;
    std::optional<std::uint32_t> stash_;
    std::vector<std::unique_ptr<device_info>> infos_; ///< newest first
};

} // namespace iommulab::sw::fsl_pamu
