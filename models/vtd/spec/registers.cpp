// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/spec/registers.h"

#include "models/vtd/spec/faults.h"

namespace iommulab::vtd {

namespace {

constexpr std::uint64_t page_address_bits = 0xffff'ffff'ffff'f000;
/// Protected ranges come in steps of 2 MiB (assumption: the specification leaves the step to the implementation).
constexpr std::uint64_t protected_low_bits = 0xffe0'0000, protected_high_bits = 0xffff'ffff'ffe0'0000;
constexpr std::uint64_t interrupt_mask_bit = event_control::IM.make(1);

constexpr register_declaration word(const char* name, std::uint32_t offset, std::uint64_t writable,
                                    std::span<const bit_field> fields, const char* text) {
    return {.name = name, .offset = offset, .writable = writable, .fields = fields, .text = text};
}
constexpr register_declaration doubleword(const char* name, std::uint32_t offset, std::uint64_t writable,
                                          std::span<const bit_field> fields, const char* text) {
    return {.name = name, .offset = offset, .bytes = 8, .writable = writable, .fields = fields, .text = text};
}
/// FECTL, IECTL, PECTL: masked at reset.
constexpr register_declaration control(const char* name, std::uint32_t offset, const char* text) {
    return {.name = name,
            .offset = offset,
            .reset = interrupt_mask_bit,
            .writable = interrupt_mask_bit,
            .fields = event_control::fields,
            .text = text};
}
/// Half of the fault recording registers.
constexpr register_declaration record_half(const char* name, std::uint32_t offset, std::uint64_t clears,
                                           std::span<const bit_field> fields, const char* text) {
    return {.name = name,
            .offset = offset,
            .bytes = 8,
            .clears = clears,
            .fields = fields,
            .count = most_fault_records,
            .stride = fault_record::bytes,
            .text = text};
}

constexpr std::array table{
    word("VER", 0x00, 0, ver::fields, "architecture version"),
    doubleword("CAP", 0x08, 0, cap::fields, "capabilities"),
    doubleword("ECAP", 0x10, 0, ecap::fields, "extended capabilities"),
    word("GCMD", 0x18, 0xff80'0000, gcmd::fields, "global commands; reads as zero"),
    word("GSTS", 0x1c, 0, gsts::fields, "state of what GCMD commands"),
    doubleword("RTADDR", 0x20, page_address_bits | 0xc00, rtaddr::fields,
               "root table address and mode; taken over by GCMD.SRTP"),
    doubleword("CCMD", 0x28, 0xe000'0003'ffff'ffff, ccmd::fields, "context-cache invalidation"),
    register_declaration{.name = "FSTS",
                         .offset = 0x34,
                         .clears = 0xf5,
                         .fields = fsts::fields,
                         .text = "fault and invalidation errors, first fault record"},
    control("FECTL", 0x38, "fault event: mask and pending"),
    word("FEDATA", 0x3c, 0xffff'ffff, event_data::fields, "fault event: message data"),
    word("FEADDR", 0x40, 0xffff'fffc, event_address::fields, "fault event: message address"),
    word("FEUADDR", 0x44, 0xffff'ffff, event_address::upper_fields, "fault event: upper message address"),
    doubleword("AFLOG", 0x58, 0, {}, "advanced fault log; there is none (CAP.AFL = 0)"),
    word("PMEN", 0x64, 0x8000'0000, pmen::fields, "protected memory: enable and status"),
    word("PLMBASE", 0x68, protected_low_bits, {}, "protected low memory: first address"),
    word("PLMLIMIT", 0x6c, protected_low_bits, {}, "protected low memory: last step of 2 MiB"),
    doubleword("PHMBASE", 0x70, protected_high_bits, {}, "protected high memory: first address"),
    doubleword("PHMLIMIT", 0x78, protected_high_bits, {}, "protected high memory: last step of 2 MiB"),
    doubleword("IQH", 0x80, 0, iqh::fields, "invalidation queue: offset of the next descriptor to fetch"),
    doubleword("IQT", 0x88, 0x7'fff0, iqt::fields, "invalidation queue: offset behind the last descriptor"),
    doubleword("IQA", 0x90, page_address_bits | 0x807, iqa::fields, "invalidation queue: address, width, size"),
    register_declaration{
        .name = "ICS", .offset = 0x9c, .clears = 1, .fields = ics::fields, .text = "a wait descriptor with IF is done"},
    control("IECTL", 0xa0, "invalidation completion event: mask and pending"),
    word("IEDATA", 0xa4, 0xffff'ffff, event_data::fields, "invalidation completion event: message data"),
    word("IEADDR", 0xa8, 0xffff'fffc, event_address::fields, "invalidation completion event: message address"),
    word("IEUADDR", 0xac, 0xffff'ffff, event_address::upper_fields,
         "invalidation completion event: upper message address"),
    doubleword("IQERCD", 0xb0, 0, iqercd::fields, "what FSTS.IQE, ITE and ICE mean"),
    doubleword("IRTA", 0xb8, page_address_bits | 0x80f, irta::fields, "interrupt remapping table; storage only"),
    doubleword("PQH", 0xc0, 0x7'ffe0, pqh::head_fields, "page request queue: head; storage only"),
    doubleword("PQT", 0xc8, 0x7'ffe0, pqh::tail_fields, "page request queue: tail; storage only"),
    doubleword("PQA", 0xd0, page_address_bits | 0xf, pqa::fields, "page request queue: address and size; storage only"),
    register_declaration{.name = "PRS",
                         .offset = 0xdc,
                         .clears = 3,
                         .fields = prs::fields,
                         .text = "page request status; no device behind the unit asks for pages"},
    control("PECTL", 0xe0, "page request event: mask and pending"),
    word("PEDATA", 0xe4, 0xffff'ffff, event_data::fields, "page request event: message data"),
    word("PEADDR", 0xe8, 0xffff'fffc, event_address::fields, "page request event: message address"),
    word("PEUADDR", 0xec, 0xffff'ffff, event_address::upper_fields, "page request event: upper message address"),
    doubleword("IVA", 0xf0, page_address_bits | 0x7f, iva::fields, "address of a page-selective IOTLB invalidation"),
    doubleword("IOTLB", 0xf8, 0xb003'ffff'0000'0000, iotlb::fields, "IOTLB invalidation"),
    record_half("FRCD_LO", fault_records_offset, 0, fault_record::low_fields, "fault record: address"),
    record_half("FRCD_HI", fault_records_offset + 8, fault_record::F_high.make(1), fault_record::high_fields,
                "fault record: source, reason, kind of request; F is cleared by a 1"),
};

constexpr const register_declaration& at(std::uint32_t offset) {
    return declaration_at(table, offset);
}

} // namespace

namespace reg {
constinit const register_declaration &VER = at(0x00), &CAP = at(0x08), &ECAP = at(0x10), &GCMD = at(0x18),
                                     &GSTS = at(0x1c), &RTADDR = at(0x20), &CCMD = at(0x28), &FSTS = at(0x34),
                                     &FECTL = at(0x38), &FEDATA = at(0x3c), &FEADDR = at(0x40), &FEUADDR = at(0x44),
                                     &AFLOG = at(0x58), &PMEN = at(0x64), &PLMBASE = at(0x68), &PLMLIMIT = at(0x6c),
                                     &PHMBASE = at(0x70), &PHMLIMIT = at(0x78), &IQH = at(0x80), &IQT = at(0x88),
                                     &IQA = at(0x90), &ICS = at(0x9c), &IECTL = at(0xa0), &IEDATA = at(0xa4),
                                     &IEADDR = at(0xa8), &IEUADDR = at(0xac), &IQERCD = at(0xb0), &IRTA = at(0xb8),
                                     &PQH = at(0xc0), &PQT = at(0xc8), &PQA = at(0xd0), &PRS = at(0xdc),
                                     &PECTL = at(0xe0), &PEDATA = at(0xe4), &PEADDR = at(0xe8), &PEUADDR = at(0xec),
                                     &IVA = at(iotlb_registers_offset), &IOTLB = at(iotlb_registers_offset + 8),
                                     &FRCD_LO = at(fault_records_offset), &FRCD_HI = at(fault_records_offset + 8);
} // namespace reg

std::span<const register_declaration> registers() {
    return table;
}

} // namespace iommulab::vtd
