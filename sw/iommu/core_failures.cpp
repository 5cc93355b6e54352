// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/core_failures.h"

#include <array>

namespace iommulab::sw {
namespace {

using enum linux_errno;
using enum failure_class;
constexpr auto core = failure_scope::core;

constexpr std::array table{
    failure_row{"C-1", "__iommu_attach_device", "the domain has no attach_dev", device, core, always(enodev)},
    failure_row{"C-2", "iommu_attach_device", "the device is in no group", device, core, always(enodev)},
    failure_row{"C-3", "iommu_attach_device", "the group has other than one device", other, core, always(einval)},
    failure_row{"C-4", "__iommu_attach_group", "the group is on a domain that is neither default nor blocking", busy,
                core, always(ebusy)},
    failure_row{"C-5", "__iommu_attach_group", "the old domain cannot be attached again after a failed attach", other,
                core, swallowed(log_level::warning)},
    failure_row{"C-6", "__iommu_group_set_domain", "no domain is wanted, and the driver has no detach_dev", device,
                core, always(einval, log_level::warning)},
    failure_row{"C-7", "__iommu_group_set_core_domain", "the default or blocking domain cannot be attached", other,
                core, swallowed(log_level::warning)},
    failure_row{"C-8", "iommu_detach_device", "the group is not on this domain, or has other than one device", other,
                core, swallowed(log_level::warning)},
    failure_row{"C-9", "iommu_device_use_default_domain", "the group is owned, or not on its default domain", busy,
                core, always(ebusy)},
    failure_row{"C-10", "iommu_group_claim_dma_owner", "the group has an owner or a user already", busy, core,
                always(eperm)},
    failure_row{"C-11", "iommu_group_claim_dma_owner", "the group is not on its default domain", busy, core,
                always(ebusy)},
    failure_row{"C-12", "__iommu_group_alloc_blocking_domain", "neither a blocked nor an unmanaged domain is to be had",
                memory, core, always(einval)},
    failure_row{"C-13", "iommu_group_release_dma_owner", "the group has no owner", other, core,
                swallowed(log_level::warning)},
    failure_row{"C-14", "iommu_group_release_dma_owner", "the default domain cannot be attached", other, core,
                swallowed(log_level::warning)},
    failure_row{"C-15", "__iommu_probe_device", "no IOMMU is known for the device", device, core, always(enodev)},
    failure_row{"C-16", "iommu_group_add_device", "the device cannot join its group's domain", other, core,
                always({none, log_level::error, disposition::passed_on})},
    failure_row{"C-17", "__iommu_map", "the domain has no map, or no page size", device, core, always(enodev)},
    failure_row{"C-18", "__iommu_map", "the domain does not map: blocked or identity", device, core, always(einval)},
    failure_row{"C-19", "__iommu_map", "address or size not a multiple of the smallest page", other, core,
                always(einval, log_level::error)},
    failure_row{"C-20", "__iommu_unmap", "address or size not a multiple of the smallest page", other, core,
                swallowed(log_level::error)},
    failure_row{"C-21", "iommu_change_dev_def_domain", "the group is not on its default domain", busy, core,
                always(ebusy, log_level::error)},
    failure_row{"C-22", "iommu_change_dev_def_domain", "the group has other than one device", other, core,
                always(einval, log_level::error)},
    failure_row{"C-23", "iommu_change_dev_def_domain", "the group has no default domain", other, core, always(einval)},
    failure_row{"C-24", "iommu_change_dev_def_domain", "the device needs another type of domain", device, core,
                always(einval, log_level::error)},
    failure_row{"C-25", "iommu_group_alloc_default_domain", "no domain is to be had", memory, core, always(enomem)},
    failure_row{"C-26", "iommu_enable_nesting", "the domain is not unmanaged", other, core, always(einval)},
    failure_row{"C-27", "iommu_enable_nesting", "the driver does not know nesting", device, core, always(einval)},
    failure_row{"C-28", "iommu_dev_enable_feature", "the driver knows no features", device, core, always(enodev)},
};

} // namespace

std::span<const failure_row> core_failures() {
    return table;
}

namespace core_row {
const failure_row &attach_no_op = table[0], &attach_no_group = table[1], &attach_not_alone = table[2],
                  &attach_group_busy = table[3], &rollback_failed = table[4], &set_no_detach = table[5],
                  &core_domain_failed = table[6], &detach_other_domain = table[7], &use_busy = table[8],
                  &claim_owned = table[9], &claim_busy = table[10], &claim_no_blocking = table[11],
                  &release_not_owned = table[12], &release_failed = table[13], &probe_no_iommu = table[14],
                  &add_to_group_failed = table[15], &map_no_op = table[16], &map_not_paging = table[17],
                  &map_unaligned = table[18], &unmap_unaligned = table[19], &default_busy = table[20],
                  &default_not_alone = table[21], &default_none = table[22], &default_needs_other = table[23],
                  &default_no_memory = table[24], &nesting_not_unmanaged = table[25], &nesting_no_op = table[26],
                  &feature_no_op = table[27];
} // namespace core_row

} // namespace iommulab::sw
