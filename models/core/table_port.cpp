// SPDX-License-Identifier: Apache-2.0
#include "models/core/table_port.h"

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
        ++reads;
        break;
    case memory_request::kind::write:
        p.set_command(tlm::TLM_WRITE_COMMAND);
        std::memcpy(p.get_data_ptr(), r.words.data(), r.bytes);
        ++writes;
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
        ++writes;
        break;
    }
    }
    return p;
}

void table_port::read_back(payload& p) {
    memory_request& r = *p.owner;
    r.ok = p.is_response_ok();
    errors += !r.ok;
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
            ++reads;
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
    const std::uint64_t page = address >> 12;
    direct_page& d = direct_[page % direct_.size()];
    if (address < d.first || address > d.last || d.last - address < bytes - 1) {
        if ((address & 0xfff) + bytes > 0x1000)
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
        d.first = std::max<std::uint64_t>(dmi.get_start_address(), page << 12);
        d.last = std::min<std::uint64_t>(dmi.get_end_address(), (page << 12) | 0xfff);
        d.data = dmi.get_dmi_ptr() + (d.first - dmi.get_start_address());
        d.latency = dmi.get_read_latency();
        d.latency_ps = clock_.ps(d.latency);
        if (d.last - address < bytes - 1)
            return nullptr;
    }
    delay += d.latency;
    return d.data + (address - d.first);
}

void table_port::invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) {
    direct_.fill({});
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
