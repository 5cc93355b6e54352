// SPDX-License-Identifier: Apache-2.0
#include "models/core/payload_check.h"

#include "models/core/sideband.h"

namespace iommulab {

namespace {

/// Whatever it asks for by its extension, it cannot be had; and what it may do is not known.
bool has_unknown_extension(const tlm::tlm_generic_payload& p) {
    for (unsigned n = 0; n < tlm::max_num_extensions(); ++n)
        if (n != sideband::ID && p.get_extension(n))
            return true;
    return false;
}

} // namespace

tlm::tlm_response_status check_rare_attributes(const tlm::tlm_generic_payload& p, bool debug) {
    const unsigned bytes = p.get_data_length();
    const bool swaps = compare_swap_of(p) != nullptr, moves_data = swaps || p.get_command() != tlm::TLM_IGNORE_COMMAND;
    if (!moves_data && has_unknown_extension(p))
        return tlm::TLM_COMMAND_ERROR_RESPONSE;
    if (bytes != 0 && p.get_address() + (bytes - 1) < p.get_address())
        return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    if (moves_data && bytes != 0 && !p.get_data_ptr())
        return tlm::TLM_GENERIC_ERROR_RESPONSE;
    if (!debug && moves_data && p.get_streaming_width() < bytes)
        return tlm::TLM_BURST_ERROR_RESPONSE;
    if (!debug && p.get_byte_enable_ptr() && (swaps || p.get_byte_enable_length() == 0))
        return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
    if (swaps && ((bytes != 4 && bytes != 8 && bytes != 16) || p.get_address() % bytes != 0))
        return tlm::TLM_BURST_ERROR_RESPONSE;
    return tlm::TLM_OK_RESPONSE;
}

} // namespace iommulab
