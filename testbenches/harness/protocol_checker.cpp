// SPDX-License-Identifier: Apache-2.0
#include "testbenches/harness/protocol_checker.h"

#include <algorithm>

namespace iommulab {
namespace {

using sc_core::sc_time;
using sc_core::sc_time_stamp;

const char* phase_name(unsigned phase) {
    switch (phase) {
    case tlm::UNINITIALIZED_PHASE:
        return "no phase";
    case tlm::BEGIN_REQ:
        return "BEGIN_REQ";
    case tlm::END_REQ:
        return "END_REQ";
    case tlm::BEGIN_RESP:
        return "BEGIN_RESP";
    case tlm::END_RESP:
        return "END_RESP";
    default:
        return "an extended phase";
    }
}

std::uint64_t digest(const unsigned char* data, unsigned bytes) {
    std::uint64_t hash = 0xCBF29CE484222325; // FNV-1a
    for (unsigned i = 0; i < bytes; ++i)
        hash = (hash ^ data[i]) * 0x100000001B3;
    return hash;
}

std::string text_of(const char* call, const std::string& found) {
    return std::string(call) + ": " + found;
}

/// Counts a call for as long as it lasts, also when it ends by an exception.
struct depth_guard {
    explicit depth_guard(unsigned& d) : depth(d) { ++depth; }
    ~depth_guard() { --depth; }
    depth_guard(const depth_guard&) = delete;
    depth_guard& operator=(const depth_guard&) = delete;
    unsigned& depth;
};

} // namespace

const char* name_of(protocol_rule rule) {
    switch (rule) {
    case protocol_rule::phase_order:
        return "phase_order";
    case protocol_rule::return_value:
        return "return_value";
    case protocol_rule::request_exclusion:
        return "request_exclusion";
    case protocol_rule::response_exclusion:
        return "response_exclusion";
    case protocol_rule::timing:
        return "timing";
    case protocol_rule::payload_lifetime:
        return "payload_lifetime";
    case protocol_rule::initial_attributes:
        return "initial_attributes";
    case protocol_rule::changed_attribute:
        return "changed_attribute";
    case protocol_rule::response_status:
        return "response_status";
    case protocol_rule::mixed_transport:
        return "mixed_transport";
    case protocol_rule::blocking:
        return "blocking";
    case protocol_rule::reentrance:
        return "reentrance";
    case protocol_rule::direct_memory:
        return "direct_memory";
    case protocol_rule::debug:
        return "debug";
    }
    return "?";
}

protocol_checker::protocol_checker(sc_core::sc_module_name name) : sc_core::sc_module(name) {
    target.bind(*this);
    initiator.bind(*this);
}

std::size_t protocol_checker::count(protocol_rule rule) const {
    return static_cast<std::size_t>(
        std::count_if(violations_.begin(), violations_.end(), [&](const auto& v) { return v.rule == rule; }));
}

std::string protocol_checker::report() const {
    std::string text;
    for (const auto& v : violations_)
        text += std::string(name()) + " at " + v.when.to_string() + ": " + name_of(v.rule) + ": " + v.text + "\n";
    return text;
}

void protocol_checker::violated(protocol_rule rule, const std::string& text) {
    constexpr std::size_t most_kept = 1000; // one mistake in a long run makes a violation per access
    if (violations_.size() < most_kept)
        violations_.push_back({rule, sc_time_stamp(), text});
    if (raise)
        SC_REPORT_ERROR(name(), (std::string(name_of(rule)) + ": " + text).c_str());
}

// ---- attributes ----

protocol_checker::attributes protocol_checker::attributes_of(const tlm::tlm_generic_payload& p) {
    const bool writes = p.is_write() && p.get_data_ptr();
    return {p.get_command(),
            p.get_data_ptr(),
            p.get_data_length(),
            p.get_streaming_width(),
            p.get_byte_enable_length(),
            p.get_byte_enable_ptr(),
            writes ? digest(p.get_data_ptr(), p.get_data_length()) : 0};
}

void protocol_checker::check_initial(const tlm::tlm_generic_payload& p, const char* call) {
    const auto need = [&](bool good, const char* text) {
        if (!good)
            violated(protocol_rule::initial_attributes, text_of(call, text));
    };
    const bool moves_data = p.get_command() != tlm::TLM_IGNORE_COMMAND;
    need(!moves_data || p.get_data_ptr(), "data pointer is null");
    need(!moves_data || p.get_data_length() > 0, "data length is 0");
    need(p.get_streaming_width() > 0, "streaming width is 0");
    need(!p.get_byte_enable_ptr() || p.get_byte_enable_length() > 0, "byte enables of length 0");
    need(!p.is_dmi_allowed(), "DMI allowed is already set");
    need(p.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE, "response status is not TLM_INCOMPLETE_RESPONSE");
}

void protocol_checker::check_unchanged(const attributes& before, const tlm::tlm_generic_payload& p, const char* call) {
    const attributes now = attributes_of(p);
    const auto same = [&](bool good, const char* what) {
        if (!good)
            violated(protocol_rule::changed_attribute,
                     text_of(call, std::string(what) + " has changed since the request"));
    };
    same(now.command == before.command, "command");
    same(now.data == before.data, "data pointer");
    same(now.length == before.length, "data length");
    same(now.streaming_width == before.streaming_width, "streaming width");
    same(now.enable == before.enable, "byte enable pointer");
    same(now.enable_length == before.enable_length, "byte enable length");
    if (now.command == before.command && now.data == before.data && now.length == before.length)
        same(now.written == before.written, "data to be written");
}

void protocol_checker::check_alive(const tlm::tlm_generic_payload& p, const char* call) {
    if (!p.has_mm())
        violated(protocol_rule::payload_lifetime, text_of(call, "payload without a memory manager"));
    else if (p.get_ref_count() < 1)
        violated(protocol_rule::payload_lifetime, text_of(call, "payload with reference count 0"));
}

void protocol_checker::check_time(transaction& t, const sc_time& delay, const char* call) {
    if (delay.value() >> 63)
        violated(protocol_rule::timing,
                 text_of(call, "delay of " + delay.to_string() + ", a negative one most likely"));
    const sc_time time = sc_time_stamp() + delay;
    if (time < t.time)
        violated(protocol_rule::timing,
                 text_of(call, "at " + time.to_string() + ", the phase before it was at " + t.time.to_string()));
    t.time = time;
}

// ---- phases ----

void protocol_checker::begin_request(tlm::tlm_generic_payload& p, const sc_time& delay) {
    const char* call = "nb_transport_fw(BEGIN_REQ)";
    ++begun_;
    if (blocking_.contains(&p))
        violated(protocol_rule::mixed_transport, text_of(call, "payload is in b_transport"));
    if (transactions_.contains(&p))
        violated(protocol_rule::phase_order, text_of(call, std::string("payload is in use, its last phase was ") +
                                                               phase_name(transactions_[&p].phase)));
    transaction t;
    t.begin = attributes_of(p);
    t.phase = tlm::BEGIN_REQ;
    check_alive(p, call);
    check_initial(p, call);
    check_time(t, delay, call);
    if (requesting_)
        violated(protocol_rule::request_exclusion, text_of(call, "END_REQ of the request before has not been seen"));
    else if (t.time < request_end_)
        violated(protocol_rule::request_exclusion,
                 text_of(call, "at " + t.time.to_string() + ", END_REQ before is at " + request_end_.to_string()));
    requesting_ = &p;
    transactions_[&p] = t;
}

void protocol_checker::end_request(tlm::tlm_generic_payload& p, transaction& t, const sc_time& delay,
                                   const char* call) {
    if (t.phase != tlm::BEGIN_REQ)
        violated(protocol_rule::phase_order, text_of(call, std::string("END_REQ after ") + phase_name(t.phase)));
    check_time(t, delay, call);
    t.phase = std::max<unsigned>(t.phase, tlm::END_REQ);
    if (requesting_ == &p) {
        requesting_ = nullptr;
        request_end_ = t.time;
    }
}

void protocol_checker::begin_response(tlm::tlm_generic_payload& p, transaction& t, const sc_time& delay,
                                      const char* call) {
    if (t.phase != tlm::BEGIN_REQ && t.phase != tlm::END_REQ)
        violated(protocol_rule::phase_order, text_of(call, std::string("BEGIN_RESP after ") + phase_name(t.phase)));
    check_time(t, delay, call);
    check_unchanged(t.begin, p, call);
    if (p.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE)
        violated(protocol_rule::response_status, text_of(call, "response status is still TLM_INCOMPLETE_RESPONSE"));
    t.status = p.get_response_status();
    t.phase = tlm::BEGIN_RESP;
    if (requesting_ == &p) { // a response implies END_REQ
        requesting_ = nullptr;
        request_end_ = t.time;
    }
    if (responding_)
        violated(protocol_rule::response_exclusion, text_of(call, "END_RESP of the response before has not been seen"));
    else if (t.time < response_end_)
        violated(protocol_rule::response_exclusion,
                 text_of(call, "at " + t.time.to_string() + ", END_RESP before is at " + response_end_.to_string()));
    responding_ = &p;
}

void protocol_checker::end_response(tlm::tlm_generic_payload& p, transaction& t, const sc_time& delay,
                                    const char* call) {
    if (t.phase != tlm::BEGIN_RESP)
        violated(protocol_rule::phase_order, text_of(call, std::string("END_RESP after ") + phase_name(t.phase)));
    else if (p.get_response_status() != t.status)
        violated(protocol_rule::response_status, text_of(call, "response status has changed since BEGIN_RESP"));
    check_time(t, delay, call);
    if (responding_ == &p) {
        responding_ = nullptr;
        response_end_ = t.time;
    }
    if (requesting_ == &p) {
        requesting_ = nullptr;
        request_end_ = t.time;
    }
    transactions_.erase(&p);
}

/// A phase from the target, by nb_transport_bw or as the return value of nb_transport_fw.
void protocol_checker::target_says(tlm::tlm_generic_payload& p, const tlm::tlm_phase& phase, const sc_time& delay,
                                   const char* call) {
    const auto found = transactions_.find(&p);
    if (found == transactions_.end()) {
        violated(protocol_rule::phase_order,
                 text_of(call, std::string(phase_name(phase)) + " of a transaction that is not under way"));
        return;
    }
    if (phase == tlm::END_REQ)
        end_request(p, found->second, delay, call);
    else if (phase == tlm::BEGIN_RESP)
        begin_response(p, found->second, delay, call);
    else
        violated(protocol_rule::phase_order,
                 text_of(call, std::string(phase_name(phase)) + ", expected END_REQ or BEGIN_RESP from a target"));
}

tlm::tlm_sync_enum protocol_checker::nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                     sc_time& delay) {
    if (backward_depth_)
        violated(protocol_rule::reentrance, "nb_transport_fw from within nb_transport_bw");
    const unsigned sent = phase;
    const sc_time sent_time = sc_time_stamp() + delay;
    if (sent == tlm::BEGIN_REQ) {
        begin_request(p, delay);
    } else if (sent == tlm::END_RESP) {
        const char* call = "nb_transport_fw(END_RESP)";
        check_alive(p, call);
        const auto found = transactions_.find(&p);
        if (found == transactions_.end())
            violated(protocol_rule::phase_order, text_of(call, "transaction is not under way"));
        else
            end_response(p, found->second, delay, call);
    } else {
        violated(protocol_rule::phase_order, std::string("nb_transport_fw(") + phase_name(sent) +
                                                 "): expected BEGIN_REQ or END_RESP from an initiator");
    }

    tlm::tlm_sync_enum answer;
    {
        const depth_guard guard(forward_depth_);
        answer = initiator->nb_transport_fw(p, phase, delay);
    }
    if (sc_time_stamp() + delay < sent_time)
        violated(protocol_rule::timing, "return of nb_transport_fw: delay has decreased");
    if (sent == tlm::END_RESP) {
        if (answer == tlm::TLM_UPDATED)
            violated(protocol_rule::return_value, "nb_transport_fw(END_RESP) answered TLM_UPDATED");
        return answer;
    }
    if (sent != tlm::BEGIN_REQ)
        return answer;
    if (answer == tlm::TLM_ACCEPTED) {
        if (phase != sent)
            violated(protocol_rule::return_value, "TLM_ACCEPTED with a changed phase");
    } else if (answer == tlm::TLM_UPDATED) {
        target_says(p, phase, delay, "return of nb_transport_fw(BEGIN_REQ)");
    } else if (const auto found = transactions_.find(&p); found != transactions_.end()) {
        // early completion: request and response in one (15.2.4)
        transaction& t = found->second;
        check_time(t, delay, "return of nb_transport_fw(BEGIN_REQ)");
        check_unchanged(t.begin, p, "return of nb_transport_fw(BEGIN_REQ)");
        if (p.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE)
            violated(protocol_rule::response_status, "TLM_COMPLETED with TLM_INCOMPLETE_RESPONSE");
        if (requesting_ == &p) {
            requesting_ = nullptr;
            request_end_ = t.time;
        }
        transactions_.erase(found);
    }
    return answer;
}

