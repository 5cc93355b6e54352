// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/core_failures.h"

namespace iommulab::sw {
namespace {

using namespace failure_terms;

constexpr failure_table table({
    {"C-1", "__iommu_attach_device", "the domain has no attach_dev", device, core, always(enodev)},
    {"C-2", "iommu_attach_device", "the device is in no group", device, core, always(enodev)},
    {"C-3", "iommu_attach_device", "the group has other than one device", other, core, always(einval)},
    {"C-4", "__iommu_attach_group", "the group is on a domain that is neither default nor blocking", busy, core,
     always(ebusy)},
    {"C-5", "__iommu_attach_group", "the old domain cannot be attached again after a failed attach", other, core,
     swallowed(W)},
    {"C-6", "__iommu_group_set_domain", "no domain is wanted, and the driver has no detach_dev", device, core,
     always(einval, W)},
    {"C-7", "__iommu_group_set_core_domain", "the default or blocking domain cannot be attached", other, core,
     swallowed(W)},
    {"C-8", "iommu_detach_device", "the group is not on this domain, or has other than one device", other, core,
     swallowed(W)},
    {"C-9", "iommu_device_use_default_domain", "the group is owned, or not on its default domain", busy, core,
     always(ebusy)},
    {"C-10", "iommu_group_claim_dma_owner", "the group has an owner or a user already", busy, core, always(eperm)},
    {"C-11", "iommu_group_claim_dma_owner", "the group is not on its default domain", busy, core, always(ebusy)},
    {"C-12", "__iommu_group_alloc_blocking_domain", "neither a blocked nor an unmanaged domain is to be had", memory,
     core, always(einval)},
    {"C-13", "iommu_group_release_dma_owner", "the group has no owner", other, core, swallowed(W)},
    {"C-14", "iommu_group_release_dma_owner", "the default domain cannot be attached", other, core, swallowed(W)},
    {"C-15", "__iommu_probe_device", "no IOMMU is known for the device", device, core, always(enodev)},
    {"C-16", "iommu_group_add_device", "the device cannot join its group's domain", other, core,
     always({none, E, disposition::passed_on})},
    {"C-17", "__iommu_map", "the domain has no map, or no page size", device, core, always(enodev)},
    {"C-18", "__iommu_map", "the domain does not map: blocked or identity", device, core, always(einval)},
    {"C-19", "__iommu_map", "address or size not a multiple of the smallest page", other, core, always(einval, E)},
    {"C-20", "__iommu_unmap", "address or size not a multiple of the smallest page", other, core, swallowed(E)},
    {"C-21", "iommu_change_dev_def_domain", "the group is not on its default domain", busy, core, always(ebusy, E)},
    {"C-22", "iommu_change_dev_def_domain", "the group has other than one device", other, core, always(einval, E)},
    {"C-23", "iommu_change_dev_def_domain", "the group has no default domain", other, core, always(einval)},
    {"C-24", "iommu_change_dev_def_domain", "the device needs another type of domain", device, core, always(einval, E)},
    {"C-25", "iommu_group_alloc_default_domain", "no domain is to be had", memory, core, always(enomem)},
    {"C-26", "iommu_enable_nesting", "the domain is not unmanaged", other, core, always(einval)},
    {"C-27", "iommu_enable_nesting", "the driver does not know nesting", device, core, always(einval)},
    {"C-28", "iommu_dev_enable_feature", "the driver knows no features", device, core, always(enodev)},
});

} // namespace

std::span<const failure_row> core_failures() {
    return table.rows();
}

namespace core_row {
const failure_row &attach_no_op = table["C-1"], &attach_no_group = table["C-2"], &attach_not_alone = table["C-3"],
                  &attach_group_busy = table["C-4"], &rollback_failed = table["C-5"], &set_no_detach = table["C-6"],
                  &core_domain_failed = table["C-7"], &detach_other_domain = table["C-8"], &use_busy = table["C-9"],
                  &claim_owned = table["C-10"], &claim_busy = table["C-11"], &claim_no_blocking = table["C-12"],
                  &release_not_owned = table["C-13"], &release_failed = table["C-14"], &probe_no_iommu = table["C-15"],
                  &add_to_group_failed = table["C-16"], &map_no_op = table["C-17"], &map_not_paging = table["C-18"],
                  &map_unaligned = table["C-19"], &unmap_unaligned = table["C-20"], &default_busy = table["C-21"],
                  &default_not_alone = table["C-22"], &default_none = table["C-23"],
                  &default_needs_other = table["C-24"], &default_no_memory = table["C-25"],
                  &nesting_not_unmanaged = table["C-26"], &nesting_no_op = table["C-27"],
                  &feature_no_op = table["C-28"];
} // namespace core_row

} // namespace iommulab::sw
