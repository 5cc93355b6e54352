// SPDX-License-Identifier: Apache-2.0
// What an IOMMU driver offers the core (struct iommu_ops).
#pragma once

#include "sw/iommu/device.h"
#include "sw/iommu/domain.h"
#include "sw/iommu/failure.h"
#include "sw/iommu/injection.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace iommulab::sw {

class kernel;
struct provocation;

enum class capability : std::uint8_t {
    cache_coherency,         ///< IOMMU_CAP_CACHE_COHERENCY: DMA can be made to snoop
    enforce_cache_coherency, ///< IOMMU_CAP_ENFORCE_CACHE_COHERENCY: domains can make all DMA snoop
    no_execute,              ///< IOMMU_CAP_NOEXEC
    interrupt_remapping,     ///< IOMMU_CAP_INTR_REMAP
};

enum class device_feature : std::uint8_t { io_page_faults, shared_virtual_addressing };

/// One IOMMU in hardware. Its driver owns it.
class instance {
  public:
    instance(iommu_driver& driver, instance_firmware firmware) : driver_(driver), firmware_(std::move(firmware)) {}
    virtual ~instance() = default;
    instance(const instance&) = delete;
    instance& operator=(const instance&) = delete;

    [[nodiscard]] iommu_driver& driver() const { return driver_; }
    [[nodiscard]] const instance_firmware& firmware() const { return firmware_; }
    [[nodiscard]] const std::string& name() const { return firmware_.name; }

  private:
    iommu_driver& driver_;
    instance_firmware firmware_;
};

class iommu_driver {
  public:
    virtual ~iommu_driver() = default;

    [[nodiscard]] virtual const char* name() const = 0;
    /// Looks at all IOMMUs that there are at boot, before the first is probed; on a failure none is.
    virtual result<void> audit(std::span<const instance_firmware>) { return {}; }
    /// Finds out what the hardware can do, and switches it on. The instance is the driver's.
    virtual result<instance*> probe_instance(const instance_firmware& firmware) = 0;
    /// Null: no memory, or no domains of this type.
    virtual std::unique_ptr<domain> allocate_domain(domain_type type) = 0;
    /// Takes charge of a device whose firmware spec names `behind`.
    virtual result<void> probe_device(device& dev, instance& behind) = 0;
    virtual void release_device(device& dev) = 0;

    [[nodiscard]] virtual bool capable(const device&, capability) const { return false; }
    [[nodiscard]] virtual std::vector<reserved_region> reserved_regions(const device&) const { return {}; }
    /// A type that the device needs; none: any will do.
    [[nodiscard]] virtual std::optional<domain_type> default_domain_type(const device&) const { return std::nullopt; }
    /// False: the driver knows no features, and is not asked for them.
    [[nodiscard]] virtual bool offers_features() const { return true; }
    virtual result<void> enable_feature(device&, device_feature) { return {}; }
    virtual result<void> disable_feature(device&, device_feature) { return {}; }
};

/// Something that firmware or the command line tells a driver of an instance.
struct driver_property {
    const char* name; ///< "asid-bits"
    const char* text;
    std::uint64_t minimum, maximum;
};

/// What the list of drivers (sw/drivers/drivers.h) knows of each.
struct driver_description {
    const char* name;                                 ///< "arm-smmu-v3"
    const char* model;                                ///< of the hardware that it drives: "smmu_v3"
    std::span<const failure_row> failures;            ///< its own
    std::span<const failure_row> page_table_failures; ///< of the table format that it uses, shared with other drivers
    std::span<const injection_point> injection_points;
    std::unique_ptr<iommu_driver> (*make)(kernel& k);
    std::span<const driver_property> properties;
    std::span<const provocation> (*provocations)(); ///< of every reachable row of scope attach (sw/iommu/provocation.h)
};

} // namespace iommulab::sw
