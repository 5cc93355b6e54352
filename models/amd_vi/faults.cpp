// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/faults.h"

namespace iommulab::amd_vi {

namespace {

fault begin_record(event e, const access& a, std::uint64_t address) {
    fault f;
    f.reason = static_cast<std::uint32_t>(e);
    record::EventCode.put(f.words, f.reason);
    record::DeviceID.put(f.words, a.source_id);
    record::Address.put(f.words, address);
    return f;
}

bool is_request(const access& a) {
    return a.type == address_type::translation_request;
}

void put_pasid(fault& f, std::uint32_t pasid) {
    record::GN.put(f.words, 1);
    record::PASID_15_0.put(f.words, pasid);
    record::PASID_19_16.put(f.words, pasid >> 16);
}

void put_access(fault& f, const access& a) {
    record::RW.put(f.words, a.write);
    record::TR.put(f.words, is_request(a));
}

void put_error_type(fault& f) {
    record::ErrorType.put(f.words, static_cast<std::uint64_t>(record::hardware_error::master_abort));
}

} // namespace

fault illegal_device_table_entry(const access& a, bad_entry why) {
    fault f = begin_record(event::ILLEGAL_DEV_TABLE_ENTRY, a, a.address);
    put_access(f, a);
    record::RZ.put(f.words, why.reserved_bit);
    if (a.has_pasid)
        put_pasid(f, a.pasid);
    return f;
}

fault device_table_error(const access& a, std::uint64_t fetch_address) {
    fault f = begin_record(event::DEV_TAB_HARDWARE_ERROR, a, fetch_address);
    put_access(f, a);
    put_error_type(f);
    return f;
}

fault invalid_device_request(const access& a, record::invalid_request type) {
    fault f = begin_record(event::INVALID_DEVICE_REQUEST, a, a.address);
    record::TR.put(f.words, is_request(a));
    record::RequestType.put(f.words, static_cast<std::uint64_t>(type));
    if (a.has_pasid)
        put_pasid(f, a.pasid);
    return f;
}

fault invalid_page_request(const access& a) {
    fault f = begin_record(event::INVALID_PPR_REQUEST, a, a.address);
    record::RW.put(f.words, a.write);
    if (a.has_pasid)
        put_pasid(f, a.pasid);
    return f;
}

fault page_fault(const access& a, const device_configuration& c, page_fault_cause cause, std::uint64_t address,
                 bool guest) {
    fault f = begin_record(event::IO_PAGE_FAULT, a, address);
    put_access(f, a);
    record::PR.put(f.words, cause.present);
    record::PE.put(f.words, cause.permission);
    record::RZ.put(f.words, cause.reserved_bit);
    if (guest) {
        put_pasid(f, a.has_pasid ? a.pasid : 0);
        record::NX.put(f.words, a.instruction);
        record::US.put(f.words, !a.privileged);
    } else {
        record::DomainID.put(f.words, c.domain);
    }
    // the answer to a translation request says itself what is not allowed (2.1.4); SE is for who knows the past
    f.recorded = !c.suppress_all && !is_request(a);
    return f;
}

fault page_table_error(const access& a, const device_configuration& c, std::uint64_t fetch_address, bool guest) {
    fault f = begin_record(event::PAGE_TAB_HARDWARE_ERROR, a, fetch_address);
    put_access(f, a);
    put_error_type(f);
    if (guest)
        put_pasid(f, a.has_pasid ? a.pasid : 0);
    else
        record::DomainID.put(f.words, c.domain);
    return f;
}

fault host_fault(const amd_v1::walk_fault& w, const access& a, const device_configuration& c, std::uint64_t address) {
    switch (w.kind) {
    case amd_v1::fault_kind::external_abort:
        return page_table_error(a, c, w.fetch_address, false);
    case amd_v1::fault_kind::permission:
        return page_fault(a, c, {.present = true, .permission = true}, address, false);
    case amd_v1::fault_kind::level_encoding:
        return page_fault(a, c, {.present = true}, address, false);
    case amd_v1::fault_kind::reserved_bit:
        return page_fault(a, c, {.present = true, .reserved_bit = true}, address, false);
    default:
        return page_fault(a, c, {}, address, false);
    }
}

fault command_fault(event e, std::uint64_t address) {
    fault f = begin_record(e, {}, address);
    if (e == event::COMMAND_HARDWARE_ERROR)
        put_error_type(f);
    return f;
}

} // namespace iommulab::amd_vi
