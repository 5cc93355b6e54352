// SPDX-License-Identifier: Apache-2.0
#include "models/memory/payload_execution.h"

#include "models/core/atomic_extension.h"

namespace iommulab {
namespace {

tlm::tlm_response_status execute_atomic(sparse_store& store, tlm::tlm_generic_payload& payload,
                                        atomic_compare_swap& atomic) {
    const unsigned bytes = payload.get_data_length();
    const bool legal_size = bytes == 4 || bytes == 8 || bytes == 16;
    if (!legal_size || payload.get_address() % bytes != 0)
        return tlm::TLM_BURST_ERROR_RESPONSE;
    const bool equal = store.compare_exchange(payload.get_address(), atomic.expected.data(), payload.get_data_ptr(),
                                              atomic.found.data(), bytes);
    atomic.result = equal ? atomic_compare_swap::outcome::swapped : atomic_compare_swap::outcome::different;
    return tlm::TLM_OK_RESPONSE;
}

} // namespace

tlm::tlm_response_status execute_rare(sparse_store& store, tlm::tlm_generic_payload& payload) {
    const unsigned bytes = payload.get_data_length();
    auto* atomic = payload.get_extension<atomic_compare_swap>();
    if (payload.get_command() == tlm::TLM_IGNORE_COMMAND && !atomic)
        return tlm::TLM_OK_RESPONSE;
    if (!payload.get_data_ptr())
        return bytes == 0 ? tlm::TLM_OK_RESPONSE : tlm::TLM_GENERIC_ERROR_RESPONSE;
    if (payload.get_streaming_width() < bytes)
        return tlm::TLM_BURST_ERROR_RESPONSE;
    const unsigned char* enable = payload.get_byte_enable_ptr();
    if (payload.get_command() == tlm::TLM_IGNORE_COMMAND)
        return enable ? tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE : execute_atomic(store, payload, *atomic);

    const unsigned period = payload.get_byte_enable_length();
    if (period == 0)
        return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
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