tlm::tlm_sync_enum protocol_checker::nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                                     sc_time& delay) {
    if (forward_depth_)
        violated(protocol_rule::reentrance, "nb_transport_bw from within nb_transport_fw");
    const unsigned sent = phase;
    const sc_time sent_time = sc_time_stamp() + delay;
    check_alive(p, "nb_transport_bw");
    target_says(p, phase, delay, sent == tlm::END_REQ ? "nb_transport_bw(END_REQ)" : "nb_transport_bw(BEGIN_RESP)");

    tlm::tlm_sync_enum answer;
    {
        const depth_guard guard(backward_depth_);
        answer = target->nb_transport_bw(p, phase, delay);
    }
    if (sc_time_stamp() + delay < sent_time)
        violated(protocol_rule::timing, "return of nb_transport_bw: delay has decreased");
    if (answer == tlm::TLM_ACCEPTED) {
        if (phase != sent)
            violated(protocol_rule::return_value, "TLM_ACCEPTED with a changed phase");
        return answer;
    }
    if (sent != tlm::BEGIN_RESP) {
        violated(protocol_rule::return_value,
                 std::string("nb_transport_bw(") + phase_name(sent) + ") answered other than TLM_ACCEPTED");
        return answer;
    }
    if (answer == tlm::TLM_UPDATED && phase != tlm::END_RESP) {
        violated(protocol_rule::return_value, std::string("nb_transport_bw(BEGIN_RESP) answered TLM_UPDATED with ") +
                                                  phase_name(phase) + ", expected END_RESP");
        return answer;
    }
    if (const auto found = transactions_.find(&p); found != transactions_.end())
        end_response(p, found->second, delay, "return of nb_transport_bw(BEGIN_RESP)");
    return answer;
}

