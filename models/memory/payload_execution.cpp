// SPDX-License-Identifier: Apache-2.0
#include "models/memory/payload_execution.h"

#include "models/core/payload_check.h"

namespace iommulab {

tlm::tlm_response_status execute_rare(sparse_store& store, tlm::tlm_generic_payload& payload) {
    const tlm::tlm_response_status wrong = check_rare_attributes(payload);
    if (wrong != tlm::TLM_OK_RESPONSE)
        return wrong;
    const unsigned bytes = payload.get_data_length();
    if (atomic_compare_swap* atomic = compare_swap_of(payload)) {
        const bool equal = store.compare_exchange(payload.get_address(), atomic->expected.data(),
                                                  payload.get_data_ptr(), atomic->found.data(), bytes);
        atomic->result = equal ? atomic_compare_swap::outcome::swapped : atomic_compare_swap::outcome::different;
        return tlm::TLM_OK_RESPONSE;
    }
    const unsigned char* enable = payload.get_byte_enable_ptr();
    if (payload.get_command() == tlm::TLM_IGNORE_COMMAND || !enable)
        return tlm::TLM_OK_RESPONSE; // nothing to do, or no bytes
    const unsigned period = payload.get_byte_enable_length();
    unsigned char* data = payload.get_data_ptr();
    for (unsigned i = 0; i < bytes; ++i) {
        if (enable[i % period] != TLM_BYTE_ENABLED)
            continue;
        if (payload.is_read())
            store.read(payload.get_address() + i, data + i, 1);
        else
            store.write(payload.get_address() + i, data + i, 1);
    }
    return tlm::TLM_OK_RESPONSE;
}

} // namespace iommulab
