// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/spec/commands.h"
#include "models/amd_vi/spec/events.h"

#include <charconv>

namespace iommulab::amd_vi {

const char* name_of(opcode code) {
    switch (code) {
    case opcode::COMPLETION_WAIT:
        return "COMPLETION_WAIT";
    case opcode::INVALIDATE_DEVTAB_ENTRY:
        return "INVALIDATE_DEVTAB_ENTRY";
    case opcode::INVALIDATE_IOMMU_PAGES:
        return "INVALIDATE_IOMMU_PAGES";
    case opcode::INVALIDATE_IOTLB_PAGES:
        return "INVALIDATE_IOTLB_PAGES";
    case opcode::INVALIDATE_INTERRUPT_TABLE:
        return "INVALIDATE_INTERRUPT_TABLE";
    case opcode::PREFETCH_IOMMU_PAGES:
        return "PREFETCH_IOMMU_PAGES";
    case opcode::COMPLETE_PPR_REQUEST:
        return "COMPLETE_PPR_REQUEST";
    case opcode::INVALIDATE_IOMMU_ALL:
        return "INVALIDATE_IOMMU_ALL";
    }
    return nullptr;
}

const char* name_of(event e) {
    switch (e) {
    case event::none:
        return nullptr;
    case event::ILLEGAL_DEV_TABLE_ENTRY:
        return "ILLEGAL_DEV_TABLE_ENTRY";
    case event::IO_PAGE_FAULT:
        return "IO_PAGE_FAULT";
    case event::DEV_TAB_HARDWARE_ERROR:
        return "DEV_TAB_HARDWARE_ERROR";
    case event::PAGE_TAB_HARDWARE_ERROR:
        return "PAGE_TAB_HARDWARE_ERROR";
    case event::ILLEGAL_COMMAND_ERROR:
        return "ILLEGAL_COMMAND_ERROR";
    case event::COMMAND_HARDWARE_ERROR:
        return "COMMAND_HARDWARE_ERROR";
    case event::IOTLB_INV_TIMEOUT:
        return "IOTLB_INV_TIMEOUT";
    case event::INVALID_DEVICE_REQUEST:
        return "INVALID_DEVICE_REQUEST";
    case event::INVALID_PPR_REQUEST:
        return "INVALID_PPR_REQUEST";
    case event::EVENT_COUNTER_ZERO:
        return "EVENT_COUNTER_ZERO";
    }
    return nullptr;
}

namespace {

std::string hexadecimal(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    return "0x" + std::string(digits, end);
}

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
    const char* name = name_of(e);
    std::string text = name ? name : "event " + hexadecimal(static_cast<std::uint64_t>(e));
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