// ---- the other interfaces ----

void protocol_checker::b_transport(tlm::tlm_generic_payload& p, sc_time& delay) {
    ++begun_;
    if (transactions_.contains(&p))
        violated(protocol_rule::mixed_transport, "b_transport: payload is under way in nb_transport");
    if (blocking_[&p]++ != 0)
        violated(protocol_rule::mixed_transport, "b_transport: payload is already in b_transport");
    check_initial(p, "b_transport");
    if (p.has_mm() && p.get_ref_count() < 1)
        violated(protocol_rule::payload_lifetime, "b_transport: payload with reference count 0");
    const attributes before = attributes_of(p);
    const auto called = sc_time_stamp().value();
    const sc_time time = sc_time_stamp() + delay;
    initiator->b_transport(p, delay);
    if (--blocking_[&p] == 0)
        blocking_.erase(&p);
    if (sc_time_stamp().value() != called)
        violated(protocol_rule::blocking, "b_transport waited");
    if (sc_time_stamp() + delay < time)
        violated(protocol_rule::timing, "b_transport: returns at " + (sc_time_stamp() + delay).to_string() +
                                            ", called at " + time.to_string());
    check_unchanged(before, p, "return of b_transport");
    if (p.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE)
        violated(protocol_rule::response_status, "b_transport: returns TLM_INCOMPLETE_RESPONSE");
}

