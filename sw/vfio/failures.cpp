// SPDX-License-Identifier: Apache-2.0
#include "sw/vfio/failures.h"

#include <array>

namespace iommulab::sw::vfio {
namespace {

using enum linux_errno;
using enum failure_class;
using enum failure_scope;
constexpr auto W = log_level::warning;

constexpr std::array table{
    failure_row{"VF-1", "vfio_group_find_or_alloc", "the IOMMU does not keep the device's DMA coherent", device, attach,
                always(einval)},
    failure_row{"VF-2", "vfio_group_find_or_alloc", "the device is in no group", device, attach, always(einval)},
    failure_row{"VF-3", "vfio_iommu_type1_attach_group", "user addresses are suspended", busy, attach, always(ebusy)},
    failure_row{"VF-4", "vfio_iommu_type1_attach_group", "no memory to note the group", memory, attach, always(enomem)},
    failure_row{"VF-5", "vfio_iommu_type1_attach_group", "no domain is to be had", memory, attach, always(eio)},
    failure_row{"VF-6", "vfio_iommu_type1_attach_group", "the domain's aperture leaves out mappings, or all addresses",
                incompatible, attach, always(einval)},
    failure_row{"VF-7", "vfio_iommu_type1_attach_group", "a mapping covers a reserved region of the group",
                incompatible, attach, always(einval)},
    failure_row{"VF-8", "vfio_iommu_resv_exclude", "reserved regions leave no address", incompatible, attach,
                always(einval)},
    failure_row{"VF-9", "vfio_iommu_type1_attach_group", "interrupts of devices cannot be kept apart", other, attach,
                always(eperm, W)},
    failure_row{"VF-10", "iommu_get_msi_cookie", "no memory to note where doorbells are mapped", memory, attach,
                always(enomem)},

    failure_row{"VF-11", "vfio_dma_do_map", "neither read nor write is wanted", other, map, always(einval)},
    failure_row{"VF-12", "vfio_dma_do_map", "empty, not multiples of the page size, or beyond the last address", other,
                map, always(einval)},
    failure_row{"VF-13", "vfio_dma_do_map", "there is a mapping already", other, map, always(eexist)},
    failure_row{"VF-14", "vfio_dma_do_map", "as many mappings as there may be", resource, map, always(enospc)},
    failure_row{"VF-15", "vfio_dma_do_map", "outside the aperture, or in a reserved region", other, map,
                always(einval)},
    failure_row{"VF-16", "vfio_dma_do_map", "no memory to note the mapping", memory, map, always(enomem)},
    failure_row{"VF-17", "vfio_pin_pages_remote", "more than the user may lock (RLIMIT_MEMLOCK)", memory, map,
                always(enomem, W)},
    failure_row{"VF-18", "vfio_dma_do_unmap", "empty, not multiples of the page size, or beyond the last address",
                other, map, always(einval)},
    failure_row{"VF-19", "vfio_dma_do_unmap", "part of a mapping only", other, map, always(einval)},
    failure_row{"VF-20", "vfio_dma_do_unmap", "user addresses are suspended already, or nothing is", other, map,
                always(einval)},
};

constexpr injection_point points[] = {
    {"vfio.group.alloc", "memory to note a group of a container", enomem},
    {"vfio.msi_cookie.alloc", "memory to note where doorbells are mapped", enomem},
    {"vfio.mapping.alloc", "memory to note a mapping of a container", enomem},
    {"vfio.superpage_test.alloc", "memory to try superpages with"},
};

} // namespace

std::span<const failure_row> failures() {
    return table;
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &not_coherent = table[0], &no_group = table[1], &addresses_invalid = table[2],
                  &group_memory = table[3], &no_domain = table[4], &aperture_conflict = table[5],
                  &reserved_conflict = table[6], &nothing_left = table[7], &unsafe_interrupts = table[8],
                  &msi_memory = table[9];
const failure_row &map_without_rights = table[10], &map_unaligned = table[11], &map_overlaps = table[12],
                  &map_too_many = table[13], &map_invalid_range = table[14], &map_memory = table[15],
                  &map_locked = table[16], &unmap_unaligned = table[17], &unmap_splits = table[18],
                  &addresses_unknown = table[19];
} // namespace row

} // namespace iommulab::sw::vfio
