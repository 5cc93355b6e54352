// SPDX-License-Identifier: Apache-2.0
#include "models/memory/interconnect.h"

#include "models/core/payload_check.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace iommulab {

using sc_core::sc_time;

namespace {
constexpr std::size_t nowhere = ~std::size_t{0};
} // namespace

/// One request on its way, from its acceptance to the end of its response.
struct interconnect::flight {
    tlm::tlm_generic_payload* payload = nullptr;
    std::size_t input = 0, output = nowhere;
    std::uint64_t address = 0;  // as the initiator gave it
    std::uint64_t ready_ps = 0; // when it has reached the arbiter, or the initiator's response wire
    bool at_target = false;     // BEGIN_REQ sent, no response yet
};

struct interconnect::input_port : sc_core::sc_module, tlm::tlm_fw_transport_if<> {
    tlm::tlm_target_socket<64> socket{"socket"};
    interconnect& owner;
    std::size_t number;
    tlm::tlm_generic_payload* waiting = nullptr; // BEGIN_REQ seen, END_REQ owed
    bool taking = false;                         // a task will take it
    std::uint64_t next_accept_ps = 0, next_response_ps = 0;
    fifo<flight*> buffer, responses;
    flight* responding = nullptr; // BEGIN_RESP sent
    bool response_due = false;

    input_port(sc_core::sc_module_name name, interconnect& o, std::size_t n)
        : sc_core::sc_module(name), owner(o), number(n) {
        socket.bind(*this);
    }

    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase, sc_time& delay) override;
    void b_transport(tlm::tlm_generic_payload& p, sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) override;
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override;

    void take_at(std::uint64_t ps);
    void take();
    void pop();
    void respond(flight& f);
    void schedule_response();
    void send_response();
    void response_ended(std::uint64_t at_ps);
};

struct interconnect::output_port : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<64> socket{"socket"};
    interconnect& owner;
    std::size_t number;
    flight* requesting = nullptr; // BEGIN_REQ sent, END_REQ awaited
    std::uint64_t free_ps = 0;
    std::uint64_t armed_ps = ~std::uint64_t{0}; // an arbitration will take place then
    std::size_t turn = 0;                       // the input to be looked at first

    output_port(sc_core::sc_module_name name, interconnect& o, std::size_t n)
        : sc_core::sc_module(name), owner(o), number(n) {
        socket.bind(*this);
    }

    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase, sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override;

    void arm(std::uint64_t ps);
    void arbitrate() {
        armed_ps = ~std::uint64_t{0};
        owner.arbitrate(*this);
    }
    void send(flight& f);
    void request_ended(std::uint64_t at_ps);
};

interconnect::interconnect(sc_core::sc_module_name name, const interconnect_parameters& parameters, std::size_t inputs,
                           const std::vector<output_description>& outputs)
    : sc_core::sc_module(name), p_(parameters), clock_("clock", sc_time(1, sc_core::SC_PS)) {
    if (p_.buffer_depth == 0)
        throw std::invalid_argument(std::string(this->name()) + ": buffer_depth must not be 0");
    for (std::size_t n = 0; n < inputs; ++n)
        inputs_.push_back(std::make_unique<input_port>(("input" + std::to_string(n)).c_str(), *this, n));
    for (std::size_t n = 0; n < outputs.size(); ++n) {
        outputs_.push_back(std::make_unique<output_port>(("output" + std::to_string(n)).c_str(), *this, n));
        for (const window& w : outputs[n].windows) {
            if (w.last < w.first)
                throw std::invalid_argument(std::string(this->name()) + ": a window ends before it begins");
            routes_.push_back({w.first, w.last, n, outputs[n].relative});
        }
    }
    std::sort(routes_.begin(), routes_.end(), [](const route& a, const route& b) { return a.first < b.first; });
    for (std::size_t n = 1; n < routes_.size(); ++n)
        if (routes_[n].first <= routes_[n - 1].last)
            throw std::invalid_argument(std::string(this->name()) + ": windows overlap");
}

interconnect::~interconnect() = default;

