// SPDX-License-Identifier: Apache-2.0
// The PAMU driver: as drivers/iommu/fsl_pamu.c and fsl_pamu_domain.c of Linux 6.1 behave towards hardware and callers.
//
// Does: tables for all PAMUs, LIODNs of the device tree open from the start, one window of 64 GB a domain, LIODNs
// programmed in two steps, operation mappings, stash destinations, PCI devices on their controller's LIODNs,
// violations, the errors of the three sets of patches. Does not: the coherency subdomain of erratum A-004510, whose
// registers are not the PAMU's. Differs: the PAMUs are probed one by one, and have an interrupt each.
#pragma once

#include "sw/drivers/fsl_pamu/pamu.h"
#include "sw/drivers/fsl_pamu/pamu_domain.h"
#include "sw/iommu/driver.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::sw::fsl_pamu {

class pamu_driver final : public iommu_driver {
  public:
    explicit pamu_driver(kernel& k) : kernel_(k), tables_(k) {}

    [[nodiscard]] const char* name() const override { return "fsl-pamu"; }
    /// Firmware properties: "no-interrupt" 1: firmware lists no interrupt, and no table is made; "cpus": of the
    /// machine, each with a cache to stash into.
    result<instance*> probe_instance(const instance_firmware& firmware) override;
    std::unique_ptr<domain> allocate_domain(domain_type type) override;
    /// A device's source ids are its LIODNs (fsl,liodn); those of a PCI device are its controller's, which property
    /// "pci-controller" numbers. Properties "qman-portal", "qman", "bman" 1: what kind of device it is.
    result<void> probe_device(device& dev, instance& behind) override;
    void release_device(device& dev) override;
    [[nodiscard]] bool capable(const device& dev, capability what) const override;
    [[nodiscard]] bool offers_features() const override { return false; }

    [[nodiscard]] tables& shared() { return tables_; }
    [[nodiscard]] endpoint& endpoint_of(const device& dev);
    /// The mapping of a device's operations; none: they pass.
    static std::optional<operation_index> operations_of(const device& dev);
    /// The stash id of a CPU's first cache; none: there is no such CPU.
    [[nodiscard]] std::optional<std::uint32_t> first_cache_of(unsigned cpu) const;
    [[nodiscard]] const std::vector<std::unique_ptr<pamu>>& instances() const { return units_; }

  private:
    void open_liodns(const device& dev);

    kernel& kernel_;
    tables tables_;
    std::vector<std::unique_ptr<pamu>> units_;
    std::map<std::string, endpoint> endpoints_;
    std::uint64_t cpus_ = 8;
    bool tables_tried_ = false;
};

/// For the list of drivers.
driver_description description();

} // namespace iommulab::sw::fsl_pamu
