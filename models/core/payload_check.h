// SPDX-License-Identifier: Apache-2.0
// What a payload's attributes ask for, and whether they contradict each other: decided here for everyone who takes
// payloads.
#pragma once

#include "models/core/atomic_extension.h"

#include <tlm>

namespace iommulab {

/// The compare and swap that a payload asks for, or null.
inline atomic_compare_swap* compare_swap_of(const tlm::tlm_generic_payload& p) {
    return p.get_command() == tlm::TLM_IGNORE_COMMAND ? p.get_extension<atomic_compare_swap>() : nullptr;
}
/// May it change memory?
inline bool changes_memory(const tlm::tlm_generic_payload& p) {
    return p.is_write() || compare_swap_of(p);
}

/// check_attributes() for what is rare. `debug`: byte enables and the streaming width don't count (IEEE 1666-2011
/// 11.3).
tlm::tlm_response_status check_rare_attributes(const tlm::tlm_generic_payload& p, bool debug = false);

/// The response to a payload whose attributes no transaction may have (IEEE 1666-2011 14.7 to 14.17): that goes beyond
/// 2^64, has nowhere to put its data, has byte enables of length 0, is wrapped around a streaming width, or is a
/// command of an extension that nobody here knows. Else TLM_OK_RESPONSE: then everything may be computed from them.
inline tlm::tlm_response_status check_attributes(const tlm::tlm_generic_payload& p) {
    const unsigned bytes = p.get_data_length();
    if (p.get_byte_enable_ptr() || p.get_streaming_width() < bytes || !p.get_data_ptr() ||
        p.get_command() == tlm::TLM_IGNORE_COMMAND || p.get_address() + bytes < bytes) [[unlikely]]
        return check_rare_attributes(p);
    return tlm::TLM_OK_RESPONSE;
}

} // namespace iommulab
