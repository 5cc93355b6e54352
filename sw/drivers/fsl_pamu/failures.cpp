// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/fsl_pamu/failures.h"

namespace iommulab::sw::fsl_pamu {
namespace {

using namespace failure_terms;

/// What a look-up of an entry that is not there logs: in the look-up, in its caller, and in the caller's caller.
constexpr std::uint8_t look_up_lines = 3;

constexpr failure_table table({
    {"PA-1", "fsl_pamu_attach_device", "the device, or its PCI controller, has no fsl,liodn", failure_class::device,
     attach, changed({einval, D}, {enodev, D}), "P4"},
    {"PA-2", "fsl_pamu_attach_device", "a LIODN beyond the table of 1280", failure_class::device, attach,
     changed({einval, D}, {enodev, D}), "P4"},
    {"PA-3", "pamu_disable_liodn", "no entry for the LIODN: the tables were never made", failure_class::device, attach,
     always({enoent, D, disposition::returned, look_up_lines})},
    {"PA-4", "pamu_config_ppaace", "no entry for the LIODN", failure_class::device, attach,
     always({enoent, D, disposition::returned, 2}), "", "the same look-up has failed just before, as PA-3"},
    {"PA-5", "pamu_config_ppaace", "an operation mapping that the table does not have", failure_class::device, attach,
     changed({einval, D}, {enodev, D}), "P4", "get_ome_index knows valid ones and none"},
    {"PA-6", "pamu_enable_liodn", "no entry for the LIODN", failure_class::device, attach, always(enoent, D), "",
     "the same look-up has succeeded just before"},
    {"PA-6b", "pamu_enable_liodn", "the window is not configured", failure_class::device, attach, always(einval, D), "",
     "it has been configured just before"},
    {"PA-7", "attach_device", "no memory to note the device: the result is not tested", memory, attach,
     always({none, log_level::none, disposition::crashes})},

    {"PA-P1", "fsl_pamu_probe", "the PAMUs have no interrupt: there are no tables, yet the IOMMU stays registered",
     failure_class::device, probe, swallowed(W)},
    {"PA-P2", "fsl_pamu_probe", "no memory for the tables; the IOMMU stays registered", memory, probe, swallowed(E)},
    {"PA-P3", "fsl_pamu_device_group", "a platform device without fsl,liodn", failure_class::device, probe,
     always(enodev)},
    {"PA-P4", "setup_liodns", "a LIODN beyond the table", failure_class::device, probe, swallowed(D)},

    {"PA-F1", "fsl_pamu_configure_l1_stash", "no cache to stash into for this CPU", failure_class::device, feature,
     always(einval, D)},
    {"PA-F2", "pamu_update_paace_stash", "no entry for the LIODN", failure_class::device, feature, always(enoent, D)},
    {"PA-R1", "pamu_av_isr", "an access violation; the LIODN is disabled", other, runtime, swallowed(E)},
    {"PA-R2", "pamu_av_isr", "a violation by a LIODN beyond the table (Linux: BUG_ON)", other, runtime, swallowed(E)},
});

constexpr injection_point points[] = {
    {"pamu.tables.alloc", "memory for the tables", enomem},
    {"pamu.device_info.alloc", "memory to note a device", enomem},
    {"pamu.domain.alloc", "memory for a domain", enomem},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}

std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &no_liodn = table["PA-1"], &liodn_range = table["PA-2"], &no_entry_to_disable = table["PA-3"],
                  &no_entry_to_configure = table["PA-4"], &bad_operation_index = table["PA-5"],
                  &no_entry_to_enable = table["PA-6"], &not_configured = table["PA-6b"], &info_memory = table["PA-7"];
const failure_row &no_interrupt = table["PA-P1"], &table_memory = table["PA-P2"],
                  &device_without_group = table["PA-P3"], &liodn_ignored = table["PA-P4"];
const failure_row &no_stash_id = table["PA-F1"], &no_entry_to_stash = table["PA-F2"],
                  &access_violation = table["PA-R1"], &violation_beyond_table = table["PA-R2"];
} // namespace row

} // namespace iommulab::sw::fsl_pamu