tlm::tlm_target_socket<64>& interconnect::input(std::size_t n) {
    return inputs_.at(n)->socket;
}
tlm::tlm_initiator_socket<64>& interconnect::output(std::size_t n) {
    return outputs_.at(n)->socket;
}

std::vector<counter> interconnect::counters() const {
    return {{"requests", "requests accepted", &counted_.requests},
            {"address_errors", "requests to addresses where nothing is", &counted_.address_errors},
            {"wait_ps", "time that requests waited for the wire to their target", &counted_.wait_ps},
            {"buffer_full", "requests that found their input's buffer full", &counted_.buffer_full}};
}

const interconnect::route* interconnect::find(std::uint64_t address, std::uint64_t bytes) const {
    const auto above = std::upper_bound(routes_.begin(), routes_.end(), address,
                                        [](std::uint64_t a, const route& r) { return a < r.first; });
    if (above == routes_.begin())
        return nullptr;
    const route& r = *std::prev(above);
    return address <= r.last && (bytes == 0 || bytes - 1 <= r.last - address) ? &r : nullptr;
}

interconnect::flight& interconnect::acquire() {
    if (idle_.empty()) {
        flights_.push_back(std::make_unique<flight>());
        idle_.reserve(flights_.size());
        idle_.push_back(flights_.back().get());
    }
    flight& f = *idle_.back();
    idle_.pop_back();
    ++under_way_;
    return f;
}

void interconnect::release(flight& f) {
    f.payload->release();
    f.payload = nullptr;
    f.at_target = false;
    idle_.push_back(&f);
    --under_way_;
}

interconnect::flight* interconnect::under_way(const tlm::tlm_generic_payload& p, std::size_t output) const {
    for (const auto& f : flights_) // as many as have ever been on their way at one time
        if (f->payload == &p && f->at_target && f->output == output)
            return f.get();
    return nullptr;
}

// --- requests
// ------------------------------------------------------------------------------------------------------------

tlm::tlm_sync_enum interconnect::input_port::nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                             sc_time& delay) {
    const std::uint64_t at_ps = owner.clock_.now_ps() + owner.clock_.ps(delay);
    if (phase == tlm::BEGIN_REQ) {
        if (waiting) {
            SC_REPORT_ERROR(name(), "BEGIN_REQ before END_REQ of the request before it");
            p.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
            return tlm::TLM_COMPLETED;
        }
        p.acquire();
        waiting = &p;
        if (buffer.size() >= owner.p_.buffer_depth)
            ++owner.counted_.buffer_full;
        take_at(std::max(at_ps, next_accept_ps));
        return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::END_RESP && responding && responding->payload == &p) {
        response_ended(at_ps);
        return tlm::TLM_COMPLETED;
    }
    return tlm::TLM_ACCEPTED;
}

void interconnect::input_port::take_at(std::uint64_t ps) {
    if (taking)
        return;
    taking = true;
    owner.clock_.at(ps, task::of<&input_port::take>(*this));
}

void interconnect::input_port::take() {
    taking = false;
    if (!waiting || buffer.size() >= owner.p_.buffer_depth)
        return; // pop() will call again
    const std::uint64_t now = owner.clock_.now_ps();
    next_accept_ps = now + owner.p_.interval_ps;
    flight& f = owner.acquire();
    f.payload = std::exchange(waiting, nullptr);
    f.input = number;
    f.address = f.payload->get_address();
    ++owner.counted_.requests;
    if (const route* r = owner.find(f.address, f.payload->get_data_length())) {
        f.output = r->output;
        f.ready_ps = now + owner.p_.request_latency_ps;
        if (r->relative)
            f.payload->set_address(f.address - r->first);
        buffer.push_back(&f);
        if (buffer.size() == 1)
            owner.outputs_[f.output]->arm(f.ready_ps);
    } else {
        ++owner.counted_.address_errors;
        f.output = nowhere;
        f.payload->set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        f.ready_ps = now + owner.p_.request_latency_ps + owner.p_.response_latency_ps;
        respond(f);
    }
    tlm::tlm_phase phase = tlm::END_REQ;
    sc_time delay;
    socket->nb_transport_bw(*f.payload, phase, delay); // the initiator may send its next request in this call
}

