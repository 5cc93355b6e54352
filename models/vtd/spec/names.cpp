// SPDX-License-Identifier: Apache-2.0
#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"

#include <charconv>

namespace iommulab::vtd {

namespace {

std::string hexadecimal(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    return "0x" + std::string(digits, end);
}

} // namespace

const char* name_of(descriptor_type t) {
    switch (t) {
    case descriptor_type::context_cache:
        return "cc_inv_dsc";
    case descriptor_type::iotlb:
        return "iotlb_inv_dsc";
    case descriptor_type::device_tlb:
        return "dev_tlb_inv_dsc";
    case descriptor_type::interrupt_entry_cache:
        return "iec_inv_dsc";
    case descriptor_type::wait:
        return "inv_wait_dsc";
    case descriptor_type::pasid_iotlb:
        return "p_iotlb_inv_dsc";
    case descriptor_type::pasid_cache:
        return "pc_inv_dsc";
    case descriptor_type::pasid_device_tlb:
        return "p_dev_tlb_inv_dsc";
    case descriptor_type::page_group_response:
        return "page_grp_resp_dsc";
    }
    return nullptr;
}

descriptor_bits allowed_bits(descriptor_type t) {
    namespace d = descriptor;
    const std::uint64_t type = d::Type.make(~0ULL) | d::Type_high.make(~0ULL);
    const std::uint64_t granted = type | d::G.make(3), domain = granted | d::DID.make(0xffff);
    const std::uint64_t drains = d::DW.make(1) | d::DR.make(1), pasid = d::PASID.make(0xfffff);
    const std::uint64_t page = d::ADDR.mask() | 0x7f; // AM, IH
    switch (t) {
    case descriptor_type::context_cache:
        return {{domain | d::SID.make(0xffff) | d::FM.make(3), 0}};
    case descriptor_type::iotlb:
        return {{domain | drains, page}};
    case descriptor_type::device_tlb:
        return {{type | d::MIP.make(0x1f) | d::device_SID.make(0xffff) | d::PFSID, d::ADDR.mask() | 1}};
    case descriptor_type::interrupt_entry_cache:
        return {{type | 0x10 | d::IM.make(0x1f) | d::IIDX.make(0xffff), 0}};
    case descriptor_type::wait:
        return {{type | 0xf0 | d::STDATA.make(0xffff'ffff), d::STADDR.mask()}};
    case descriptor_type::pasid_iotlb:
        return {{domain | pasid, page}};
    case descriptor_type::pasid_cache:
        return {{domain | pasid, 0}};
    case descriptor_type::pasid_device_tlb:
        return {{type | d::p_MIP.make(0x1f) | d::p_SID.make(0xffff) | pasid | d::PFSID, d::ADDR.mask() | 0x801}};
    case descriptor_type::page_group_response: // PASID and its presence, response code, requester id, PRG index, LPIG
        return {{type | 0xffff'f000 | 0x30 | pasid, 0xffc}};
    }
    return {{0, 0}};
}

const char* text_of(fault_reason r) {
    using enum fault_reason;
    switch (r) {
    case none:
        return nullptr;
    case root_not_present:
    case sm_root_not_present:
        return "root entry not present";
    case context_not_present:
    case sm_context_not_present:
        return "context entry not present";
    case context_invalid:
    case sm_context_invalid:
        return "invalid context entry";
    case beyond_address_width:
    case sm_beyond_width:
        return "address beyond the width of the unit or the table";
    case write_not_allowed:
    case sm_write_not_allowed:
        return "write not allowed";
    case read_not_allowed:
    case sm_read_not_allowed:
        return "read not allowed";
    case paging_entry_access:
    case second_stage_access:
        return "second-stage paging entry not readable";
    case root_access:
    case sm_root_access:
        return "root entry not readable";
    case context_access:
    case sm_context_access:
        return "context entry not readable";
    case root_reserved:
    case sm_root_reserved:
        return "reserved bits in the root entry";
    case context_reserved:
    case sm_context_reserved:
        return "reserved bits in the context entry";
    case paging_entry_reserved:
    case second_stage_reserved:
        return "reserved bits in a second-stage paging entry";
    case translation_type_blocks:
        return "translation type forbids translated and translation requests";
    case interrupt_address:
    case sm_interrupt_address:
        return "output in the interrupt address range";
    case table_mode_invalid:
        return "invalid translation table mode";
    case pasid_in_legacy_mode:
        return "request with PASID in legacy mode";
    case page_request_in_legacy_mode:
        return "page request in legacy mode";
    case abort_mode:
        return "abort-DMA mode";
    case sm_device_tlb_disabled:
        return "device TLBs disabled";
    case sm_pasid_disabled:
        return "PASIDs disabled";
    case sm_pasid_too_large:
        return "PASID beyond the directory";
    case sm_page_request_disabled:
        return "page requests disabled";
    case sm_rid_pasid_too_large:
        return "RID_PASID beyond the directory";
    case pasid_directory_access:
        return "PASID directory entry not readable";
    case pasid_directory_not_present:
        return "PASID directory entry not present";
    case pasid_directory_reserved:
        return "reserved bits in the PASID directory entry";
    case pasid_entry_access:
        return "PASID table entry not readable";
    case pasid_entry_not_present:
        return "PASID table entry not present";
    case pasid_entry_reserved:
        return "reserved bits in the PASID table entry";
    case pasid_entry_invalid:
        return "invalid PASID table entry";
    case execute_requests_disabled:
        return "execute requests disabled";
    case supervisor_requests_disabled:
        return "supervisor requests disabled";
    case first_stage_access:
        return "first-stage paging entry not readable";
    case first_stage_not_present:
        return "first-stage paging entry not present";
    case first_stage_reserved:
        return "reserved bits in a first-stage paging entry";
    case first_table_access:
        return "first-stage table pointer unusable";
    case nested_entry_beyond_width:
        return "first-stage entry's address beyond the second stage";
    case nested_root_not_readable:
        return "second stage forbids reading the first table";
    case nested_entry_not_readable:
        return "second stage forbids reading a first-stage table";
    case nested_entry_not_writable:
        return "second stage forbids writing a first-stage table";
    case second_stage_permission:
        return "second stage forbids the access";
    case second_table_access:
        return "second-stage table pointer unusable";
    case second_stage_update:
        return "accessed or dirty bit of the second stage not writable";
    case not_canonical:
        return "address not canonical";
    case supervisor_page:
        return "user request to a supervisor page";
    case execute_not_allowed:
        return "execute not allowed";
    case sm_beyond_second_stage:
        return "address beyond the second stage's width";
    case first_stage_update:
        return "accessed or dirty bit of the first stage not writable";
    }
    return nullptr;
}

std::string describe_fault(std::span<const std::uint64_t> words) {
    namespace f = fault_record;
    const auto reason = static_cast<fault_reason>(f::FR.of(words));
    const char* text = text_of(reason);
    std::string out = "reason " + hexadecimal(f::FR.of(words)) + " (" + (text ? text : "unknown") +
                      ") SID=" + hexadecimal(f::SID.of(words)) +
                      (f::T1.of(words) == f::type_read ? " read" : " write") + " FI=" + hexadecimal(f::FI.of(words[0]));
    if (f::PP.of(words))
        out += " PASID=" + hexadecimal(f::PV.of(words));
    return out;
}

} // namespace iommulab::vtd
