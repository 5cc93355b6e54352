// SPDX-License-Identifier: Apache-2.0
#include "models/core/table_port.h"

#include <algorithm>
#include <cstring>

namespace iommulab {

table_port::table_port(sc_core::sc_module_name name, scheduler& clock, unsigned outstanding, bool loosely_timed)
    : sc_core::sc_module(name),
      clock_(clock),
      bound_(outstanding),
      loosely_timed_(loosely_timed),
      channel_(clock, socket, *this) {
    socket.bind(*this);
}

table_port::payload& table_port::prepare(memory_request& r) {
    payload& p = payloads_.acquire(r.bytes, &r);
    p.set_address(r.address);
    p.side.privileged = true;
    switch (r.what) {
    case memory_request::kind::read:
        p.set_command(tlm::TLM_READ_COMMAND);
        ++direct_.reads;
        break;
    case memory_request::kind::write:
        p.set_command(tlm::TLM_WRITE_COMMAND);
        std::memcpy(p.get_data_ptr(), r.words.data(), r.bytes);
        ++writes_;
        break;
    case memory_request::kind::compare_swap: {
        if (atomics_.empty())
            atomics_.push_back(std::make_unique<atomic_compare_swap>());
        auto atomic = std::move(atomics_.back());
        atomics_.pop_back();
        p.set_command(tlm::TLM_IGNORE_COMMAND);
        std::memcpy(atomic->expected.data(), &r.words[0], 8);
        std::memcpy(p.get_data_ptr(), &r.words[1], 8);
        atomic->result = atomic_compare_swap::outcome::ignored;
        p.set_extension(atomic.release());
        ++writes_;
        break;
    }
    }
    return p;
}

void table_port::read_back(payload& p) {
    memory_request& r = *p.owner;
    r.ok = p.is_response_ok();
    errors_ += !r.ok;
    if (r.what == memory_request::kind::read && r.ok)
        std::memcpy(r.words.data(), p.get_data_ptr(), r.bytes);
    if (r.what == memory_request::kind::compare_swap) {
        atomic_compare_swap* atomic = nullptr;
        p.get_extension(atomic);
        p.clear_extension(atomic);
        // memory that can't do it atomically refuses it: as a bus without atomics does
        r.ok = r.ok && atomic->result != atomic_compare_swap::outcome::ignored;
        r.swapped = atomic->result == atomic_compare_swap::outcome::swapped;
        std::memcpy(&r.words[0], atomic->found.data(), 8);
        atomics_.emplace_back(atomic);
    }
}

void table_port::begin(memory_request& r) {
    if (loosely_timed_) {
        sc_core::sc_time delay;
        serve(r, delay);
        clock_.at(clock_.cycle_after(delay), r.done);
        return;
    }
    waiting_.push_back(&r);
    send_waiting();
}

void table_port::send_waiting() {
    while (!waiting_.empty() && outstanding_ < bound_) {
        memory_request& r = *waiting_.front();
        waiting_.pop_front();
        outstanding_probe.set(++outstanding_, clock_.now_ps());
        channel_.push(prepare(r));
    }
}

void table_port::answered(payload& p, const sc_core::sc_time& delay) {
    read_back(p);
    outstanding_probe.set(--outstanding_, clock_.now_ps());
    clock_.at(clock_.cycle_after(delay), p.owner->done);
    if (!waiting_.empty())
        clock_.after(0, task::of<&table_port::send_waiting>(*this)); // not from within this call
}

void table_port::serve(memory_request& r, sc_core::sc_time& delay) {
    if (r.what == memory_request::kind::read && !direct_refused_) {
        if (const unsigned char* data = direct(r.address, r.bytes, delay)) {
            std::memcpy(r.words.data(), data, r.bytes);
            r.ok = true;
            ++direct_.reads;
            return;
        }
    }
    payload& p = prepare(r);
    socket->b_transport(p, delay);
    if (r.what == memory_request::kind::read && p.is_response_ok() && p.is_dmi_allowed())
        direct_refused_ = false;
    read_back(p);
    p.release();
}

const unsigned char* table_port::direct(std::uint64_t address, unsigned bytes, sc_core::sc_time& delay) {
    direct_reads::page& place = direct_.place_of(address);
    if (!place.holds(address, bytes)) {
        constexpr std::uint64_t offset = (std::uint64_t{1} << direct_reads::log2_page_bytes) - 1;
        if ((address & offset) + bytes > offset + 1)
            return nullptr;
        payload& p = payloads_.acquire(bytes);
        p.set_command(tlm::TLM_READ_COMMAND);
        p.set_address(address);
        tlm::tlm_dmi dmi;
        dmi.init();
        const bool granted = socket->get_direct_mem_ptr(p, dmi) && dmi.is_read_allowed();
        p.release();
        if (!granted || dmi.get_start_address() > address || dmi.get_end_address() < address) {
            direct_refused_ = !granted;
            return nullptr;
        }
        place.first = std::max<std::uint64_t>(dmi.get_start_address(), address & ~offset);
        const std::uint64_t granted_bytes =
            std::min<std::uint64_t>(dmi.get_end_address(), address | offset) - place.first + 1;
        place.places_of_words = granted_bytes >= 8 ? granted_bytes - 7 : 0;
        place.data = dmi.get_dmi_ptr() + (place.first - dmi.get_start_address());
        place.latency_ps = clock_.ps(dmi.get_read_latency());
        if (!place.holds(address, bytes))
            return nullptr;
    }
    delay += clock_.of_ps(place.latency_ps);
    return place.data + (address - place.first);
}

void table_port::invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) {
    direct_.forget();
    direct_refused_ = false;
}

void table_port::look(memory_request& r) {
    if (r.what != memory_request::kind::read) {
        r.ok = r.swapped = true;
        return;
    }
    payload& p = payloads_.acquire(r.bytes);
    p.set_command(tlm::TLM_READ_COMMAND);
    p.set_address(r.address);
    r.ok = socket->transport_dbg(p) == r.bytes;
    if (r.ok)
        std::memcpy(r.words.data(), p.get_data_ptr(), r.bytes);
    p.release();
}

} // namespace iommulab
