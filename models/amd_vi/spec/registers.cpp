// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/spec/registers.h"

namespace iommulab::amd_vi {

namespace {

constexpr std::uint64_t ring_base_bits = 0x0f0f'ffff'ffff'f000;
constexpr std::uint64_t page_address_bits = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t ring_pointer_bits = 0x7'fff0;
constexpr std::uint64_t control_bits = [] {
    std::uint64_t bits = 0;
    for (const bit_field& f : control::fields)
        bits |= f.make(f.mask());
    return bits;
}();

constexpr register_declaration wide(const char* name, std::uint32_t offset, std::uint64_t writable,
                                    std::span<const bit_field> fields, const char* text) {
    return {.name = name, .offset = offset, .bytes = 8, .writable = writable, .fields = fields, .text = text};
}
constexpr register_declaration word(const char* name, std::uint32_t offset, std::uint64_t writable,
                                    std::span<const bit_field> fields, const char* text) {
    return {.name = name, .offset = offset, .writable = writable, .fields = fields, .text = text};
}

constexpr std::array table{
    wide("DeviceTableBase", 0x0000, page_address_bits | 0x1ff, device_table_base::fields,
         "device table base address and size (3.4.1)"),
    wide("CommandBufferBase", 0x0008, ring_base_bits, ring_base::fields, "command buffer base and length (3.4.2)"),
    wide("EventLogBase", 0x0010, ring_base_bits, ring_base::fields, "event log base and length (3.4.3)"),
    wide("Control", 0x0018, control_bits, control::fields,
         "enables (3.4.4); those of features that the IOMMU does not have stay clear"),
    wide("ExclusionBase", 0x0020, page_address_bits | 0x3, exclusion_base::fields,
         "start of the exclusion range, its enable, allow-all (3.4.5)"),
    wide("ExclusionLimit", 0x0028, page_address_bits, exclusion_limit::fields,
         "last page of the exclusion range (3.4.6)"),
    wide("ExtendedFeature", 0x0030, 0, extended_feature::fields, "features (3.4.7)"),
    wide("PPRLogBase", 0x0038, ring_base_bits, ring_base::fields, "PPR log base and length (3.4.8)"),
    wide("HardwareEventUpper", 0x0040, ~std::uint64_t{0}, {}, "an event that could not be logged, upper half (3.4.9)"),
    wide("HardwareEventLower", 0x0048, ~std::uint64_t{0}, {}, "its lower half (3.4.10)"),
    register_declaration{.name = "HardwareEventStatus",
                         .offset = 0x0050,
                         .bytes = 8,
                         .clears = 0x3,
                         .fields = hardware_event_status::fields,
                         .text = "is there such an event, was there more than one (3.4.11)"},
    // 64-bit addresses, one message; at the capability identifier of MSI
    register_declaration{.name = "MSICapabilityHeader",
                         .offset = 0x0158,
                         .reset = 0x0080'0005,
                         .writable = 0x0001'0000,
                         .fields = msi_capability::header,
                         .text = "the MSI capability in MMIO space: enable (3.4.17)"},
    word("MSIAddressLow", 0x015c, 0xffff'fffc, msi_capability::address_low, "MSI address (3.4.17)"),
    word("MSIAddressHigh", 0x0160, 0xffff'ffff, msi_capability::address_high, "MSI address, upper half (3.4.17)"),
    word("MSIData", 0x0164, 0xffff, msi_capability::data, "MSI data (3.4.17)"),
    wide("CommandBufferHead", 0x2000, ring_pointer_bits, ring_pointer::fields, "next command to fetch (3.4.13)"),
    wide("CommandBufferTail", 0x2008, ring_pointer_bits, ring_pointer::fields,
         "where software puts the next command: a doorbell (3.4.13)"),
    wide("EventLogHead", 0x2010, ring_pointer_bits, ring_pointer::fields, "next event for software (3.4.14)"),
    wide("EventLogTail", 0x2018, ring_pointer_bits, ring_pointer::fields, "where the next event goes (3.4.14)"),
    register_declaration{.name = "Status",
                         .offset = 0x2020,
                         .bytes = 8,
                         .clears = 0x67,
                         .fields = status::fields,
                         .text = "overflows, interrupts, what runs (3.4.15)"},
    wide("PPRLogHead", 0x2030, ring_pointer_bits, ring_pointer::fields, "next page request for software (3.4.16)"),
    wide("PPRLogTail", 0x2038, ring_pointer_bits, ring_pointer::fields, "where the next page request goes (3.4.16)"),
};

constexpr const register_declaration& at(std::uint32_t offset) {
    return declaration_at(table, offset);
}

} // namespace

namespace reg {
constinit const register_declaration &DeviceTableBase = at(0x0000), &CommandBufferBase = at(0x0008),
                                     &EventLogBase = at(0x0010), &Control = at(0x0018), &ExclusionBase = at(0x0020),
                                     &ExclusionLimit = at(0x0028), &ExtendedFeature = at(0x0030),
                                     &PPRLogBase = at(0x0038), &HardwareEventUpper = at(0x0040),
                                     &HardwareEventLower = at(0x0048), &HardwareEventStatus = at(0x0050),
                                     &MSICapabilityHeader = at(0x0158), &MSIAddressLow = at(0x015c),
                                     &MSIAddressHigh = at(0x0160), &MSIData = at(0x0164),
                                     &CommandBufferHead = at(0x2000), &CommandBufferTail = at(0x2008),
                                     &EventLogHead = at(0x2010), &EventLogTail = at(0x2018), &Status = at(0x2020),
                                     &PPRLogHead = at(0x2030), &PPRLogTail = at(0x2038);
} // namespace reg

std::span<const register_declaration> registers() {
    return table;
}

} // namespace iommulab::amd_vi
