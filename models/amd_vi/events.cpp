// SPDX-License-Identifier: Apache-2.0
// The event log, the page request log and interrupts: publication 48882, 2.5 (event log), 2.6 (PPR log), 3.4.9 to
// 3.4.11 (hardware events), 3.4.15 (status).
#include "models/amd_vi/amd_vi.h"
#include "models/amd_vi/faults.h"

#include <array>
#include <optional>
#include <tuple>

namespace iommulab::amd_vi {

namespace {

/// Reasons to interrupt, as bits.
enum : unsigned { for_events = 1, for_completion = 2, for_page_requests = 4 };

std::array<std::uint64_t, 8> entry_of(const page_request_message& m) {
    namespace pr = page_request;
    std::array<std::uint64_t, 8> w{};
    pr::PPRCode.put(w, pr::PAGE_SERVICE_REQUEST);
    pr::DeviceID.put(w, m.source_id);
    pr::Tag.put(w, m.tag);
    pr::NX.put(w, m.execute);
    pr::Read.put(w, m.read);
    pr::Write.put(w, m.write);
    pr::User.put(w, !m.privileged);
    if (m.has_pasid) {
        pr::GN.put(w, 1);
        pr::PASID_15_0.put(w, m.pasid);
        pr::PASID_19_16.put(w, m.pasid >> 16);
    }
    w[1] = pr::Address.of(m.address);
    return w;
}

} // namespace

void amd_iommu::report(const access&, const fault& f, std::uint32_t) {
    if (!f.recorded)
        return;
    events_.push_back(f);
    kick_events();
}

void amd_iommu::kick_events() {
    if (writing_ || events_.empty())
        return;
    writing_ = true;
    events_probe_.set(1, clock().now_ps());
    spawn<amd_iommu, &amd_iommu::write_events>();
}

walk<void> amd_iommu::write_events(walk_context& context) {
    while (!events_.empty()) {
        const fault f = events_.front();
        events_.pop_front();
        co_await context.pass(time_part::fault_report, own_.event_cycles);
        walk<void> write = write_event(context, f);
        co_await write;
    }
    writing_ = false;
    events_probe_.set(0, clock().now_ps());
}

walk<void> amd_iommu::write_event(walk_context& context, const fault& f) {
    const std::uint64_t base = bank.get(reg::EventLogBase);
    const plain_ring ring = ring_of(base);
    const std::uint64_t tail = pointer(bank.get(reg::EventLogTail), ring);
    if (!bank.get(reg::Status, status::EventLogRun)) {
        ++counts_.events_lost;
        co_return;
    }
    if (ring.full(pointer(bank.get(reg::EventLogHead), ring),
                  tail)) { // 2.5.1: logging stops until software restarts it
        ++counts_.events_lost;
        bank.set(reg::Status, status::EventLogRun, 0);
        overflow_probe_.pulse(clock().now_ps(), clock().period_ps());
        set_status(status::EventOverflow);
        co_return;
    }
    const bool written =
        co_await context.write_words(time_part::fault_report, ring_base::Base.of(base) + tail, record::bytes, f.words);
    if (!written) {
        ++counts_.events_lost;
        keep_hardware_event(f);
        co_return;
    }
    ++counts_.events;
    bank.set(reg::EventLogTail, ring.next(tail));
    set_status(status::EventLogInt);
}

/// 3.4.9: what the log's memory did not take.
void amd_iommu::keep_hardware_event(const fault& f) {
    if (!features_.hardware_events)
        return;
    if (bank.get(reg::HardwareEventStatus, hardware_event_status::HEV)) {
        bank.set(reg::HardwareEventStatus, hardware_event_status::HEO, 1);
        return;
    }
    bank.set(reg::HardwareEventLower, f.words[0]);
    bank.set(reg::HardwareEventUpper, f.words[1]);
    bank.set(reg::HardwareEventStatus, hardware_event_status::HEV, 1);
}

void amd_iommu::request_page(const page_request_message& request) {
    if (!can_name({.source_id = request.source_id, .pasid = request.pasid, .has_pasid = request.has_pasid})) {
        ++counts_.page_requests_lost;
        return;
    }
    page_requests_.push_back(request);
    if (writing_requests_)
        return;
    writing_requests_ = true;
    spawn<amd_iommu, &amd_iommu::write_page_requests>();
}

walk<void> amd_iommu::write_page_requests(walk_context& context) {
    while (!page_requests_.empty()) {
        const page_request_message m = page_requests_.front();
        page_requests_.pop_front();
        co_await context.pass(time_part::fault_report, own_.event_cycles);
        walk<void> write = write_page_request(context, m);
        co_await write;
    }
    writing_requests_ = false;
}

walk<void> amd_iommu::write_page_request(walk_context& context, const page_request_message& m) {
    access a;
    a.source_id = m.source_id;
    a.address = m.address;
    a.has_pasid = m.has_pasid;
    a.pasid = m.pasid;
    a.write = m.write;
    std::optional<device_configuration> c;
    if (enabled_) {
        c = co_await context.look_up(devices_, configuration_key(m.source_id), time_part::configuration);
        if (!c) {
            c.emplace();
            walk<bool> fetch = find_configuration(context, m.source_id, a, *c);
            const bool found = co_await fetch;
            if (!found) {
                report(a, context.refusal(), 0);
                co_return;
            }
        }
    }
    if (!c || !bank.get(reg::Control, control::PPREn) || !c->page_requests) { // 2.5.10
        report(a, invalid_page_request(a), 0);
        co_return;
    }
    const std::uint64_t base = bank.get(reg::PPRLogBase);
    const plain_ring ring = ring_of(base);
    const std::uint64_t tail = pointer(bank.get(reg::PPRLogTail), ring);
    if (!bank.get(reg::Status, status::PPRLogRun)) {
        ++counts_.page_requests_lost;
        co_return;
    }
    if (ring.full(pointer(bank.get(reg::PPRLogHead), ring), tail)) { // 2.6.1
        ++counts_.page_requests_lost;
        bank.set(reg::Status, status::PPRLogRun, 0);
        set_status(status::PPROverflow);
        co_return;
    }
    const auto words = entry_of(m);
    const bool written = co_await context.write_words(time_part::fault_report, ring_base::Base.of(base) + tail,
                                                      page_request::bytes, words);
    if (!written) {
        ++counts_.page_requests_lost;
        co_return;
    }
    ++counts_.page_requests;
    bank.set(reg::PPRLogTail, ring.next(tail));
    set_status(status::PPRInt);
}

void amd_iommu::set_status(const bit_field& bit) {
    bank.set(reg::Status, bit, 1);
    refresh_interrupts();
}

/// 3.4.15: an interrupt for each enabled reason that comes up.
void amd_iommu::refresh_interrupts() {
    const std::uint64_t enables = bank.get(reg::Control), now = bank.get(reg::Status);
    unsigned up = 0;
    if (control::EventIntEn.of(enables) && (status::EventLogInt.of(now) || status::EventOverflow.of(now)))
        up |= for_events;
    if (control::ComWaitIntEn.of(enables) && status::ComWaitInt.of(now))
        up |= for_completion;
    if (control::PPRIntEn.of(enables) && (status::PPRInt.of(now) || status::PPROverflow.of(now)))
        up |= for_page_requests;
    const unsigned came = up & ~interrupting_;
    interrupting_ = up;
    if (came == 0)
        return;
    if (bank.get(reg::MSICapabilityHeader, msi_capability::MsiEn))
        spawn<amd_iommu, &amd_iommu::send_interrupt>();
    else
        pulse_interrupt(0);
}

walk<void> amd_iommu::send_interrupt(walk_context& context) {
    const std::uint64_t address =
        msi_capability::MsiAddr.of(bank.get(reg::MSIAddressLow)) | bank.get(reg::MSIAddressHigh) << 32;
    std::array<std::uint64_t, 8> words{};
    words[0] = bank.get(reg::MSIData, msi_capability::MsiData);
    ++counts_.messages;
    // a message that nothing takes is lost: there is no place to say so
    std::ignore = co_await context.write_words(time_part::fault_report, address, sizeof(std::uint32_t), words);
}

} // namespace iommulab::amd_vi
