// SPDX-License-Identifier: Apache-2.0
// The VT-d driver: as drivers/iommu/intel of Linux 6.1 behaves towards hardware and callers.
//
// Does: probe, legacy and scalable mode, first and second level tables with superpages, pass-through, domains over
// several units, aliases behind bridges, queued and register invalidation, caching mode, device TLBs, decoded faults,
// RMRRs that keep a device from user space, the errors of the three sets of patches; of Linux 6.0 and 6.2 what decides
// how attach fails: when PASID tables are made, when an old domain is left, blocking domains, domain ids. Does not:
// interrupt remapping,
// shared virtual addressing, page requests, what a crashed kernel left behind, nested translation.
//
// Differs: identity domains need units with pass-through (Linux maps all memory instead). Table levels that a narrow
// unit does not have are kept as long as the domain, as another unit may still walk them (Linux frees them); that such
// a unit walks from the wrong level is as in Linux. A superpage goes whole when a part of it is unmapped
// (Linux takes the page for a table). Lazy invalidation is not refused on units with caching mode. A unit that does not
// answer ends the run, where Linux panics or hangs.
#pragma once

#include "sw/drivers/intel/dmar_unit.h"
#include "sw/iommu/driver.h"

#include <memory>
#include <vector>

namespace iommulab::sw::intel {

class intel_driver final : public iommu_driver {
  public:
    explicit intel_driver(kernel& k) : kernel_(k) {}

    [[nodiscard]] const char* name() const override { return "intel"; }
    /// Units in scalable mode must have a level of tables that all have.
    result<void> audit(std::span<const instance_firmware> units) override;
    /// Firmware properties: those of read_features(); "interrupt-remapping" 0: interrupts are not kept apart.
    result<instance*> probe_instance(const instance_firmware& firmware) override;
    std::unique_ptr<domain> allocate_domain(domain_type type) override;
    result<void> probe_device(device& dev, instance& behind) override;
    void release_device(device& dev) override;
    [[nodiscard]] bool capable(const device& dev, capability what) const override;
    [[nodiscard]] std::vector<reserved_region> reserved_regions(const device& dev) const override;
    [[nodiscard]] bool offers_features() const override { return false; }

    [[nodiscard]] const std::vector<std::unique_ptr<dmar_unit>>& instances() const { return units_; }
    /// Pass-through is used: every unit has it.
    [[nodiscard]] bool pass_through() const { return pass_through_; }
    /// Superpages that all units have for such tables.
    [[nodiscard]] std::uint64_t superpages(bool first_level) const;
    [[nodiscard]] bool coherent_page_walk() const;
    /// WARN_ON_ONCE.
    void warn_once(const std::string& device, const char* what);
    /// The PASID table of a device: at its probe, in Linux 6.0 at each attach.
    result<void> allocate_pasids(dmar_device& d);

    static dmar_device* record_of(const device& dev);

  private:
    [[nodiscard]] bool first_level_by_default(domain_type type) const;

    kernel& kernel_;
    std::vector<std::unique_ptr<dmar_unit>> units_;
    // What all units agree on (Linux: the capability audit).
    bool all_scalable_ = true, all_first_level_ = true, all_second_level_ = true, pass_through_ = true;
    unsigned pasid_bits_ = 20;
    bool warned_ = false;
};

/// For the list of drivers.
driver_description description();

} // namespace iommulab::sw::intel
