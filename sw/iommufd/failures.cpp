// SPDX-License-Identifier: Apache-2.0
#include "sw/iommufd/failures.h"

namespace iommulab::sw::iommufd {
namespace {

using namespace failure_terms;

constexpr failure_table table({
    {"IF-1", "iommufd_device_bind", "the IOMMU does not keep the device's DMA coherent", device, attach,
     always(einval)},
    {"IF-2", "iommufd_device_bind", "the device is in no group", device, attach, always(enodev)},
    {"IF-3", "iommufd_device_do_attach", "the device's DMA must snoop, and the domain cannot make it", incompatible,
     attach, always(einval)},
    {"IF-4", "iopt_table_enforce_group_resv_regions", "a mapping covers a reserved region", incompatible, attach,
     always(eaddrinuse)},
    {"IF-5", "iommufd_device_setup_msi", "interrupts of devices cannot be kept apart", other, attach, always(eperm)},
    {"IF-6", "iommu_get_msi_cookie", "no memory to note where doorbells are mapped", memory, attach, always(enomem)},
    {"IF-7", "iommufd_hw_pagetable_alloc", "no domain is to be had", memory, attach, always(enomem)},
    {"IF-8", "iopt_table_add_domain", "the domain's smallest page is larger than the CPU's", incompatible, attach,
     always(einval)},
    {"IF-9", "iopt_table_add_domain", "a mapping lies outside of the domain's aperture", incompatible, attach,
     always(eaddrinuse)},
    {"IF-10", "iopt_check_iova_alignment", "a mapping is not a multiple of the domain's pages", incompatible, attach,
     always(eaddrinuse)},
    // Linux 6.2 to 6.5 have no test of their own for the next one: the core refuses the group's second domain (C-4).
    {"IF-11", "iommufd_device_do_attach", "the device is attached already", busy, attach, always(ebusy)},
    {"IF-12", "iommufd_device_do_replace", "there is nothing to replace", other, attach, always(einval)},
    {"IF-13", "vfio_device_fops_unl_ioctl", "the device is not bound", other, attach, always(einval)},

    {"IF-14", "iopt_map_pages", "empty, or not a multiple of the domains' pages, the source included", other, map,
     always(einval)},
    {"IF-15", "iopt_map_pages", "beyond the last address", other, map, always(eoverflow)},
    {"IF-16", "iopt_check_iova", "in a reserved region, or outside of an aperture", other, map, always(einval)},
    {"IF-17", "iopt_check_iova", "there is a mapping already", other, map, always(eexist)},
    {"IF-18", "iopt_alloc_area", "no memory to note the mapping", memory, map, always(enomem)},
    {"IF-19", "iopt_pages_update_pinned", "more than the user may lock (RLIMIT_MEMLOCK)", memory, map, always(enomem)},
    {"IF-20", "iopt_insert_area", "to be written, but the pages are read-only", other, map, always(eperm)},
    {"IF-21", "iopt_unmap_iova_range", "part of a mapping only", other, map, always(enoent)},
    {"IF-22", "iommufd_ioas_unmap", "nothing is mapped there", other, map, always(enoent)},
    {"IF-23", "iopt_get_pages", "not all of the source is mapped", other, map, always(enoent)},
    {"IF-24", "iopt_unmap_iova", "0 bytes", other, map, always(einval)},
    {"IF-25", "iopt_get_pages", "0 bytes of the source", other, map, always(einval)},
});

constexpr injection_point points[] = {
    {"iommufd.msi_cookie.alloc", "memory to note where doorbells are mapped", enomem},
    {"iommufd.area.alloc", "memory to note a mapping of an IOAS", enomem},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &not_coherent = table["IF-1"], &no_group = table["IF-2"], &cannot_enforce_coherency = table["IF-3"],
                  &reserved_conflict = table["IF-4"], &unsafe_interrupts = table["IF-5"], &msi_memory = table["IF-6"],
                  &no_domain = table["IF-7"], &large_pages = table["IF-8"], &aperture_conflict = table["IF-9"],
                  &alignment_conflict = table["IF-10"], &attached_already = table["IF-11"],
                  &not_attached = table["IF-12"], &not_bound = table["IF-13"];
const failure_row &map_unaligned = table["IF-14"], &map_overflow = table["IF-15"], &map_reserved = table["IF-16"],
                  &map_overlaps = table["IF-17"], &map_memory = table["IF-18"], &map_locked = table["IF-19"],
                  &map_read_only = table["IF-20"], &unmap_splits = table["IF-21"], &unmap_nothing = table["IF-22"],
                  &copy_nothing = table["IF-23"], &unmap_empty = table["IF-24"], &copy_empty = table["IF-25"];
} // namespace row

} // namespace iommulab::sw::iommufd