bool protocol_checker::get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) {
    const auto called = sc_time_stamp().value();
    const auto address = p.get_address();
    const bool granted = initiator->get_direct_mem_ptr(p, dmi);
    const auto need = [&](bool good, const char* text) {
        if (!good)
            violated(protocol_rule::direct_memory, text_of("get_direct_mem_ptr", text));
    };
    need(sc_time_stamp().value() == called, "time has passed");
    need(dmi.get_start_address() <= dmi.get_end_address(), "range ends before it starts");
    need(address >= dmi.get_start_address() && address <= dmi.get_end_address(),
         "range does not contain the requested address");
    if (granted) {
        need(dmi.get_dmi_ptr() != nullptr, "granted with a null pointer");
        need(!p.is_read() || dmi.is_read_allowed(), "granted for a read that it does not allow");
        need(!p.is_write() || dmi.is_write_allowed(), "granted for a write that it does not allow");
    }
    return granted;
}

unsigned protocol_checker::transport_dbg(tlm::tlm_generic_payload& p) {
    const auto called = sc_time_stamp().value();
    const attributes before = attributes_of(p);
    const auto status = p.get_response_status();
    const unsigned bytes = initiator->transport_dbg(p);
    const auto need = [&](bool good, const char* text) {
        if (!good)
            violated(protocol_rule::debug, text_of("transport_dbg", text));
    };
    need(sc_time_stamp().value() == called, "time has passed");
    need(bytes <= p.get_data_length(), "more bytes than asked for");
    const auto after = p.get_response_status();
    need(after == status || after > 0 || bytes < p.get_data_length(), "all bytes, and an error status");
    need(after == status || after <= 0 || bytes > 0 || p.get_data_length() == 0, "no bytes, and an OK status");
    check_unchanged(before, p, "return of transport_dbg");
    return bytes;
}

void protocol_checker::invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) {
    if (first > last)
        violated(protocol_rule::direct_memory, "invalidate_direct_mem_ptr: range ends before it starts");
    target->invalidate_direct_mem_ptr(first, last);
}

} // namespace iommulab
