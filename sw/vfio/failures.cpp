// SPDX-License-Identifier: Apache-2.0
#include "sw/vfio/failures.h"

namespace iommulab::sw::vfio {
namespace {

using namespace failure_terms;

constexpr failure_table table({
    {"VF-1", "vfio_group_find_or_alloc", "the IOMMU does not keep the device's DMA coherent", device, attach,
     always(einval)},
    {"VF-2", "vfio_group_find_or_alloc", "the device is in no group", device, attach, always(einval)},
    {"VF-3", "vfio_iommu_type1_attach_group", "user addresses are suspended", busy, attach, always(ebusy)},
    {"VF-4", "vfio_iommu_type1_attach_group", "no memory to note the group", memory, attach, always(enomem)},
    {"VF-5", "vfio_iommu_type1_attach_group", "no domain is to be had", memory, attach, always(eio)},
    {"VF-6", "vfio_iommu_type1_attach_group", "the domain's aperture leaves out mappings, or all addresses",
     incompatible, attach, always(einval)},
    {"VF-7", "vfio_iommu_type1_attach_group", "a mapping covers a reserved region of the group", incompatible, attach,
     always(einval)},
    {"VF-8", "vfio_iommu_resv_exclude", "reserved regions leave no address", incompatible, attach, always(einval)},
    {"VF-9", "vfio_iommu_type1_attach_group", "interrupts of devices cannot be kept apart", other, attach,
     always(eperm, W)},
    {"VF-10", "iommu_get_msi_cookie", "no memory to note where doorbells are mapped", memory, attach, always(enomem)},

    {"VF-11", "vfio_dma_do_map", "neither read nor write is wanted", other, map, always(einval)},
    {"VF-12", "vfio_dma_do_map", "empty, not multiples of the page size, or beyond the last address", other, map,
     always(einval)},
    {"VF-13", "vfio_dma_do_map", "there is a mapping already", other, map, always(eexist)},
    {"VF-14", "vfio_dma_do_map", "as many mappings as there may be", resource, map, always(enospc)},
    {"VF-15", "vfio_dma_do_map", "outside the aperture, or in a reserved region", other, map, always(einval)},
    {"VF-16", "vfio_dma_do_map", "no memory to note the mapping", memory, map, always(enomem)},
    {"VF-17", "vfio_pin_pages_remote", "more than the user may lock (RLIMIT_MEMLOCK)", memory, map, always(enomem, W)},
    {"VF-18", "vfio_dma_do_unmap", "empty, not multiples of the page size, or beyond the last address", other, map,
     always(einval)},
    {"VF-19", "vfio_dma_do_unmap", "part of a mapping only", other, map, always(einval)},
    {"VF-20", "vfio_dma_do_unmap", "user addresses are suspended already, or nothing is", other, map, always(einval)},
    {"VF-21", "vfio_fops_unl_ioctl", "the container has no group yet, hence no IOMMU", other, map, always(einval)},
});

constexpr injection_point points[] = {
    {"vfio.group.alloc", "memory to note a group of a container", enomem},
    {"vfio.msi_cookie.alloc", "memory to note where doorbells are mapped", enomem},
    {"vfio.mapping.alloc", "memory to note a mapping of a container", enomem},
    {"vfio.superpage_test.alloc", "memory to try superpages with"},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &not_coherent = table["VF-1"], &no_group = table["VF-2"], &addresses_invalid = table["VF-3"],
                  &group_memory = table["VF-4"], &no_domain = table["VF-5"], &aperture_conflict = table["VF-6"],
                  &reserved_conflict = table["VF-7"], &nothing_left = table["VF-8"], &unsafe_interrupts = table["VF-9"],
                  &msi_memory = table["VF-10"];
const failure_row &map_without_rights = table["VF-11"], &map_unaligned = table["VF-12"], &map_overlaps = table["VF-13"],
                  &map_too_many = table["VF-14"], &map_invalid_range = table["VF-15"], &map_memory = table["VF-16"],
                  &map_locked = table["VF-17"], &unmap_unaligned = table["VF-18"], &unmap_splits = table["VF-19"],
                  &addresses_unknown = table["VF-20"], &no_iommu = table["VF-21"];
} // namespace row

} // namespace iommulab::sw::vfio
