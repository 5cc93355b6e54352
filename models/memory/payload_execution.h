// SPDX-License-Identifier: Apache-2.0
// What a generic payload does to a memory's contents, whoever carries it and however long it takes.
#pragma once

#include "models/memory/sparse_store.h"

#include <tlm>

namespace iommulab {

/// The parts of execute() that are rare: byte enables, atomics, attributes that no transaction may have.
tlm::tlm_response_status execute_rare(sparse_store& store, tlm::tlm_generic_payload& payload);

/// Reads or writes the payload's data and returns its response (IEEE 1666-2011 14.7 to 14.17). The caller has checked
/// that the address range exists. What check_attributes() objects to is refused; byte enables are honoured; the ignore
/// command does nothing, unless it carries an atomic_compare_swap. Does not set the payload's response status.
inline tlm::tlm_response_status execute(sparse_store& store, tlm::tlm_generic_payload& payload) {
    const unsigned bytes = payload.get_data_length();
    if (payload.get_byte_enable_ptr() || payload.get_streaming_width() < bytes || !payload.get_data_ptr()) [[unlikely]]
        return execute_rare(store, payload);
    if (payload.is_read())
        store.read(payload.get_address(), payload.get_data_ptr(), bytes);
    else if (payload.is_write())
        store.write(payload.get_address(), payload.get_data_ptr(), bytes);
    else
        return execute_rare(store, payload);
    return tlm::TLM_OK_RESPONSE;
}

} // namespace iommulab