/// The oldest request has gone to its target.
void interconnect::input_port::pop() {
    buffer.pop_front();
    if (!buffer.empty())
        owner.outputs_[buffer.front()->output]->arm(buffer.front()->ready_ps);
    if (waiting)
        take_at(std::max(owner.clock_.now_ps(), next_accept_ps));
}

void interconnect::output_port::arm(std::uint64_t ps) {
    if (requesting)
        return; // the end of its request arms again
    ps = std::max({ps, free_ps, owner.clock_.now_ps()});
    if (ps >= armed_ps)
        return;
    armed_ps = ps;
    owner.clock_.at(ps, task::of<&output_port::arbitrate>(*this));
}

void interconnect::arbitrate(output_port& o) {
    const std::uint64_t now = clock_.now_ps();
    if (o.requesting || now < o.free_ps)
        return;
    std::uint64_t soonest = ~std::uint64_t{0};
    for (std::size_t n = 0; n < inputs_.size(); ++n) {
        input_port& in = *inputs_[(o.turn + n) % inputs_.size()];
        if (in.buffer.empty() || in.buffer.front()->output != o.number)
            continue;
        flight& f = *in.buffer.front();
        if (f.ready_ps > now) {
            soonest = std::min(soonest, f.ready_ps);
            continue;
        }
        o.turn = (in.number + 1) % inputs_.size();
        counted_.wait_ps += now - f.ready_ps;
        o.requesting = &f;
        in.pop();
        o.send(f);
        return;
    }
    if (soonest != ~std::uint64_t{0})
        o.arm(soonest);
}

void interconnect::output_port::send(flight& f) {
    f.at_target = true;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_time delay;
    tlm::tlm_generic_payload& p = *f.payload;
    const auto status = socket->nb_transport_fw(p, phase, delay);
    const std::uint64_t at_ps = owner.clock_.now_ps() + owner.clock_.ps(delay);
    if (status == tlm::TLM_ACCEPTED)
        return;
    if (status == tlm::TLM_UPDATED && phase == tlm::END_REQ) {
        request_ended(at_ps);
        return;
    }
    if (status == tlm::TLM_UPDATED) { // BEGIN_RESP: its END_RESP needs a call of its own
        tlm::tlm_phase end = tlm::END_RESP;
        socket->nb_transport_fw(p, end, delay);
    }
    request_ended(at_ps);
    owner.heard(f, at_ps);
}

void interconnect::output_port::request_ended(std::uint64_t at_ps) {
    requesting = nullptr;
    free_ps = std::max(at_ps, owner.clock_.now_ps() + owner.p_.interval_ps);
    // who is due is found by the arbitration itself
    arm(free_ps);
}

// --- responses
// -----------------------------------------------------------------------------------------------------------

tlm::tlm_sync_enum interconnect::output_port::nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                              sc_time& delay) {
    flight* f = owner.under_way(p, number);
    const std::uint64_t at_ps = owner.clock_.now_ps() + owner.clock_.ps(delay);
    if (!f)
        return tlm::TLM_ACCEPTED;
    if (phase == tlm::END_REQ) {
        if (requesting == f)
            request_ended(at_ps);
        return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::BEGIN_RESP) {
        if (requesting == f)
            request_ended(at_ps);
        owner.heard(*f, at_ps);
        phase = tlm::END_RESP;
        return tlm::TLM_COMPLETED;
    }
    return tlm::TLM_ACCEPTED;
}

/// A target has answered, at `at_ps`.
void interconnect::heard(flight& f, std::uint64_t at_ps) {
    f.at_target = false;
    f.payload->set_address(f.address);
    f.ready_ps = at_ps + p_.response_latency_ps;
    inputs_[f.input]->respond(f);
}

void interconnect::input_port::respond(flight& f) {
    responses.push_back(&f);
    schedule_response();
}

void interconnect::input_port::schedule_response() {
    if (responding || response_due || responses.empty())
        return;
    response_due = true;
    owner.clock_.at(std::max({responses.front()->ready_ps, next_response_ps, owner.clock_.now_ps()}),
                    task::of<&input_port::send_response>(*this));
}

