// SPDX-License-Identifier: Apache-2.0
// Fault records, status and events: VT-d specification, "Fault Logging" (primary), "Fault Events", "Invalidation
// Completion Event".
#include "models/vtd/vtd.h"

#include <tuple>

namespace iommulab::vtd {

namespace {

/// What of FSTS asks for the fault event.
constexpr std::uint64_t event_bits = fsts::PFO.make(1) | fsts::PPF.make(1) | fsts::IQE.make(1) | fsts::ICE.make(1) |
                                     fsts::ITE.make(1) | fsts::PRO.make(1);

struct event_registers {
    const register_declaration &control, &data, &address, &upper_address;
};

event_registers registers_of(unit_event e) {
    switch (e) {
    case unit_event::fault:
        return {reg::FECTL, reg::FEDATA, reg::FEADDR, reg::FEUADDR};
    case unit_event::invalidation:
        return {reg::IECTL, reg::IEDATA, reg::IEADDR, reg::IEUADDR};
    case unit_event::page_request:
        break;
    }
    return {reg::PECTL, reg::PEDATA, reg::PEADDR, reg::PEUADDR};
}

} // namespace

void remapping_unit::report(const access&, const fault& f, std::uint32_t /*stall_tag*/) {
    if (!f.recorded)
        return;
    faults_.push_back(f);
    if (recording_)
        return;
    recording_ = true;
    faults_probe_.set(1, clock().now_ps());
    spawn<remapping_unit, &remapping_unit::record_faults>();
}

walk<void> remapping_unit::record_faults(walk_context& context) {
    while (!faults_.empty()) {
        const fault f = faults_.front();
        faults_.pop_front();
        co_await context.pass(time_part::fault_report, own_.fault_cycles);
        record(f);
    }
    recording_ = false;
    faults_probe_.set(0, clock().now_ps());
}

/// While PFO is set nothing is recorded; a fault of a source that has a record pending is collapsed into it; one that
/// finds its register in use is lost and sets PFO.
void remapping_unit::record(const fault& f) {
    if (bank.get(reg::FSTS, fsts::PFO)) {
        ++counts_.faults_lost;
        return;
    }
    const bit_field sid = fault_record::in_half(fault_record::SID);
    for (unsigned n = 0; n < features_.fault_records; ++n)
        if (bank.get(reg::FRCD_HI, fault_record::F_high, n) &&
            bank.get(reg::FRCD_HI, sid, n) == fault_record::SID.of(f.words)) {
            ++counts_.faults_collapsed;
            return;
        }
    if (bank.get(reg::FRCD_HI, fault_record::F_high, next_record_)) {
        ++counts_.faults_lost;
        overflow_probe_.pulse(clock().now_ps(), clock().period_ps());
        raise_fault_status(fsts::PFO);
        return;
    }
    ++counts_.faults_recorded;
    bank.set(reg::FRCD_LO, f.words[0], next_record_);
    bank.set(reg::FRCD_HI, f.words[1], next_record_); // F with the rest: software sees a whole record
    if (!bank.get(reg::FSTS, fsts::PPF))
        bank.set(reg::FSTS, fsts::FRI, next_record_);
    next_record_ = (next_record_ + 1) % features_.fault_records;
    raise_fault_status(fsts::PPF);
}

/// A status makes the fault event when none was set before.
void remapping_unit::raise_fault_status(const bit_field& status) {
    const bool quiet = (bank.get(reg::FSTS) & event_bits) == 0;
    bank.set(reg::FSTS, status, 1);
    if (quiet)
        signal(unit_event::fault);
}

/// PPF says whether a record is pending.
void remapping_unit::write_fault_record() {
    bool pending = false;
    for (unsigned n = 0; n < features_.fault_records; ++n)
        pending |= bank.get(reg::FRCD_HI, fault_record::F_high, n) != 0;
    bank.set(reg::FSTS, fsts::PPF, pending);
    settle_fault_event();
}

void remapping_unit::write_fsts() {
    settle_fault_event();
    if (!bank.get(reg::FSTS, fsts::IQE))
        bank.set(reg::IQERCD, iqercd::IQEI, 0);
    kick_queue();
}

/// Software has served all that the event stands for: it is not pending any more.
void remapping_unit::settle_fault_event() {
    if ((bank.get(reg::FSTS) & event_bits) == 0)
        bank.set(reg::FECTL, event_control::IP, 0);
}

/// A masked event waits in IP for its mask to go.
void remapping_unit::write_control(unit_event e) {
    const register_declaration& control = registers_of(e).control;
    if (bank.get(control, event_control::IM) || !bank.get(control, event_control::IP))
        return;
    bank.set(control, event_control::IP, 0);
    signal(e);
}

void remapping_unit::signal(unit_event e) {
    const register_declaration& control = registers_of(e).control;
    if (bank.get(control, event_control::IM)) {
        bank.set(control, event_control::IP, 1);
        return;
    }
    messages_.push_back(e);
    if (sending_)
        return;
    sending_ = true;
    spawn<remapping_unit, &remapping_unit::send_messages>();
}

walk<void> remapping_unit::send_messages(walk_context& context) {
    while (!messages_.empty()) {
        const unit_event e = messages_.front();
        messages_.pop_front();
        ++counts_.messages;
        const event_registers r = registers_of(e);
        const std::uint64_t address = bank.get(r.address) | bank.get(r.upper_address) << 32;
        if (!own_.doorbell && address >= interrupt_range_first && address <= interrupt_range_last) {
            pulse_interrupt(static_cast<std::size_t>(e));
            continue;
        }
        descriptor_words message{};
        message[0] = bank.get(r.data);
        // a message that nothing takes is lost
        std::ignore = co_await context.write_words(time_part::fault_report, address, 4, message);
    }
    sending_ = false;
}

} // namespace iommulab::vtd
