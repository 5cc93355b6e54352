// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/failures.h"

namespace iommulab::sw::intel {
namespace {

using enum linux_errno;
using enum failure_class;
using enum failure_scope;
constexpr auto E = log_level::error, W = log_level::warning;
constexpr failure_outcome einval_two_lines{einval, E, disposition::returned, 2}; // the second: RID2PASID

constexpr failure_row table[] = {
    {"V-1", "intel_iommu_attach_device", "an unmanaged domain, and firmware uses memory of the device (RMRR)",
     failure_class::device, attach, always(eperm, W)},
    {"V-2", "prepare_domain_attach_device", "the device is behind no remapping unit", failure_class::device, attach,
     always(enodev)},
    {"V-3", "prepare_domain_attach_device", "the domain forces snooping, which the device's unit cannot", incompatible,
     attach, changed({eopnotsupp}, {emediumtype}, {einval}), "P5"},
    {"V-4", "prepare_domain_attach_device", "the domain has mappings above what the device's unit can address",
     incompatible, attach, changed({efault, E}, {emediumtype}, {einval}), "P5"},
    {"V-5", "domain_attach_iommu", "no memory to note the unit", memory, attach, always(enomem)},
    {"V-6", "domain_attach_iommu", "no domain id is left on the unit", resource, attach, always(enospc, E)},
    {"V-7", "domain_attach_iommu", "no memory to put the unit among those of the domain", memory, attach,
     always(enomem)},
    {"V-8", "domain_setup_first_level", "a table is missing where upper levels are skipped", other, attach,
     always(enomem, E), "", "the domain has just lost the levels that the unit does not have"},
    {"V-9", "domain_setup_first_level", "first level tables of neither 4 nor 5 levels", failure_class::device, attach,
     always(einval, E)},
    {"V-10", "intel_pasid_setup_first_level", "first level tables, which the unit does not have", failure_class::device,
     attach, always(einval_two_lines)},
    {"V-11", "intel_pasid_setup_first_level", "supervisor requests, which the unit does not have",
     failure_class::device, attach, always(einval, E), "",
     "attach sets up requests without PASID, which are the user's"},
    {"V-12", "intel_pasid_setup_first_level", "first level tables of 5 levels, which the unit does not have",
     incompatible, attach, always(einval_two_lines), "",
     "a unit with first level tables counts 5 levels among its widths only when it has FS5LP"},
    {"V-13", "intel_pasid_setup_second_level", "second level tables, which the unit does not have",
     failure_class::device, attach, always(einval_two_lines)},
    {"V-14", "intel_pasid_setup_second_level", "a table is missing where upper levels are skipped", other, attach,
     always(einval_two_lines), "", "the domain has just lost the levels that the unit does not have"},
    {"V-15", "intel_pasid_setup_second_level", "no PASID table entry, or no memory for it", memory, attach,
     always(enodev, E)},
    {"V-16", "intel_pasid_setup_second_level", "the PASID table entry is in use", busy, attach, always(ebusy, E)},
    {"V-17", "domain_context_mapping_one", "no memory for a context table", memory, attach, always(enomem, E)},
    {"V-18", "domain_context_mapping_one", "a table is missing where upper levels are skipped", other, attach,
     always(enomem, E), "", "the domain has just lost the levels that the unit does not have"},
    {"V-19", "domain_context_mapping_one", "the context entry is in use: it stays, and attach claims success", other,
     attach, swallowed(log_level::none)},

    {"V-20", "intel_pasid_alloc_table", "the device is not a PCI device", failure_class::device, probe,
     changed({einval, W}, {enodev, W}), "P4"},
    {"V-21", "intel_pasid_alloc_table", "the device has a PASID table already", other, probe,
     changed({einval, W}, {eexist, W}), "P4"},
    {"V-22", "intel_pasid_alloc_table", "no memory for a PASID directory", memory, probe, always(enomem, E)},
    {"V-P1", "intel_iommu_probe_device", "the device is behind no remapping unit", failure_class::device, probe,
     always(enodev)},
    {"V-P2", "map_iommu", "the registers read as all ones", failure_class::device, probe, always(einval, W)},
    {"V-P3", "alloc_iommu", "no address width that the driver uses", failure_class::device, probe, always(enodev, E)},
    {"V-P4", "cap_audit_static", "scalable mode with neither first nor second level tables", failure_class::device,
     probe, always(eopnotsupp)},
    {"V-P5", "iommu_alloc_root_entry", "no memory for the root table", memory, probe, always(enomem, E)},
    {"V-P6", "dmar_enable_qi", "no memory for the invalidation queue: registers are used", memory, probe,
     swallowed(log_level::none)},

    {"V-M1", "intel_iommu_map", "above the width of the narrowest unit that the domain met", other, map,
     always(efault, E)},
    {"V-M2", "__domain_mapping", "neither readable nor writable", other, map, always(einval)},
    {"V-M3", "intel_iommu_map_pages", "not a page of 4 KiB, 2 MiB or 1 GiB, or not aligned to it", other, map,
     always(einval)},
    {"V-M4", "__domain_mapping", "no memory for a table", memory, map, always(enomem)},
    {"V-M5", "__domain_mapping", "something is mapped there already: it stays, and map claims success", other, map,
     swallowed(E)},
    {"V-M6", "intel_iommu_unmap", "above the domain's width; Linux stops here", other, map, swallowed(E)},
};

constexpr injection_point points[] = {
    {"intel.domain.alloc", "memory for a domain", enomem},
    {"intel.domain_info.alloc", "memory to note that a domain is on a unit", enomem},
    {"intel.domain_slot.store", "memory to put a unit among those of a domain", enomem},
    {"intel.root_table.alloc", "memory for the root table of a unit", enomem},
    {"intel.context_table.alloc", "memory for a context table", enomem},
    {"intel.invalidation_queue.alloc", "memory for the invalidation queue", enomem},
    {.name = "intel.invalidation_queue.doorbell",
     .text = "the unit fetches no descriptor from a write of the queue's tail until the next one",
     .by_hardware = true},
    {"intel.pasid_directory.alloc", "memory for the PASID directory of a device", enomem},
    {"intel.pasid_table.alloc", "memory for a PASID table", enomem},
    {"intel.page_table.alloc", "memory for a page table, the root included", enomem},
    {"intel.ats.enable", "the device refuses to enable ATS", eio},
};

} // namespace

std::span<const failure_row> failures() {
    return table;
}
std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &rmrr_locked = table[0], &no_unit = table[1], &snoop_not_forced = table[2], &too_narrow = table[3],
                  &domain_info = table[4], &no_domain_id = table[5], &domain_slot = table[6],
                  &first_level_skip = table[7], &first_level_levels = table[8], &no_first_level = table[9],
                  &no_supervisor = table[10], &no_five_levels = table[11], &no_second_level = table[12],
                  &second_level_skip = table[13], &no_pasid_entry = table[14], &pasid_entry_present = table[15],
                  &context_table = table[16], &context_skip = table[17], &context_present = table[18];
const failure_row &pasid_table_no_pci = table[19], &pasid_table_there = table[20], &pasid_table_memory = table[21],
                  &foreign_device = table[22];
const failure_row &all_ones = table[23], &no_address_width = table[24], &no_stage = table[25], &root_memory = table[26],
                  &queue_memory = table[27];
const failure_row &map_too_wide = table[28], &map_no_permission = table[29], &map_page_size = table[30],
                  &map_memory = table[31], &map_occupied = table[32], &unmap_too_wide = table[33];
} // namespace row

} // namespace iommulab::sw::intel
