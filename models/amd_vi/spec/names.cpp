// SPDX-License-Identifier: Apache-2.0
#include "models/core/names.h"

#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/events.h"

namespace iommulab::amd_vi {

namespace {

constexpr code_name<opcode> opcodes[] = {
    {opcode::COMPLETION_WAIT, "COMPLETION_WAIT"},
    {opcode::INVALIDATE_DEVTAB_ENTRY, "INVALIDATE_DEVTAB_ENTRY"},
    {opcode::INVALIDATE_IOMMU_PAGES, "INVALIDATE_IOMMU_PAGES"},
    {opcode::INVALIDATE_IOTLB_PAGES, "INVALIDATE_IOTLB_PAGES"},
    {opcode::INVALIDATE_INTERRUPT_TABLE, "INVALIDATE_INTERRUPT_TABLE"},
    {opcode::PREFETCH_IOMMU_PAGES, "PREFETCH_IOMMU_PAGES"},
    {opcode::COMPLETE_PPR_REQUEST, "COMPLETE_PPR_REQUEST"},
    {opcode::INVALIDATE_IOMMU_ALL, "INVALIDATE_IOMMU_ALL"},
};

} // namespace

const char* name_of(opcode code) {
    return name_in(opcodes, code);
}

namespace {

constexpr code_name<event> events[] = {
    {event::ILLEGAL_DEV_TABLE_ENTRY, "ILLEGAL_DEV_TABLE_ENTRY"},
    {event::IO_PAGE_FAULT, "IO_PAGE_FAULT"},
    {event::DEV_TAB_HARDWARE_ERROR, "DEV_TAB_HARDWARE_ERROR"},
    {event::PAGE_TAB_HARDWARE_ERROR, "PAGE_TAB_HARDWARE_ERROR"},
    {event::ILLEGAL_COMMAND_ERROR, "ILLEGAL_COMMAND_ERROR"},
    {event::COMMAND_HARDWARE_ERROR, "COMMAND_HARDWARE_ERROR"},
    {event::IOTLB_INV_TIMEOUT, "IOTLB_INV_TIMEOUT"},
    {event::INVALID_DEVICE_REQUEST, "INVALID_DEVICE_REQUEST"},
    {event::INVALID_PPR_REQUEST, "INVALID_PPR_REQUEST"},
    {event::EVENT_COUNTER_ZERO, "EVENT_COUNTER_ZERO"},
};

} // namespace

const char* name_of(event e) {
    return name_in(events, e);
}

namespace {

bool has_device(event e) {
    return e != event::ILLEGAL_COMMAND_ERROR && e != event::COMMAND_HARDWARE_ERROR && e != event::EVENT_COUNTER_ZERO;
}

bool has_error_type(event e) {
    return e == event::DEV_TAB_HARDWARE_ERROR || e == event::PAGE_TAB_HARDWARE_ERROR ||
           e == event::COMMAND_HARDWARE_ERROR;
}

} // namespace

std::string describe_event(std::span<const std::uint64_t> words) {
    const auto e = static_cast<event>(record::EventCode.of(words));
    std::string text = name_or_number(name_of(e), "event", static_cast<std::uint64_t>(e));
    if (has_device(e)) {
        text += " DeviceID=" + hexadecimal(record::DeviceID.of(words));
        if (record::GN.of(words))
            text += " PASID=" + hexadecimal(record::PASID_19_16.of(words) << 16 | record::PASID_15_0.of(words));
        else if (e == event::IO_PAGE_FAULT || e == event::PAGE_TAB_HARDWARE_ERROR)
            text += " DomainID=" + hexadecimal(record::DomainID.of(words));
        if (e != event::INVALID_DEVICE_REQUEST && e != event::IOTLB_INV_TIMEOUT)
            text += record::RW.of(words) ? " write" : " read";
    }
    if (has_error_type(e))
        text += " Type=" + hexadecimal(record::ErrorType.of(words));
    else if (e == event::INVALID_DEVICE_REQUEST)
        text += " Type=" + hexadecimal(record::RequestType.of(words));
    else
        for (const bit_field& flag :
             {record::NX, record::US, record::I, record::PR, record::PE, record::RZ, record::TR})
            if (flag.of(words))
                text += std::string(" ") + flag.name;
    return text + " Address=" + hexadecimal(record::Address.of(words));
}

} // namespace iommulab::amd_vi
