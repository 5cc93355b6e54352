// SPDX-License-Identifier: Apache-2.0
#include "models/core/register_port.h"

#include <bit>
#include <cstring>

namespace iommulab {

register_port::register_port(sc_core::sc_module_name name, scheduler& clock, register_bank& bank,
                             unsigned access_cycles)
    : sc_core::sc_module(name), clock_(clock), bank_(bank), cycles_(access_cycles) {
    socket.bind(*this);
}

tlm::tlm_response_status register_port::execute(tlm::tlm_generic_payload& p) {
    const unsigned bytes = p.get_data_length();
    if (bytes > 8 || !std::has_single_bit(bytes) || p.get_address() % bytes != 0 || p.get_streaming_width() < bytes)
        return tlm::TLM_BURST_ERROR_RESPONSE;
    if (p.get_byte_enable_ptr())
        return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
    if (p.get_address() > 0xffffffff)
        return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    const auto offset = static_cast<std::uint32_t>(p.get_address());
    std::uint64_t value = 0;
    if (p.is_read()) {
        value = bank_.read(offset, bytes);
        std::memcpy(p.get_data_ptr(), &value, bytes);
    } else if (p.is_write()) {
        std::memcpy(&value, p.get_data_ptr(), bytes);
        bank_.write(offset, bytes, value);
    }
    return tlm::TLM_OK_RESPONSE;
}

void register_port::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    delay += clock_.to_time(cycles_);
    p.set_response_status(execute(p));
}

tlm::tlm_sync_enum register_port::nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                  sc_core::sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) {
        p.acquire();
        current_ = &p; // END_REQ is held back until the response, so there is one at a time
        clock_.at(clock_.cycle_after(delay) + cycles_, task::of<&register_port::respond>(*this));
        return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::END_RESP) {
        response_ended(p);
        return tlm::TLM_COMPLETED;
    }
    return tlm::TLM_ACCEPTED;
}

void register_port::response_ended(tlm::tlm_generic_payload& p) {
    responding_ = false;
    p.release();
    if (response_due_) {
        response_due_ = false;
        clock_.after(0, task::of<&register_port::respond>(*this));
    }
}

void register_port::respond() {
    if (responding_) {
        response_due_ = true; // one response at a time (IEEE 1666-2011 15.2.6.6)
        return;
    }
    tlm::tlm_generic_payload& p = *current_;
    current_ = nullptr;
    p.set_response_status(execute(p));
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay;
    responding_ = true;
    if (socket->nb_transport_bw(p, phase, delay) != tlm::TLM_ACCEPTED)
        response_ended(p);
}

unsigned register_port::transport_dbg(tlm::tlm_generic_payload& p) {
    const unsigned bytes = p.get_data_length();
    if (!p.is_read() || bytes > 8 || bytes == 0 || !std::has_single_bit(bytes) || p.get_address() % bytes != 0)
        return 0;
    const std::uint64_t value = bank_.read(static_cast<std::uint32_t>(p.get_address()), bytes);
    std::memcpy(p.get_data_ptr(), &value, bytes);
    return bytes;
}

} // namespace iommulab
