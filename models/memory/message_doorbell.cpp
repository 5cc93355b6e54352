// SPDX-License-Identifier: Apache-2.0
#include "models/memory/message_doorbell.h"

#include "models/core/payload_check.h"
#include "models/core/sideband.h"

#include <cstring>

namespace iommulab {

message_doorbell::message_doorbell(sc_core::sc_module_name name, const parameters& p)
    : sc_core::sc_module(name), latency_(static_cast<double>(p.latency_ps), sc_core::SC_PS) {
    target.bind(*this);
}

void message_doorbell::take(tlm::tlm_generic_payload& p) {
    p.set_response_status(compare_swap_of(p) ? tlm::TLM_COMMAND_ERROR_RESPONSE : check_attributes(p));
    if (!p.is_response_ok() || p.get_command() == tlm::TLM_IGNORE_COMMAND)
        return;
    if (p.is_read()) {
        std::memset(p.get_data_ptr(), 0, p.get_data_length());
        p.set_response_status(tlm::TLM_OK_RESPONSE);
        return;
    }
    message m;
    if (p.get_data_length() != sizeof m.data || p.get_address() % sizeof m.data != 0) {
        p.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
        return;
    }
    if (p.get_byte_enable_ptr() != nullptr) {
        p.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
        return;
    }
    std::memcpy(&m.data, p.get_data_ptr(), sizeof m.data);
    m.offset = p.get_address();
    m.source_id = sideband::describe(p).source_id;
    ++messages_;
    p.set_response_status(tlm::TLM_OK_RESPONSE);
    if (told_)
        told_(m);
}

void message_doorbell::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    take(p);
    delay += latency_;
}

tlm::tlm_sync_enum message_doorbell::nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                     sc_core::sc_time& delay) {
    if (phase != tlm::BEGIN_REQ)
        return tlm::TLM_ACCEPTED;
    take(p);
    delay += latency_;
    return tlm::TLM_COMPLETED;
}

} // namespace iommulab