void interconnect::input_port::send_response() {
    response_due = false;
    responding = responses.front();
    responses.pop_front();
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_time delay;
    const auto status = socket->nb_transport_bw(*responding->payload, phase, delay);
    if (status == tlm::TLM_COMPLETED || (status == tlm::TLM_UPDATED && phase == tlm::END_RESP))
        response_ended(owner.clock_.now_ps() + owner.clock_.ps(delay));
}

void interconnect::input_port::response_ended(std::uint64_t at_ps) {
    next_response_ps = std::max(at_ps, owner.clock_.now_ps() + owner.p_.interval_ps);
    owner.release(*std::exchange(responding, nullptr));
    schedule_response();
}

// --- loosely timed, direct, debug
// ----------------------------------------------------------------------------------------

void interconnect::input_port::b_transport(tlm::tlm_generic_payload& p, sc_time& delay) {
    const std::uint64_t address = p.get_address();
    const route* r = owner.find(address, p.get_data_length());
    ++owner.counted_.requests;
    delay += owner.clock_.to_time(owner.p_.request_latency_ps);
    if (r) {
        if (r->relative)
            p.set_address(address - r->first);
        owner.outputs_[r->output]->socket->b_transport(p, delay);
        p.set_address(address);
    } else {
        ++owner.counted_.address_errors;
        p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    }
    delay += owner.clock_.to_time(owner.p_.response_latency_ps);
}

bool interconnect::input_port::get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) {
    const std::uint64_t address = p.get_address();
    const route* r = owner.find(address, 1);
    dmi.init();
    if (!r) {
        dmi.set_start_address(address);
        dmi.set_end_address(address);
        return false;
    }
    const std::uint64_t shift = r->relative ? r->first : 0;
    p.set_address(address - shift);
    const bool granted = owner.outputs_[r->output]->socket->get_direct_mem_ptr(p, dmi);
    p.set_address(address);
    // what lies beyond the window belongs to somebody else
    const std::uint64_t first = std::max<std::uint64_t>(dmi.get_start_address(), r->first - shift);
    const std::uint64_t last = std::min<std::uint64_t>(dmi.get_end_address(), r->last - shift);
    if (granted)
        dmi.set_dmi_ptr(dmi.get_dmi_ptr() + (first - dmi.get_start_address()));
    dmi.set_start_address(first + shift);
    dmi.set_end_address(last + shift);
    const sc_time hop = owner.clock_.to_time(owner.p_.request_latency_ps + owner.p_.response_latency_ps);
    dmi.set_read_latency(dmi.get_read_latency() + hop);
    dmi.set_write_latency(dmi.get_write_latency() + hop);
    return granted;
}

unsigned interconnect::input_port::transport_dbg(tlm::tlm_generic_payload& p) {
    const std::uint64_t address = p.get_address();
    const route* r = owner.find(address, 0);
    if (!r)
        return 0;
    if (r->relative)
        p.set_address(address - r->first);
    const unsigned bytes = p.get_data_length();
    const std::uint64_t behind = r->last - address; // bytes of the window after the first
    if (compare_swap_of(p) && behind < bytes - 1)
        return 0; // it has no parts
    p.set_data_length(behind < bytes ? static_cast<unsigned>(behind + 1) : bytes);
    const unsigned done = owner.outputs_[r->output]->socket->transport_dbg(p);
    p.set_data_length(bytes);
    p.set_address(address);
    return done;
}

void interconnect::output_port::invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) {
    for (const route& r : owner.routes_) {
        if (r.output != number)
            continue;
        const std::uint64_t shift = r.relative ? r.first : 0;
        const std::uint64_t from = std::max<std::uint64_t>(first, r.first - shift);
        const std::uint64_t to = std::min<std::uint64_t>(last, r.last - shift);
        if (from <= to)
            for (auto& in : owner.inputs_)
                in->socket->invalidate_direct_mem_ptr(from + shift, to + shift);
    }
}

} // namespace iommulab
