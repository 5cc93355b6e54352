// SPDX-License-Identifier: Apache-2.0
// Faults of DMA remapping: Intel VT-d specification, "Non-Recoverable Faults" (the tables of fault conditions) and
// "Fault Recording Registers". The label of each condition stands beside its reason.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace iommulab::vtd {

/// FRCD.FR. Names are the project's own words for the conditions, as the specification gives them numbers alone.
enum class fault_reason : std::uint8_t {
    none = 0,
    // legacy mode
    root_not_present = 0x01,        ///< LRT.2
    context_not_present = 0x02,     ///< LCT.2
    context_invalid = 0x03,         ///< LCT.4: AW, TT, or the table's address cannot be used
    beyond_address_width = 0x04,    ///< LGN.1: input address above what the entry's AW or MGAW allows; or a blocked one
    write_not_allowed = 0x05,       ///< LGN.2
    read_not_allowed = 0x06,        ///< LGN.3
    paging_entry_access = 0x07,     ///< LSL.1: a paging entry (not of the first table) could not be read
    root_access = 0x08,             ///< LRT.1
    context_access = 0x09,          ///< LCT.1
    root_reserved = 0x0a,           ///< LRT.3
    context_reserved = 0x0b,        ///< LCT.3
    paging_entry_reserved = 0x0c,   ///< LSL.2
    translation_type_blocks = 0x0d, ///< LCT.5: TT forbids translated requests and translation requests
    interrupt_address = 0x0e,       ///< LGN.4: the output is in the interrupt address range
    // of RTADDR
    table_mode_invalid = 0x30,          ///< RTA.1
    pasid_in_legacy_mode = 0x31,        ///< RTA.2
    page_request_in_legacy_mode = 0x32, ///< RTA.3
    abort_mode = 0x33,                  ///< RTA.4
    // scalable mode: root entry
    sm_root_access = 0x38,      ///< SRT.1
    sm_root_not_present = 0x39, ///< SRT.2
    sm_root_reserved = 0x3a,    ///< SRT.3
    // context entry
    sm_context_access = 0x40,        ///< SCT.1
    sm_context_not_present = 0x41,   ///< SCT.2
    sm_context_reserved = 0x42,      ///< SCT.3
    sm_context_invalid = 0x43,       ///< SCT.4
    sm_device_tlb_disabled = 0x44,   ///< SCT.5: DTE = 0
    sm_pasid_disabled = 0x45,        ///< SCT.6: PASIDE = 0
    sm_pasid_too_large = 0x46,       ///< SCT.7: beyond the directory
    sm_page_request_disabled = 0x47, ///< SCT.8: PRE = 0
    sm_rid_pasid_too_large = 0x48,   ///< SCT.9: RID_PASID beyond the directory
    // PASID directory entry
    pasid_directory_access = 0x50,      ///< SPD.1
    pasid_directory_not_present = 0x51, ///< SPD.2
    pasid_directory_reserved = 0x52,    ///< SPD.3
    // PASID table entry
    pasid_entry_access = 0x58,           ///< SPT.1
    pasid_entry_not_present = 0x59,      ///< SPT.2
    pasid_entry_reserved = 0x5a,         ///< SPT.3
    pasid_entry_invalid = 0x5b,          ///< SPT.4
    execute_requests_disabled = 0x5c,    ///< SPT.5: ERE = 0
    supervisor_requests_disabled = 0x5d, ///< SPT.6: SRE = 0
    // first-stage tables
    first_stage_access = 0x70,        ///< SFS.1: a paging entry (not of the first table) could not be read
    first_stage_not_present = 0x71,   ///< SFS.2
    first_stage_reserved = 0x72,      ///< SFS.3
    first_table_access = 0x73,        ///< SFS.4: FSPTPTR cannot be used
    nested_entry_beyond_width = 0x74, ///< SFS.5: a first-stage entry's address is beyond the second stage's input
    nested_root_not_readable = 0x75,  ///< SFS.6: the second stage does not let the first table be read
    nested_entry_not_readable = 0x76, ///< SFS.7: the same for another table
    nested_entry_not_writable = 0x77, ///< SFS.8: nor accessed and dirty bits be written
    // second-stage tables
    second_stage_access = 0x78,     ///< SSS.1: a paging entry (not of the first table) could not be read
    second_stage_permission = 0x79, ///< SSS.2: read or write not allowed
    second_stage_reserved = 0x7a,   ///< SSS.3
    second_table_access = 0x7b,     ///< SSS.4: SSPTPTR cannot be used
    second_stage_update = 0x7c,     ///< SSS.5: accessed or dirty bit could not be written
    // general, scalable mode
    not_canonical = 0x80,          ///< SGN.1
    supervisor_page = 0x81,        ///< SGN.2: a user request to a page that is supervisor's alone
    execute_not_allowed = 0x82,    ///< SGN.3
    sm_beyond_width = 0x83,        ///< SGN.4: pass-through, or above what the unit has
    sm_beyond_second_stage = 0x84, ///< SGN.5: input of the second stage above its AW
    sm_write_not_allowed = 0x85,   ///< SGN.6
    sm_read_not_allowed = 0x86,    ///< SGN.7
    sm_interrupt_address = 0x87,   ///< SGN.8: the output is in the interrupt address range
    first_stage_update = 0x91,     ///< SFS.10: accessed or dirty bit could not be written
};

