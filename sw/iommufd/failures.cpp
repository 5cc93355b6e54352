// SPDX-License-Identifier: Apache-2.0
#include "sw/iommufd/failures.h"

#include <array>

namespace iommulab::sw::iommufd {
namespace {

using enum linux_errno;
using enum failure_class;
using enum failure_scope;

constexpr std::array table{
    failure_row{"IF-1", "iommufd_device_bind", "the IOMMU does not keep the device's DMA coherent", device, attach,
                always(einval)},
    failure_row{"IF-2", "iommufd_device_bind", "the device is in no group", device, attach, always(enodev)},
    failure_row{"IF-3", "iommufd_device_do_attach", "the device's DMA must snoop, and the domain cannot make it",
                incompatible, attach, always(einval)},
    failure_row{"IF-4", "iopt_table_enforce_group_resv_regions", "a mapping covers a reserved region", incompatible,
                attach, always(eaddrinuse)},
    failure_row{"IF-5", "iommufd_device_setup_msi", "interrupts of devices cannot be kept apart", other, attach,
                always(eperm)},
    failure_row{"IF-6", "iommu_get_msi_cookie", "no memory to note where doorbells are mapped", memory, attach,
                always(enomem)},
    failure_row{"IF-7", "iommufd_hw_pagetable_alloc", "no domain is to be had", memory, attach, always(enomem)},
    failure_row{"IF-8", "iopt_table_add_domain", "the domain's smallest page is larger than the CPU's", incompatible,
                attach, always(einval)},
    failure_row{"IF-9", "iopt_table_add_domain", "a mapping lies outside of the domain's aperture", incompatible,
                attach, always(eaddrinuse)},
    failure_row{"IF-10", "iopt_check_iova_alignment", "a mapping is not a multiple of the domain's pages", incompatible,
                attach, always(eaddrinuse)},
    // Linux 6.2 to 6.5 have no test of their own for the next one: the core refuses the group's second domain (C-4).
    failure_row{"IF-11", "iommufd_device_do_attach", "the device is attached already", busy, attach, always(ebusy)},
    failure_row{"IF-12", "iommufd_device_do_replace", "there is nothing to replace", other, attach, always(einval)},
    failure_row{"IF-13", "vfio_device_fops_unl_ioctl", "the device is not bound", other, attach, always(einval)},

    failure_row{"IF-14", "iopt_map_pages", "empty, or not a multiple of the domains' pages", other, map,
                always(einval)},
    failure_row{"IF-15", "iopt_map_pages", "beyond the last address", other, map, always(eoverflow)},
    failure_row{"IF-16", "iopt_check_iova", "in a reserved region, or outside of an aperture", other, map,
                always(einval)},
    failure_row{"IF-17", "iopt_check_iova", "there is a mapping already", other, map, always(eexist)},
    failure_row{"IF-18", "iopt_alloc_area", "no memory to note the mapping", memory, map, always(enomem)},
    failure_row{"IF-19", "iopt_pages_update_pinned", "more than the user may lock (RLIMIT_MEMLOCK)", memory, map,
                always(enomem)},
    failure_row{"IF-20", "iopt_insert_area", "to be written, but the pages are read-only", other, map, always(eperm)},
    failure_row{"IF-21", "iopt_unmap_iova_range", "part of a mapping only", other, map, always(enoent)},
    failure_row{"IF-22", "iommufd_ioas_unmap", "nothing is mapped there", other, map, always(enoent)},
    failure_row{"IF-23", "iopt_get_pages", "not all of the source is mapped", other, map, always(enoent)},
};

constexpr injection_point points[] = {
    {"iommufd.msi_cookie.alloc", "memory to note where doorbells are mapped", enomem},
    {"iommufd.area.alloc", "memory to note a mapping of an IOAS", enomem},
};

} // namespace

std::span<const failure_row> failures() {
    return table;
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &not_coherent = table[0], &no_group = table[1], &cannot_enforce_coherency = table[2],
                  &reserved_conflict = table[3], &unsafe_interrupts = table[4], &msi_memory = table[5],
                  &no_domain = table[6], &large_pages = table[7], &aperture_conflict = table[8],
                  &alignment_conflict = table[9], &attached_already = table[10], &not_attached = table[11],
                  &not_bound = table[12];
const failure_row &map_unaligned = table[13], &map_overflow = table[14], &map_reserved = table[15],
                  &map_overlaps = table[16], &map_memory = table[17], &map_locked = table[18],
                  &map_read_only = table[19], &unmap_splits = table[20], &unmap_nothing = table[21],
                  &copy_nothing = table[22];
} // namespace row

} // namespace iommulab::sw::iommufd
