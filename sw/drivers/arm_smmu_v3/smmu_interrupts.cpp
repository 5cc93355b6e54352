// SPDX-License-Identifier: Apache-2.0
// What the driver does when the SMMU calls: events, page requests, global errors.
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"
#include "sw/drivers/arm_smmu_v3/smmu.h"

#include <fmt/format.h>

#include <mutex>

namespace iommulab::sw::arm_smmu_v3 {

using namespace iommulab::smmu_v3;

void smmu::report_event(const std::array<std::uint64_t, 4>& words) {
    ++counted_.events;
    fault_report report{kernel_.machine().now_ns(), this, nullptr, words};
    const auto sid = static_cast<std::uint32_t>(record::StreamID.of(words));
    {
        const std::lock_guard held(streams_lock_);
        if (const auto place = masters_.find(sid); place != masters_.end())
            report.dev = &place->second->dev;
    }
    if (fault_handler_ && fault_handler_(report))
        return;
    const auto id = static_cast<event>(record::EventID.of(words));
    const bool page_fault = id >= event::F_TRANSLATION && id <= event::F_PERMISSION;
    if (page_fault && report.dev && !record::S2.of(words) && record::Stall.of(words)) // nobody cares: end the access
        cmdq_.issue(
            commands::resume(sid, static_cast<unsigned>(record::STAG.of(words)), commands::resume_action::abort),
            false);
    if (event_limit_.allows(report.time_ns))
        kernel_.say(log_level::info, name(),
                    fmt::format("event {:#04x}: {}", static_cast<unsigned>(id), describe_event(words)));
}

void smmu::handle_events() {
    std::array<std::uint64_t, 4> words{};
    do {
        while (evtq_.remove(words))
            report_event(words);
        if (!evtq_.refresh()) {
            ++counted_.events_lost;
            kernel_.say(log_level::error, name(), "event queue overflow: events were lost");
        }
    } while (!evtq_.empty());
    evtq_.acknowledge_overflow();
}

void smmu::handle_page_requests() {
    if (!features_.pri)
        return;
    // Arm IHI 0070, 8.1: the fields of a page request.
    constexpr bit_field StreamID{"StreamID", 0, 32}, SubstreamID{"SubstreamID", 32, 20}, Last{"Last", 62, 1},
        SSV{"SSV", 63, 1}, PRGIndex{"PRGIndex", 64, 9};
    std::array<std::uint64_t, 4> words{};
    do {
        while (priq_.remove(words)) {
            ++counted_.page_requests;
            kernel_.say(log_level::info, name(),
                        fmt::format("page request of StreamID {:#x} refused, page {:#x}", StreamID.of(words),
                                    words[1] & ~std::uint64_t{0xfff}));
            if (Last.of(words))
                cmdq_.issue(commands::pri_resp_deny(static_cast<std::uint32_t>(StreamID.of(words)), SSV.of(words) != 0,
                                                    static_cast<std::uint32_t>(SubstreamID.of(words)),
                                                    static_cast<unsigned>(PRGIndex.of(words))),
                            false);
        }
        if (!priq_.refresh())
            kernel_.say(log_level::error, name(), "PRI queue overflow: requests were lost");
    } while (!priq_.empty());
    priq_.acknowledge_overflow();
}

void smmu::handle_global_errors() {
    const std::uint64_t raised = read32(reg::GERROR.offset);
    const std::uint64_t active = raised ^ read32(reg::GERRORN.offset);
    if (active == 0)
        return;
    ++counted_.global_errors;
    kernel_.say(log_level::warning, name(), fmt::format("global errors {:#x}", active));
    const auto complain = [&](const bit_field& field, log_level level, const char* what) {
        if (field.of(active))
            kernel_.say(level, name(), what);
    };
    complain(gerror::SFM_ERR, log_level::error, "is in service failure mode");
    if (gerror::SFM_ERR.of(active))
        static_cast<void>(write_acknowledged(reg::CR0.offset, reg::CR0ACK.offset, 0));
    complain(gerror::MSI_GERROR_ABT_ERR, log_level::warning, "the GERROR message was aborted");
    complain(gerror::MSI_PRIQ_ABT_ERR, log_level::warning, "the PRI queue's message was aborted");
    complain(gerror::MSI_EVENTQ_ABT_ERR, log_level::warning, "the event queue's message was aborted");
    complain(gerror::MSI_CMDQ_ABT_ERR, log_level::warning, "the command queue's message was aborted");
    complain(gerror::PRIQ_ABT_ERR, log_level::error, "a write to the PRI queue was aborted");
    complain(gerror::EVENTQ_ABT_ERR, log_level::error, "a write to the event queue was aborted");
    if (gerror::CMDQ_ERR.of(active))
        cmdq_.skip_refused();
    write32(reg::GERRORN.offset, raised);
}

} // namespace iommulab::sw::arm_smmu_v3
