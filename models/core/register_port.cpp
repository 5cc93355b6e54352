// SPDX-License-Identifier: Apache-2.0
#include "models/core/register_port.h"

#include "models/core/payload_check.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace iommulab {

namespace {
constexpr std::uint64_t largest_offset = 0xffff'ffff;
} // namespace

register_port::register_port(sc_core::sc_module_name name, scheduler& clock, register_bank& bank,
                             unsigned access_cycles, unsigned posted_writes)
    : sc_core::sc_module(name), clock_(clock), bank_(bank), cycles_(access_cycles), post_depth_(posted_writes) {
    socket.bind(*this);
}

tlm::tlm_response_status register_port::check(const tlm::tlm_generic_payload& p) {
    const unsigned bytes = p.get_data_length();
    const tlm::tlm_response_status wrong = check_attributes(p);
    if (wrong != tlm::TLM_OK_RESPONSE)
        return wrong;
    if (bytes > 8 || !std::has_single_bit(bytes) || p.get_address() % bytes != 0)
        return tlm::TLM_BURST_ERROR_RESPONSE;
    if (p.get_byte_enable_ptr())
        return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
    if (p.get_address() > largest_offset)
        return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    return tlm::TLM_OK_RESPONSE;
}

/// An access arrives at `cycle`; returns the cycle of its answer.
std::uint64_t register_port::begin(const tlm::tlm_generic_payload& p, std::uint64_t cycle) {
    if (post_depth_ == 0 || check(p) != tlm::TLM_OK_RESPONSE)
        return cycle + cycles_;
    if (!p.is_write())
        return std::max(cycle, last_effect_) + cycles_;
    // what is held takes effect an access time apart; the writer waits while the bridge is full
    if (posted_.size() >= post_depth_)
        cycle = std::max(cycle, last_effect_ - std::uint64_t{post_depth_ - 1} * cycles_);
    last_effect_ = std::max(cycle, last_effect_) + cycles_;
    posted_write w{last_effect_, 0, static_cast<std::uint32_t>(p.get_address()), p.get_data_length()};
    std::memcpy(&w.value, p.get_data_ptr(), w.bytes);
    posted_.push_back(w);
    clock_.at(last_effect_, task::of<&register_port::deliver>(*this));
    return cycle;
}

void register_port::deliver() {
    deliver_until(clock_.cycle());
}

/// The posted writes that are due by `cycle` take effect.
void register_port::deliver_until(std::uint64_t cycle) {
    while (!posted_.empty() && posted_.front().cycle <= cycle) {
        const posted_write w = posted_.front();
        posted_.pop_front();
        bank_.write(w.offset, w.bytes, w.value);
    }
}

void register_port::execute(tlm::tlm_generic_payload& p) {
    p.set_response_status(check(p));
    if (!p.is_response_ok())
        return;
    const auto offset = static_cast<std::uint32_t>(p.get_address());
    const unsigned bytes = p.get_data_length();
    std::uint64_t value = 0;
    if (p.is_read()) {
        deliver_until(last_effect_);
        value = bank_.read(offset, bytes);
        std::memcpy(p.get_data_ptr(), &value, bytes);
    } else if (p.is_write() && post_depth_ == 0) {
        std::memcpy(&value, p.get_data_ptr(), bytes);
        bank_.write(offset, bytes, value);
    }
}

void register_port::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    if (post_depth_ == 0)
        delay += clock_.to_time(cycles_);
    else
        delay = std::max(delay, clock_.time_until(begin(p, clock_.cycle_after(delay))));
    execute(p);
}

tlm::tlm_sync_enum register_port::nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                  sc_core::sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) {
        p.acquire();
        current_ = &p; // END_REQ is held back until the response, so there is one at a time
        clock_.at(begin(p, clock_.cycle_after(delay)), task::of<&register_port::respond>(*this));
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
    execute(p);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay;
    responding_ = true;
    if (socket->nb_transport_bw(p, phase, delay) != tlm::TLM_ACCEPTED)
        response_ended(p);
}

unsigned register_port::transport_dbg(tlm::tlm_generic_payload& p) {
    const unsigned bytes = p.get_data_length();
    if (!p.is_read() || bytes > 8 || !std::has_single_bit(bytes) || p.get_address() % bytes != 0 ||
        p.get_address() > largest_offset || !p.get_data_ptr())
        return 0;
    const std::uint64_t value = bank_.read(static_cast<std::uint32_t>(p.get_address()), bytes);
    std::memcpy(p.get_data_ptr(), &value, bytes);
    return bytes;
}

} // namespace iommulab
