// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_smmu_v3/failures.h"

#include "sw/drivers/arm_lpae/failures.h"

#include <vector>

namespace iommulab::sw::arm_smmu_v3 {
namespace {

using namespace failure_terms;

constexpr failure_table table({
    {"S3-1", "arm_smmu_attach_dev", "the device has no firmware spec, as one that is behind no SMMUv3",
     failure_class::device, attach, always(enoent)},
    {"S3-2", "arm_smmu_attach_dev", "shared virtual addressing is on for the device; the old domain survives", busy,
     attach, always(ebusy, E)},
    {"S3-3", "arm_smmu_attach_dev", "the domain belongs to another SMMU", incompatible, attach,
     changed({enxio, E}, {emediumtype}, {einval}), "P5"},
    {"S3-4", "arm_smmu_attach_dev", "stage 1: the device's SubstreamID bits are not those of the domain's table",
     incompatible, attach, changed({einval, E}, {emediumtype}, {einval}), "P5"},
    {"S3-5", "arm_smmu_attach_dev", "stage 1: the device stalls and the domain does not, or the reverse", incompatible,
     attach, changed({einval, E}, {emediumtype}, {einval}), "P5"},
    {"S3-6", "arm_smmu_domain_finalise", "a stage that does not exist", other, attach, always(einval), "",
     "the stage is one of stage 1, stage 2 and nested by then"},
    {"S3-7", "arm_smmu_domain_finalise", "no page table: no memory, or no such granule or address size", memory, attach,
     always(enomem)},
    {"S3-8", "arm_smmu_domain_finalise_s1", "no ASID is left; all SMMUs share them", resource, attach, always(ebusy)},
    {"S3-9", "arm_smmu_domain_finalise_s1", "no memory to note the ASID", memory, attach, always(enomem)},
    {"S3-10", "arm_smmu_alloc_cd_tables", "no memory for the array of level 1 context descriptors", memory, attach,
     always(enomem)},
    {"S3-11", "arm_smmu_alloc_cd_tables", "no memory for the context descriptor table; the ASID is lost", memory,
     attach, always(enomem, W)},
    {"S3-12", "arm_smmu_alloc_cd_leaf_table", "no memory for a level 2 context descriptor table", memory, attach,
     always(enomem, W)},
    {"S3-13", "arm_smmu_write_ctx_desc", "a SubstreamID beyond the table", other, attach, always(e2big, W), "",
     "attach uses SubstreamID 0, which every table has"},
    {"S3-14", "arm_smmu_domain_finalise_s2", "no VMID is left on this SMMU", resource, attach, always(enospc)},
    {"S3-15", "arm_smmu_cmdq_issue_cmdlist", "CMD_SYNC is not consumed within a second", other, attach, swallowed(E)},
    {"S3-16", "arm_smmu_enable_ats", "the device refuses to enable ATS", other, attach, swallowed(E)},

    {"S3-P1", "arm_smmu_device_hw_probe", "translation tables are big-endian only, or reserved", failure_class::device,
     probe, always(enxio, E)},
    {"S3-P2", "arm_smmu_device_hw_probe", "neither stage 1 nor stage 2", failure_class::device, probe,
     always(enxio, E)},
    {"S3-P3", "arm_smmu_device_hw_probe", "no AArch64 tables", failure_class::device, probe, always(enxio, E)},
    {"S3-P4", "arm_smmu_device_hw_probe", "tables or queues at fixed places", failure_class::device, probe,
     always(enxio, E)},
    {"S3-P5", "arm_smmu_device_hw_probe", "a command queue of 64 entries or less", failure_class::device, probe,
     always(enxio, E)},
    {"S3-P6", "arm_smmu_init_one_queue", "no memory for a queue, even the smallest", memory, probe, always(enomem, E)},
    {"S3-P7", "arm_smmu_init_strtab", "no memory for the stream table", memory, probe, always(enomem, E)},
    {"S3-P8", "arm_smmu_device_reset", "CR0 is not acknowledged within a second", failure_class::device, probe,
     always({etimedout, E})},
    {"S3-P9", "arm_smmu_device_probe", "the register space is too small", failure_class::device, probe,
     always(einval, E)},
    {"S3-P10", "arm_smmu_setup_irqs", "IRQ_CTRL is not acknowledged within a second", other, probe, swallowed(W)},
    {"S3-P11", "arm_smmu_probe_device", "the device is not behind an SMMUv3", failure_class::device, probe,
     always(enodev)},
    {"S3-P12", "arm_smmu_init_sid_strtab", "a StreamID beyond the stream table", failure_class::device, probe,
     always(erange)},
    {"S3-P13", "arm_smmu_init_l2_strtab", "no memory for a level 2 stream table", memory, probe, always(enomem, E)},
    {"S3-P14", "arm_smmu_insert_master", "another device has the StreamID", failure_class::device, probe,
     always(einval, W)},

    {"S3-M1", "arm_smmu_map_pages", "the domain was never attached", failure_class::device, map, always(enodev)},
    {"S3-F1", "arm_smmu_enable_nesting", "the domain was attached already", busy, feature, always(eperm)},
    {"S3-F2", "arm_smmu_dev_enable_feature", "no such feature", failure_class::device, feature, always(einval)},
    {"S3-F3", "arm_smmu_dev_enable_feature", "the SMMU or the device cannot", failure_class::device, feature,
     always(einval)},
    {"S3-F4", "arm_smmu_dev_enable_feature", "it is on already", busy, feature, always(ebusy)},
    {"S3-F5", "arm_smmu_dev_disable_feature", "it is not on", other, feature, always(einval)},
    {"S3-F6", "arm_smmu_dev_disable_feature", "page faults are wanted for shared virtual addressing", busy, feature,
     always(ebusy)},
    {"S3-R1", "arm_smmu_cmdq_issue_cmdlist", "the command queue stays full for a second; it waits on", other, runtime,
     swallowed(E)},
});

constexpr injection_point points[] = {
    {"smmu_v3.asid.node", "memory to note an ASID", enomem},
    {"smmu_v3.cd_l1_descriptors.alloc", "memory for the array of level 1 context descriptors", enomem},
    {"smmu_v3.cd_table.alloc", "memory for a context descriptor table", enomem},
    {"smmu_v3.cd_leaf.alloc", "memory for a level 2 context descriptor table", enomem},
    {"smmu_v3.domain.alloc", "memory for a domain", enomem},
    {"smmu_v3.queue.alloc", "memory for a queue", enomem},
    {"smmu_v3.stream_table.alloc", "memory for the stream table", enomem},
    {"smmu_v3.stream_table_l2.alloc", "memory for a level 2 stream table", enomem},
    {.name = "smmu_v3.cmdq.doorbell",
     .text = "the SMMU consumes no command from a write of CMDQ_PROD until the next one",
     .by_hardware = true},
    {"smmu_v3.foreign_smmu.success",
     "a domain of another SMMU is refused with success (a regression that Linux once had)"},
    {"smmu_v3.ats.enable", "the device refuses to enable ATS", eio},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}

std::span<const injection_point> injection_points() {
    static const std::vector<injection_point> all = [] {
        std::vector<injection_point> list(std::begin(points), std::end(points));
        const auto shared = arm_lpae::injection_points();
        list.insert(list.end(), shared.begin(), shared.end());
        return list;
    }();
    return all;
}

namespace row {
const failure_row &no_spec = table["S3-1"], &sva_enabled = table["S3-2"], &foreign_smmu = table["S3-3"],
                  &ssid_bits_differ = table["S3-4"], &stall_differs = table["S3-5"], &impossible_stage = table["S3-6"],
                  &no_page_table = table["S3-7"], &no_asid = table["S3-8"], &asid_node = table["S3-9"],
                  &cd_l1_descriptors = table["S3-10"], &cd_table = table["S3-11"], &cd_leaf = table["S3-12"],
                  &cd_ssid_range = table["S3-13"], &no_vmid = table["S3-14"], &sync_timeout = table["S3-15"],
                  &ats_refused = table["S3-16"];
const failure_row &endianness = table["S3-P1"], &no_translation = table["S3-P2"], &no_aarch64 = table["S3-P3"],
                  &embedded = table["S3-P4"], &small_queue = table["S3-P5"], &queue_memory = table["S3-P6"],
                  &stream_table_memory = table["S3-P7"], &no_acknowledge = table["S3-P8"],
                  &small_region = table["S3-P9"], &interrupts_off = table["S3-P10"];
const failure_row &foreign_device = table["S3-P11"], &stream_range = table["S3-P12"],
                  &l2_stream_table_memory = table["S3-P13"], &stream_taken = table["S3-P14"];
const failure_row &map_unattached = table["S3-M1"], &nesting_late = table["S3-F1"], &feature_unknown = table["S3-F2"],
                  &feature_unsupported = table["S3-F3"], &feature_twice = table["S3-F4"],
                  &feature_not_on = table["S3-F5"], &feature_in_use = table["S3-F6"],
                  &queue_full_timeout = table["S3-R1"];
} // namespace row

} // namespace iommulab::sw::arm_smmu_v3
