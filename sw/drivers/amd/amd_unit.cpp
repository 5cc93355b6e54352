// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/amd/amd_unit.h"

#include "models/amd_vi/spec/events.h"
#include "models/amd_vi/spec/registers.h"
#include "sw/drivers/amd/failures.h"
#include "sw/drivers/amd/layout.h"

#include <fmt/format.h>

namespace iommulab::sw::amd {

using namespace iommulab::amd_vi;

amd_unit::amd_unit(kernel& k, iommu_driver& driver, const instance_firmware& firmware, std::uint64_t features,
                   device_table& devices)
    : instance(driver, firmware), kernel_(k), features_(features), devices_(devices), commands_(k, this->firmware()) {}

amd_unit::~amd_unit() {
    if (!kernel_.powered())
        return;
    if (enabled_) {
        for (const bit_field& field : {control::CmdBufEn, control::EventIntEn, control::EventLogEn, control::IommuEn})
            set_control(field, 0);
        kernel_.free_interrupts(name());
    }
    if (event_log_ != 0)
        kernel_.machine().release(event_log_, ring_bytes);
}

std::uint64_t amd_unit::read32(std::uint32_t offset) {
    return kernel_.machine().mmio_read(firmware().base + offset, 4);
}
void amd_unit::write32(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, 4);
}
void amd_unit::write64(std::uint32_t offset, std::uint64_t value) {
    kernel_.machine().mmio_write(firmware().base + offset, value, 8);
}

void amd_unit::set_control(const bit_field& field, std::uint64_t value) {
    const std::uint64_t old = kernel_.machine().mmio_read(firmware().base + reg::Control.offset, 8);
    write64(reg::Control.offset, field.put(old, value));
}

void amd_unit::flush_everything() {
    if (feature(extended_feature::IASup)) {
        commands_.queue(commands::invalidate_all());
        commands_.wait();
        return;
    }
    for (std::uint32_t id = 0; id <= devices_.last(); ++id)
        commands_.queue(commands::invalidate_device(static_cast<std::uint16_t>(id)));
    commands_.wait();
    for (std::uint32_t id = 0; id <= devices_.last(); ++id) // Linux takes the last device id for the last domain id
        commands_.queue(commands::invalidate_pages(static_cast<std::uint16_t>(id), 0, ~std::uint64_t{0}, true));
    commands_.wait();
}

void amd_unit::set_up_interrupt() {
    const bool message = firmware().msi_doorbell && feature(extended_feature::MsiCapMmioSup);
    const int line = message ? firmware().msi_first_line : firmware().interrupt("iommu");
    if (line < 0) {
        kernel_.say(log_level::warning, name(), "no interrupt");
        return;
    }
    kernel_.request_interrupt(line, name(), [this] { handle_interrupt(); });
    if (message) {
        write32(reg::MSIAddressLow.offset, *firmware().msi_doorbell & 0xffffffff);
        write32(reg::MSIAddressHigh.offset, *firmware().msi_doorbell >> 32);
        write32(reg::MSIData.offset, static_cast<std::uint64_t>(line));
        write32(reg::MSICapabilityHeader.offset, msi_capability::MsiEn.put(read32(reg::MSICapabilityHeader.offset), 1));
    }
    set_control(control::EventIntEn, 1);
}

result<void> amd_unit::start() {
    event_log_ = kernel_.allocate("amd.event_log.alloc", ring_bytes, ring_bytes, firmware().node, memory_kind::cached);
    if (event_log_ == 0 || !commands_.allocate())
        return kernel_.fail(row::log_memory, name());

    set_control(control::IommuEn, 0);
    for (const bit_field& field : {control::HtTunEn, control::PassPW, control::ResPassPW, control::Isoc})
        set_control(field, 0); // no flag of IVHD asks for them
    set_control(control::Coherent, 1);
    set_control(control::InvTimeOut, invalidation_timeout_1s);
    write64(reg::DeviceTableBase.offset, devices_.base_register());
    write64(reg::CommandBufferBase.offset, commands_.base_register());
    set_control(control::CmdBufEn, 0);
    write32(reg::CommandBufferHead.offset, 0);
    write32(reg::CommandBufferTail.offset, 0);
    commands_.reset();
    set_control(control::CmdBufEn, 1);
    write64(reg::EventLogBase.offset, ring_base::Base.put(ring_base::Len.make(ring_log2_entries), event_log_));
    write32(reg::EventLogHead.offset, 0);
    write32(reg::EventLogTail.offset, 0);
    set_control(control::EventLogEn, 1);
    set_control(control::IommuEn, 1);
    enabled_ = true;
    flush_everything();
    if (feature(extended_feature::GTSup))
        set_control(control::GTEn, 1);
    set_up_interrupt();
    kernel_.say(log_level::info, name(), fmt::format("extended features {:#x}", features_));
    return {};
}

void amd_unit::report_event(const std::array<std::uint64_t, 2>& words) {
    ++counted_.events;
    const event_report report{kernel_.machine().now_ns(), this, words};
    if (event_handler_ && event_handler_(report))
        return;
    if (event_limit_.allows(report.time_ns))
        kernel_.say(log_level::error, name(), "event: " + describe_event(words));
}

void amd_unit::poll_events() {
    cpu& machine = kernel_.machine();
    auto head = static_cast<std::uint32_t>(read32(reg::EventLogHead.offset)) % ring_bytes;
    const auto tail = static_cast<std::uint32_t>(read32(reg::EventLogTail.offset)) % ring_bytes;
    while (head != tail) {
        const std::uint64_t at = event_log_ + head;
        // An interrupt may come before the event: hardware has been seen to do that.
        for (unsigned look = 0; record::EventCode.of(machine.read(at, 8)) == 0 && look < loop_timeout; ++look)
            machine.delay_ns(1'000);
        report_event({machine.read(at, 8), machine.read(at + 8, 8)});
        machine.zero(at, ring_entry_bytes);
        head = (head + ring_entry_bytes) % ring_bytes;
    }
    write32(reg::EventLogHead.offset, head);
}

void amd_unit::handle_interrupt() {
    const std::uint64_t wanted = status::EventLogInt.make(1) | status::EventOverflow.make(1);
    for (std::uint64_t now = read32(reg::Status.offset); (now & wanted) != 0; now = read32(reg::Status.offset)) {
        write32(reg::Status.offset, wanted); // before the events are read: those that come meanwhile ask again
        if (status::EventLogInt.of(now))
            poll_events();
        if (status::EventOverflow.of(now)) {
            ++counted_.overflows;
            kernel_.say(log_level::info, name(), "event log overflow: events were lost");
            set_control(control::EventLogEn, 0);
            set_control(control::EventLogEn, 1);
        }
    }
}

} // namespace iommulab::sw::amd
