// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/failures.h"

namespace iommulab::sw::intel {
namespace {

using namespace failure_terms;
using enum kernel_version;
constexpr failure_outcome einval_two_lines{einval, E, disposition::returned, 2}; // the second: RID2PASID
/// A failed check of the kernel's own (WARN_ON), and the caller's line.
constexpr failure_outcome warned(linux_errno number) {
    return {number, E, disposition::returned, 1, 1};
}
constexpr const char* no_common_level = "units that agree on no level of tables fail the audit (V-P4): VT-d is off";

constexpr failure_table table({
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
     always(einval, E), "", no_common_level},
    {"V-10", "intel_pasid_setup_first_level", "first level tables, which the unit does not have", failure_class::device,
     attach, always(einval_two_lines), "", no_common_level},
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
    {"V-16", "intel_pasid_setup_second_level", "the PASID table entry is in use", busy, attach,
     only_in({v6_1}, {ebusy, E})},
    {"V-17", "domain_context_mapping_one", "no memory for a context table", memory, attach, always(enomem, E)},
    {"V-18", "domain_context_mapping_one", "a table is missing where upper levels are skipped", other, attach,
     always(enomem, E), "", "the domain has just lost the levels that the unit does not have"},
    {"V-19", "domain_context_mapping_one", "the context entry is in use: it stays, and attach claims success", other,
     attach, only_in({v6_0, v6_1}, {none, log_level::none, disposition::swallowed})},
    // Linux 6.0 makes the table at the attach, later ones when they probe the device.
    {"V-20", "intel_pasid_alloc_table", "the device is not a PCI device", failure_class::device, attach,
     at_probe_from(v6_1, changed(warned(einval), warned(enodev))), "P4"},
    {"V-21", "intel_pasid_alloc_table", "the device has a PASID table already", other, attach,
     at_probe_from(v6_1, changed(warned(einval), warned(eexist))), "P4"},
    {"V-22", "intel_pasid_alloc_table", "no memory for a PASID directory", memory, attach,
     at_probe_from(v6_1, always(enomem, E))},

    {"V-P1", "intel_iommu_probe_device", "the device is behind no remapping unit", failure_class::device, probe,
     always(enodev)},
    {"V-P2", "map_iommu", "the registers read as all ones", failure_class::device, probe, always(einval, W)},
    {"V-P3", "alloc_iommu", "no address width that the driver uses", failure_class::device, probe, always(enodev, E)},
    {"V-P4", "cap_audit_static", "scalable mode, and no level of tables that all units have: VT-d stays off",
     failure_class::device, probe, always(eopnotsupp)},
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
});

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
    return table.rows();
}
std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &rmrr_locked = table["V-1"], &no_unit = table["V-2"], &snoop_not_forced = table["V-3"],
                  &too_narrow = table["V-4"], &domain_info = table["V-5"], &no_domain_id = table["V-6"],
                  &domain_slot = table["V-7"], &first_level_skip = table["V-8"], &first_level_levels = table["V-9"],
                  &no_first_level = table["V-10"], &no_supervisor = table["V-11"], &no_five_levels = table["V-12"],
                  &no_second_level = table["V-13"], &second_level_skip = table["V-14"], &no_pasid_entry = table["V-15"],
                  &pasid_entry_present = table["V-16"], &context_table = table["V-17"], &context_skip = table["V-18"],
                  &context_present = table["V-19"];
const failure_row &pasid_table_no_pci = table["V-20"], &pasid_table_there = table["V-21"],
                  &pasid_table_memory = table["V-22"], &foreign_device = table["V-P1"];
const failure_row &all_ones = table["V-P2"], &no_address_width = table["V-P3"], &no_stage = table["V-P4"],
                  &root_memory = table["V-P5"], &queue_memory = table["V-P6"];
const failure_row &map_too_wide = table["V-M1"], &map_no_permission = table["V-M2"], &map_page_size = table["V-M3"],
                  &map_memory = table["V-M4"], &map_occupied = table["V-M5"], &unmap_too_wide = table["V-M6"];
} // namespace row

} // namespace iommulab::sw::intel
