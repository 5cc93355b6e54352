// SPDX-License-Identifier: Apache-2.0
#include "models/core/names.h"

#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"

namespace iommulab::vtd {

namespace {

constexpr code_name<descriptor_type> descriptors[] = {
    {descriptor_type::context_cache, "cc_inv_dsc"},
    {descriptor_type::iotlb, "iotlb_inv_dsc"},
    {descriptor_type::device_tlb, "dev_tlb_inv_dsc"},
    {descriptor_type::interrupt_entry_cache, "iec_inv_dsc"},
    {descriptor_type::wait, "inv_wait_dsc"},
    {descriptor_type::pasid_iotlb, "p_iotlb_inv_dsc"},
    {descriptor_type::pasid_cache, "pc_inv_dsc"},
    {descriptor_type::pasid_device_tlb, "p_dev_tlb_inv_dsc"},
    {descriptor_type::page_group_response, "page_grp_resp_dsc"},
};

} // namespace

const char* name_of(descriptor_type t) {
    return name_in(descriptors, t);
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

namespace {

constexpr code_name<fault_reason> reasons[] = {
    {fault_reason::root_not_present, "root entry not present"},
    {fault_reason::sm_root_not_present, "root entry not present"},
    {fault_reason::context_not_present, "context entry not present"},
    {fault_reason::sm_context_not_present, "context entry not present"},
    {fault_reason::context_invalid, "invalid context entry"},
    {fault_reason::sm_context_invalid, "invalid context entry"},
    {fault_reason::beyond_address_width, "address beyond the width of the unit or the table"},
    {fault_reason::sm_beyond_width, "address beyond the width of the unit or the table"},
    {fault_reason::write_not_allowed, "write not allowed"},
    {fault_reason::sm_write_not_allowed, "write not allowed"},
    {fault_reason::read_not_allowed, "read not allowed"},
    {fault_reason::sm_read_not_allowed, "read not allowed"},
    {fault_reason::paging_entry_access, "second-stage paging entry not readable"},
    {fault_reason::second_stage_access, "second-stage paging entry not readable"},
    {fault_reason::root_access, "root entry not readable"},
    {fault_reason::sm_root_access, "root entry not readable"},
    {fault_reason::context_access, "context entry not readable"},
    {fault_reason::sm_context_access, "context entry not readable"},
    {fault_reason::root_reserved, "reserved bits in the root entry"},
    {fault_reason::sm_root_reserved, "reserved bits in the root entry"},
    {fault_reason::context_reserved, "reserved bits in the context entry"},
    {fault_reason::sm_context_reserved, "reserved bits in the context entry"},
    {fault_reason::paging_entry_reserved, "reserved bits in a second-stage paging entry"},
    {fault_reason::second_stage_reserved, "reserved bits in a second-stage paging entry"},
    {fault_reason::translation_type_blocks, "translation type forbids translated and translation requests"},
    {fault_reason::interrupt_address, "output in the interrupt address range"},
    {fault_reason::sm_interrupt_address, "output in the interrupt address range"},
    {fault_reason::table_mode_invalid, "invalid translation table mode"},
    {fault_reason::pasid_in_legacy_mode, "request with PASID in legacy mode"},
    {fault_reason::page_request_in_legacy_mode, "page request in legacy mode"},
    {fault_reason::abort_mode, "abort-DMA mode"},
    {fault_reason::sm_device_tlb_disabled, "device TLBs disabled"},
    {fault_reason::sm_pasid_disabled, "PASIDs disabled"},
    {fault_reason::sm_pasid_too_large, "PASID beyond the directory"},
    {fault_reason::sm_page_request_disabled, "page requests disabled"},
    {fault_reason::sm_rid_pasid_too_large, "RID_PASID beyond the directory"},
    {fault_reason::pasid_directory_access, "PASID directory entry not readable"},
    {fault_reason::pasid_directory_not_present, "PASID directory entry not present"},
    {fault_reason::pasid_directory_reserved, "reserved bits in the PASID directory entry"},
    {fault_reason::pasid_entry_access, "PASID table entry not readable"},
    {fault_reason::pasid_entry_not_present, "PASID table entry not present"},
    {fault_reason::pasid_entry_reserved, "reserved bits in the PASID table entry"},
    {fault_reason::pasid_entry_invalid, "invalid PASID table entry"},
    {fault_reason::execute_requests_disabled, "execute requests disabled"},
    {fault_reason::supervisor_requests_disabled, "supervisor requests disabled"},
    {fault_reason::first_stage_access, "first-stage paging entry not readable"},
    {fault_reason::first_stage_not_present, "first-stage paging entry not present"},
    {fault_reason::first_stage_reserved, "reserved bits in a first-stage paging entry"},
    {fault_reason::first_table_access, "first-stage table pointer unusable"},
    {fault_reason::nested_entry_beyond_width, "first-stage entry's address beyond the second stage"},
    {fault_reason::nested_root_not_readable, "second stage forbids reading the first table"},
    {fault_reason::nested_entry_not_readable, "second stage forbids reading a first-stage table"},
    {fault_reason::nested_entry_not_writable, "second stage forbids writing a first-stage table"},
    {fault_reason::second_stage_permission, "second stage forbids the access"},
    {fault_reason::second_table_access, "second-stage table pointer unusable"},
    {fault_reason::second_stage_update, "accessed or dirty bit of the second stage not writable"},
    {fault_reason::not_canonical, "address not canonical"},
    {fault_reason::supervisor_page, "user request to a supervisor page"},
    {fault_reason::execute_not_allowed, "execute not allowed"},
    {fault_reason::sm_beyond_second_stage, "address beyond the second stage's width"},
    {fault_reason::first_stage_update, "accessed or dirty bit of the first stage not writable"},
};

} // namespace

const char* text_of(fault_reason r) {
    return name_in(reasons, r);
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
