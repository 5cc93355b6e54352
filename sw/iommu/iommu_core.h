// SPDX-License-Identifier: Apache-2.0
// The IOMMU core: who is behind which IOMMU, in which group, on which domain (drivers/iommu/iommu.c of Linux 6.1).
#pragma once

#include "sw/iommu/driver.h"
#include "sw/iommu/group.h"
#include "sw/iommu/kernel.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::sw {

/// One call of a driver's attach_dev: the unit in which callers' efforts are counted.
struct attach_call {
    std::uint64_t begin_ns = 0, end_ns = 0;
    std::string device;
    unsigned domain = 0; ///< domain::number()
    linux_errno number = linux_errno::none;
    const failure_row* row = nullptr;
    unsigned error_lines = 0, warning_lines = 0; ///< logged meanwhile
};

struct core_options {
    domain_type default_domain = domain_type::dma; ///< iommu.passthrough, iommu.strict: dma, dma_fq or identity
    bool no_default_domains = false; ///< as if there was no memory for them: devices are in groups, on no domain
};

class iommu_core {
  public:
    explicit iommu_core(kernel& k, const core_options& options = {});
    ~iommu_core();
    iommu_core(const iommu_core&) = delete;
    iommu_core& operator=(const iommu_core&) = delete;

    [[nodiscard]] kernel& in() { return kernel_; }
    [[nodiscard]] const core_options& options() const { return options_; }

    // --- drivers, instances, devices
    /// Once a kind of IOMMU; declares its injection points and checks its table.
    iommu_driver& add_driver(const driver_description& description);
    /// Probes an IOMMU, then the devices that wait for it, in the order in which they were added. What a device's probe
    /// fails with is in probe_errors().
    result<instance*> add_instance(iommu_driver& driver, const instance_firmware& firmware);
    /// A device appears; it is probed now if its IOMMU is there. Throws std::invalid_argument for a name used twice.
    device& add_device(device_description description);
    /// Probes again a device whose probe failed or which was released.
    result<void> probe(device& dev);
    /// The device leaves its IOMMU; its group goes with its last device.
    void release(device& dev);
    /// A device that is gone for good.
    void remove_device(device& dev);

    [[nodiscard]] device* find_device(std::string_view name) const;
    [[nodiscard]] instance* find_instance(std::string_view name) const;
    [[nodiscard]] group* find_group(unsigned number) const;
    [[nodiscard]] const std::vector<std::unique_ptr<device>>& devices() const { return devices_; }
    struct probe_error {
        std::string device;
        error why;
    };
    [[nodiscard]] const std::vector<probe_error>& probe_errors() const { return probe_errors_; }

    /// device_iommu_capable(): false for a device without IOMMU.
    [[nodiscard]] bool capable(const device& dev, capability what) const;
    /// iommu_get_resv_regions(), and for a group: sorted, overlapping ones of a type merged.
    [[nodiscard]] std::vector<reserved_region> reserved_regions(const device& dev) const;
    [[nodiscard]] std::vector<reserved_region> reserved_regions(const group& g) const;
    result<void> enable_feature(device& dev, device_feature feature);
    result<void> disable_feature(device& dev, device_feature feature);

    // --- domains
    /// iommu_domain_alloc(): null when there is none. Give it a device behind the IOMMU that it is for.
    std::unique_ptr<domain> allocate_domain(const device& dev, domain_type type = domain_type::unmanaged);
    /// iommu_enable_nesting()
    result<void> enable_nesting(domain& d);
    [[nodiscard]] unsigned domains_made() const { return domains_made_; }

    // --- attach and detach (section by section as in the kernel: errors, order, rollback and its gaps)
    /// iommu_attach_device(): only for a device that is alone in its group.
    result<void> attach_device(domain& d, device& dev);
    void detach_device(domain& d, device& dev);
    /// iommu_attach_group(): all devices in order; on a failure the old domain is attached to all again.
    result<void> attach_group(domain& d, group& g);
    void detach_group(domain& d, group& g);
    /// iommu_group_replace_domain() of Linux 6.6: from whatever domain the group is on, with no blocking one between;
    /// on a failure the old domain is attached to all again.
    result<void> replace_group(domain& d, group& g);
    /// Frees a domain. One that hardware may still use, because nothing else could be attached after it, stays as long
    /// as the core.
    void retire(std::unique_ptr<domain> d);
    /// iommu_change_dev_def_domain(), as writing to the group's `type` in sysfs does.
    result<void> change_default_domain(device& dev, domain_type type);

    // --- ownership
    /// iommu_group_claim_dma_owner(): nobody else touches the group, and its DMA is blocked until a domain is attached.
    result<void> claim(group& g, const void* owner);
    void release_claim(group& g);
    /// iommu_device_use_default_domain(): a kernel driver binds to the device.
    result<void> use_default_domain(device& dev);
    void unuse_default_domain(device& dev);

    /// Every attach_dev call so far.
    [[nodiscard]] const std::vector<attach_call>& attach_calls() const { return attach_calls_; }

  private:
    result<void> attach_one(domain& d, device& dev);
    result<void> attach_each(domain& d, group& g);
    result<void> attach_group_locked(domain& d, group& g);
    result<void> set_domain(group& g, domain* target);
    void set_core_domain(group& g);
    void roll_back(group& g, domain* old);
    [[nodiscard]] bool in_use(const domain& d) const;
    group& group_for(const device& dev);
    result<void> join_group(group& g, device& dev);
    void leave_group(device& dev);
    result<void> probe_behind(device& dev, instance& behind);
    result<void> allocate_default_domain(group& g, const device& dev, domain_type type, bool replace);
    result<void> map_direct_regions(group& g, const device& dev);
    domain_type default_type_for(const device& dev) const;
    std::unique_ptr<domain> allocate_from(iommu_driver& driver, domain_type type);

    kernel& kernel_;
    core_options options_;
    std::vector<std::unique_ptr<iommu_driver>> drivers_;
    std::vector<instance*> instances_;
    std::vector<std::unique_ptr<device>> devices_;
    std::vector<std::unique_ptr<group>> groups_;
    std::vector<probe_error> probe_errors_;
    std::vector<attach_call> attach_calls_;
    std::map<const device*, const domain*> last_attached_; ///< what each device was last put on
    std::vector<std::unique_ptr<domain>> retired_;
    unsigned domains_made_ = 0, next_group_ = 0;
};

} // namespace iommulab::sw
