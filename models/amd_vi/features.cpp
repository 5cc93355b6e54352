// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/features.h"

#include "models/amd_vi/spec/registers.h"

#include <algorithm>
#include <array>
#include <vector>

namespace iommulab::amd_vi {

namespace ef = extended_feature;

namespace {

constexpr unsigned most_guest_levels = 5; // x86-64: PML5
constexpr unsigned most_pasid_bits = 20;  // PCIe

} // namespace

features features::of(std::uint64_t r) {
    const auto has = [r](const bit_field& f) { return f.of(r) != 0; };
    features f{
        .prefetch = has(ef::PreFSup),
        .ppr = has(ef::PPRSup),
        .nx = has(ef::NXSup),
        .gt = has(ef::GTSup),
        .invalidate_all = has(ef::IASup),
        .hardware_events = has(ef::HESup),
        .user_supervisor = has(ef::USSup),
        .msi_in_mmio = has(ef::MsiCapMmioSup),
        .guest_io = has(ef::GIoSup),
        .host_levels = ef::levels_of_0 + static_cast<unsigned>(ef::HATS.of(r)),
        .guest_levels = std::min(ef::levels_of_0 + static_cast<unsigned>(ef::GATS.of(r)), most_guest_levels),
        .gcr3_levels = static_cast<unsigned>(ef::GLXSup.of(r)) + 1,
        .pasid_bits = std::min(static_cast<unsigned>(ef::PASmax.of(r)) + 1, most_pasid_bits),
    };
    // bits whose features are always there, or that change nothing that is modelled (the attributes of accesses)
    std::vector<bit_field> settable{control::IommuEn,    control::HtTunEn,      control::EventLogEn,
                                    control::EventIntEn, control::ComWaitIntEn, control::InvTimeOut,
                                    control::PassPW,     control::ResPassPW,    control::Coherent,
                                    control::Isoc,       control::CmdBufEn};
    const auto with = [&settable](bool there, std::initializer_list<bit_field> fields) {
        if (there)
            settable.insert(settable.end(), fields);
    };
    with(f.ppr, {control::PPRLogEn, control::PPRIntEn, control::PPREn});
    with(f.gt, {control::GTEn, control::GDUpdateDis});
    with(has(ef::GASup), {control::GAEn});
    with(has(ef::XTSup), {control::XTEn, control::IntCapXTEn});
    for (const bit_field& field : settable)
        f.control_bits |= field.make(field.mask());
    return f;
}

std::string complaint_about(std::uint64_t r) {
    const std::array left_out{ef::PCSup,
                              ef::SmiFSup,
                              ef::GAMSup,
                              ef::DualPPRLogSup,
                              ef::DualEventLogSup,
                              ef::DevTblSegSup,
                              ef::PPROvrflwEarlySup,
                              ef::PPRAutoRspSup,
                              ef::MarcSup,
                              ef::BlkStopMrkSup,
                              ef::PerfOptSup,
                              ef::HASup,
                              ef::EPHSup,
                              ef::AttrFWSup,
                              ef::HDSup,
                              ef::InvIotlbTypeSup,
                              ef::GAUpdateDisSup,
                              ef::ForcePhyDestSup,
                              ef::SNPSup};
    for (const bit_field& f : left_out)
        if (f.of(r))
            return std::string("ExtendedFeature.") + f.name + ": found " + std::to_string(f.of(r)) +
                   ", expected 0: this model does not have it";
    if (ef::HATS.of(r) == 3 || ef::GATS.of(r) == 3 || ef::GLXSup.of(r) == 3)
        return "ExtendedFeature: a reserved value of HATS, GATS or GLXSup";
    if (ef::PASmax.of(r) >= most_pasid_bits)
        return "ExtendedFeature.PASmax: found " + std::to_string(ef::PASmax.of(r)) + ", expected at most 19";
    return {};
}

} // namespace iommulab::amd_vi