/// A few words, or nullptr for a number that is none.
const char* text_of(fault_reason r);

/// May FPD in the entries of the request suppress it? Those that are found before such an entry is read may not.
constexpr bool is_qualified(fault_reason r) {
    switch (r) {
    case fault_reason::none:
    case fault_reason::root_not_present:
    case fault_reason::root_access:
    case fault_reason::root_reserved:
    case fault_reason::context_access:
    case fault_reason::table_mode_invalid:
    case fault_reason::pasid_in_legacy_mode:
    case fault_reason::page_request_in_legacy_mode:
    case fault_reason::abort_mode:
    case fault_reason::sm_root_access:
    case fault_reason::sm_root_not_present:
    case fault_reason::sm_root_reserved:
    case fault_reason::sm_context_access:
        return false;
    default:
        return true;
    }
}

/// A fault recording register, 128 bits; bits are numbered over the whole record.
namespace fault_record {
inline constexpr unsigned bytes = 16;
inline constexpr address_field FI{"FI", 12, 52}; // in word 0: page of the input address
inline constexpr bit_field FI_bits{"FI", 12, 52}, SID{"SID", 64, 16}, T2{"T2", 92, 1}, PRIV{"PRIV", 93, 1},
    EXE{"EXE", 94, 1}, PP{"PP", 95, 1}, FR{"FR", 96, 8}, PV{"PV", 104, 20}, AT{"AT", 124, 2}, T1{"T1", 126, 1},
    F{"F", 127, 1};
/// T1 with T2 = 0: a read, or a write. With T2 = 1: an atomic operation, or a page request.
inline constexpr unsigned type_write = 0, type_read = 1;
/// AT: as PCIe has it.
inline constexpr unsigned at_untranslated = 0, at_translation_request = 1, at_translated = 2;

/// The same in a half, for the registers' declarations.
constexpr bit_field in_half(const bit_field& f) {
    return {f.name, f.lsb % 64, f.width};
}
inline constexpr bit_field F_high = in_half(F);
inline constexpr std::array low_fields{FI_bits};
inline constexpr std::array high_fields{in_half(SID), in_half(T2), in_half(PRIV), in_half(EXE), in_half(PP),
                                        in_half(FR),  in_half(PV), in_half(AT),   in_half(T1),  in_half(F)};
} // namespace fault_record

/// A record in words: "reason 0x06 (read not allowed) SID=0x10 read FI=0x5000"; for logs and results.
std::string describe_fault(std::span<const std::uint64_t> words);

} // namespace iommulab::vtd
