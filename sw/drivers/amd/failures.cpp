// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/failures.h"

namespace iommulab::sw::amd {
namespace {

using namespace failure_terms;

/// A check that the series removes.
constexpr std::array<failure_outcome, rule_sets> before_the_series(failure_outcome before) {
    return changed(before, {none, log_level::none, disposition::not_checked});
}

constexpr failure_table table({
    {"A-1", "amd_iommu_attach_device", "no IOMMU covers the device", failure_class::device, attach,
     before_the_series({einval}), "P2"},
    {"A-2", "amd_iommu_attach_device", "the device's id names no IOMMU", failure_class::device, attach,
     before_the_series({einval}), "P2", "the check before it (A-1) has looked it up already"},
    {"A-3", "attach_device", "the device is still on a domain", busy, attach, always(ebusy), "",
     "attach has just taken it off"},
    {"A-4", "attach_device", "a domain with PASIDs, version 1 tables, and the default domain is not identity",
     incompatible, attach, changed({einval}, {emediumtype}, {einval})},
    {"A-5", "attach_device", "a domain with PASIDs, and the device refuses to enable PASID, PRI or ATS",
     failure_class::device, attach, always(einval)},
    {"A-6", "attach_device", "the device refuses to enable ATS", other, attach, swallowed(log_level::none)},
    {"A-7", "wait_on_sem", "COMPLETION_WAIT does not store within 100 ms", other, attach, swallowed(A)},

    {"A-P1", "init_iommu_one", "the registers read as all ones", failure_class::device, probe, always(enodev, W)},
    {"A-P2", "init_iommu_one_late", "no memory for the command buffer or a log", memory, probe, always(enomem)},
    {"A-P3", "alloc_dev_table", "no memory for the device table", memory, probe, always(enomem)},
    {"A-P4", "amd_iommu_probe_device", "no IOMMU covers the device", failure_class::device, probe, always(enodev)},
    {"A-P5", "check_device", "a device id beyond the device table", failure_class::device, probe, always(enodev)},

    {"A-M1", "amd_iommu_map_pages", "the domain has no tables", other, map, always(einval)},
    {"A-M2", "iommu_v1_map_pages", "neither readable nor writable", other, map, always(einval)},
    {"A-M3", "iommu_v2_map_pages", "page size not supported, or beyond the tables", other, map, always(einval)},
    {"A-M4", "alloc_pte", "no memory for a table", memory, map, always(enomem)},
    {"A-F1", "amd_iommu_domain_enable_v2", "the domain has devices, or PASIDs already", busy, feature, always(ebusy)},
    {"A-F2", "domain_enable_v2", "more PASIDs than the IOMMUs have levels for", other, feature, always(einval)},
    {"A-F3", "domain_enable_v2", "no memory for the guest CR3 table", memory, feature, always(enomem)},
    {"A-R1", "__iommu_queue_command_sync", "the command buffer stays full for 100 ms", other, runtime, swallowed(E)},
    {"A-R2", "amd_iommu_attach_device", "nobody looked, and there is no device data; Linux stops here", other, runtime,
     always(enodev, E)},
});

constexpr injection_point points[] = {
    {"amd.domain.alloc", "memory for a domain", enomem},
    {"amd.page_table.alloc", "memory for a page table, the root included", enomem},
    {"amd.gcr3_table.alloc", "memory for a guest CR3 table", enomem},
    {"amd.device_table.alloc", "memory for the device table", enomem},
    {"amd.command_buffer.alloc", "memory for a command buffer", enomem},
    {"amd.event_log.alloc", "memory for an event log", enomem},
    {.name = "amd.command_buffer.doorbell",
     .text = "the IOMMU consumes no command from a write of the tail pointer until the next one",
     .by_hardware = true},
    {"amd.pri.enable", "the device refuses to enable PASID, PRI or ATS", eio},
    {"amd.ats.enable", "the device refuses to enable ATS", eio},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}
std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &not_covered = table["A-1"], &no_iommu = table["A-2"], &still_attached = table["A-3"],
                  &default_not_identity = table["A-4"], &pri_refused = table["A-5"], &ats_refused = table["A-6"],
                  &completion_timeout = table["A-7"];
const failure_row &all_ones = table["A-P1"], &log_memory = table["A-P2"], &device_table_memory = table["A-P3"],
                  &foreign_device = table["A-P4"], &device_id_range = table["A-P5"];
const failure_row &map_no_table = table["A-M1"], &map_no_permission = table["A-M2"], &map_page_size = table["A-M3"],
                  &map_memory = table["A-M4"], &pasids_in_use = table["A-F1"], &pasids_too_many = table["A-F2"],
                  &pasids_memory = table["A-F3"], &command_buffer_full = table["A-R1"], &no_device_data = table["A-R2"];
} // namespace row

} // namespace iommulab::sw::amd
