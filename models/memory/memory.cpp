// SPDX-License-Identifier: Apache-2.0
#include "models/memory/memory.h"

#include "models/core/payload_check.h"
#include "models/memory/payload_execution.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace iommulab {
namespace {

using sc_core::sc_time;

std::string hex(std::uint64_t value) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    do {
        text.insert(text.begin(), digits[value & 15]);
        value >>= 4;
    } while (value != 0);
    return "0x" + text;
}

void check(std::vector<memory_range>& ranges, const std::string& where) {
    std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
    const memory_range* before = nullptr;
    for (const auto& r : ranges) {
        const std::string text = where + ": range '" + r.name + "' at " + hex(r.base);
        if (r.size_bytes == 0)
            throw std::invalid_argument(text + " is empty");
        if (r.base + (r.size_bytes - 1) < r.base)
            throw std::invalid_argument(text + " of " + hex(r.size_bytes) + " bytes goes beyond 2^64");
        if (before && r.base - before->base < before->size_bytes)
            throw std::invalid_argument(text + " overlaps range '" + before->name + "' at " + hex(before->base));
        before = &r;
    }
}

} // namespace

memory::memory(sc_core::sc_module_name name, memory_parameters parameters)
    : sc_core::sc_module(name), p_(std::move(parameters)), clock_("clock", sc_time(1, sc_core::SC_PS)) {
    check(p_.ranges, this->name());
    if (p_.queue_depth == 0 || p_.data_width_bytes == 0 || p_.accept_interval_ps == 0)
        throw std::invalid_argument(std::string(this->name()) +
                                    ": queue_depth, data_width_bytes and accept_interval_ps must not be 0");
    if (p_.dram)
        dram_.emplace(*p_.dram);
    read_time_ = clock_.to_time(p_.read_latency_ps);
    write_time_ = clock_.to_time(p_.write_latency_ps);
    slots_.resize(p_.queue_depth);
    for (auto& s : slots_) {
        s.owner = this;
        free_slots_.push_back(&s);
    }
    ready_.resize(p_.queue_depth);
    target.bind(*this);
}

const memory_range* memory::range_of(std::uint64_t address, std::uint64_t bytes) const {
    const auto holds = [&](const memory_range& r) {
        const std::uint64_t offset = address - r.base;
        return address >= r.base && offset < r.size_bytes && bytes <= r.size_bytes - offset;
    };
    if (last_range_ < p_.ranges.size() && holds(p_.ranges[last_range_]))
        return &p_.ranges[last_range_];
    const auto above = std::upper_bound(p_.ranges.begin(), p_.ranges.end(), address,
                                        [](std::uint64_t a, const memory_range& r) { return a < r.base; });
    if (above == p_.ranges.begin() || !holds(*std::prev(above)))
        return nullptr;
    last_range_ = static_cast<std::size_t>(std::prev(above) - p_.ranges.begin());
    return &p_.ranges[last_range_];
}

// ---- contents and time ----

tlm::tlm_response_status memory::execute_counted(tlm::tlm_generic_payload& payload) {
    const unsigned bytes = payload.get_data_length();
    if (!range_of(payload.get_address(), bytes)) {
        ++counted_.address_errors;
        return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    }
    const auto status = execute(store_, payload);
    if (status != tlm::TLM_OK_RESPONSE) {
        ++counted_.other_errors;
    } else if (payload.is_read()) {
        ++counted_.reads;
        counted_.bytes_read += bytes;
    } else if (payload.is_write()) {
        ++counted_.writes;
        counted_.bytes_written += bytes;
    } else if (compare_swap_of(payload)) {
        ++counted_.atomics;
    }
    return status;
}

/// The time at which the answer to a request accepted at `arrival_ps` may begin.
std::uint64_t memory::serve_ps(const tlm::tlm_generic_payload& payload, std::uint64_t arrival_ps) {
    const bool write = changes_memory(payload);
    const std::uint64_t bytes = payload.get_data_length();
    if (dram_ && payload.get_response_status() == tlm::TLM_OK_RESPONSE)
        return dram_->serve(arrival_ps, payload.get_address(), bytes, write);
    const std::uint64_t latency_ps = write ? p_.write_latency_ps : p_.read_latency_ps, busy_ps = beats_ps(bytes);
    if (busy_ps == 0)
        return arrival_ps + latency_ps;
    data_free_ps_ = std::max(arrival_ps + latency_ps, data_free_ps_) + busy_ps;
    counted_.data_busy_ps += busy_ps;
    return data_free_ps_;
}

// ---- loosely timed, direct, debug ----

void memory::b_transport(tlm::tlm_generic_payload& payload, sc_time& delay) {
    const auto status = execute_counted(payload);
    payload.set_response_status(status);
    const bool write = changes_memory(payload);
    const unsigned bytes = payload.get_data_length();
    if (dram_ && status == tlm::TLM_OK_RESPONSE) {
        delay += clock_.to_time(dram_->unloaded_ps(payload.get_address(), bytes, write));
        return;
    }
    const std::uint64_t busy_ps = beats_ps(bytes);
    counted_.data_busy_ps += busy_ps;
    delay += write ? write_time_ : read_time_;
    if (busy_ps)
        delay += clock_.to_time(busy_ps);
    payload.set_dmi_allowed(status == tlm::TLM_OK_RESPONSE && p_.allow_dmi && !dram_);
}

bool memory::get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
    const std::uint64_t address = payload.get_address();
    const std::uint64_t page = address / sparse_store::page_bytes * sparse_store::page_bytes;
    std::uint64_t first = page, last = page + (sparse_store::page_bytes - 1);
    dmi.init();
    const memory_range* range = range_of(address, 1);
    if (range) {
        first = std::max(first, range->base);
        last = std::min(last, range->base + (range->size_bytes - 1));
    } else {
        first = last = address;
    }
    dmi.set_start_address(first);
    dmi.set_end_address(last);
    if (!range || !p_.allow_dmi || dram_)
        return false;
    dmi.set_dmi_ptr(store_.page_of(address) + (first - page));
    dmi.allow_read_write();
    dmi.set_read_latency(clock_.to_time(p_.read_latency_ps + p_.beat_ps));
    dmi.set_write_latency(clock_.to_time(p_.write_latency_ps + p_.beat_ps));
    ++counted_.dmi_grants;
    return true;
}

unsigned memory::transport_dbg(tlm::tlm_generic_payload& payload) {
    const std::uint64_t address = payload.get_address();
    const memory_range* range = range_of(address, 0);
    if (!range)
        return 0;
    if (check_rare_attributes(payload, true) != tlm::TLM_OK_RESPONSE)
        return 0;
    const std::uint64_t there = range->size_bytes - (address - range->base);
    const auto bytes = static_cast<unsigned>(std::min<std::uint64_t>(payload.get_data_length(), there));
    if (payload.is_read())
        store_.read(address, payload.get_data_ptr(), bytes);
    else if (payload.is_write())
        store_.write(address, payload.get_data_ptr(), bytes);
    else if (!compare_swap_of(payload) || bytes < payload.get_data_length() ||
             execute(store_, payload) != tlm::TLM_OK_RESPONSE)
        return 0;
    return bytes;
}

// ---- four phases ----

tlm::tlm_sync_enum memory::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) {
        if (arriving_ || waiting_ || accepting_) {
            SC_REPORT_ERROR(name(), "BEGIN_REQ before END_REQ of the request before it");
            payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
            return tlm::TLM_COMPLETED;
        }
        payload.acquire();
        if (delay != sc_core::SC_ZERO_TIME) {
            arriving_ = &payload;
            clock_.at(clock_.cycle_after(delay), task::of<&memory::arrive>(*this));
            return tlm::TLM_ACCEPTED;
        }
        if (free_slots_.empty() || p_.explicit_end_request) {
            arriving_ = &payload;
            arrive();
            return tlm::TLM_ACCEPTED;
        }
        accept(payload);
        phase = tlm::END_REQ;
        delay = clock_.to_time(p_.accept_interval_ps);
        return tlm::TLM_UPDATED;
    }
    if (phase == tlm::END_RESP && responding_ && responding_->payload == &payload) {
        if (delay == sc_core::SC_ZERO_TIME && ready_count_ == 0 && !waiting_)
            end_response();
        else // END_REQ and BEGIN_RESP are not sent from within a forward call
            clock_.at(clock_.cycle_after(delay), task::of<&memory::end_response>(*this));
        return tlm::TLM_COMPLETED;
    }
    SC_REPORT_ERROR(name(), "phase that does not belong to the state of its transaction");
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    return tlm::TLM_COMPLETED;
}

/// A request is there. Sends nothing itself: END_REQ follows as a call of its own.
void memory::arrive() {
    tlm::tlm_generic_payload* payload = std::exchange(arriving_, nullptr);
    if (free_slots_.empty()) {
        waiting_ = payload;
        waiting_since_ps_ = now_ps();
        ++counted_.queue_full;
        full_probe_.set(1, waiting_since_ps_);
        return;
    }
    accepting_ = payload;
    clock_.after(p_.accept_interval_ps, task::of<&memory::send_end_request>(*this)); // before BEGIN_RESP of equal time
    accept(*payload);
}

void memory::admit_waiting() {
    admission_due_ = false;
    counted_.queue_wait_ps += now_ps() - waiting_since_ps_;
    full_probe_.set(0, now_ps());
    arriving_ = std::exchange(waiting_, nullptr);
    arrive();
}

void memory::send_end_request() {
    tlm::tlm_generic_payload* payload = std::exchange(accepting_, nullptr);
    tlm::tlm_phase phase = tlm::END_REQ;
    sc_time delay = sc_core::SC_ZERO_TIME;
    target->nb_transport_bw(*payload, phase, delay);
}

/// Takes a slot, changes or reads the data, and decides when the answer is ready.
void memory::accept(tlm::tlm_generic_payload& payload) {
    slot* s = free_slots_.back();
    free_slots_.pop_back();
    s->payload = &payload;
    const std::uint64_t now = now_ps(), used = slots_.size() - free_slots_.size();
    counted_.queue_peak = std::max(counted_.queue_peak, used);
    queue_probe_.set(used, now);
    payload.set_response_status(execute_counted(payload));
    const std::uint64_t done_ps = serve_ps(payload, now);
    clock_.after(std::max(done_ps - now, p_.accept_interval_ps), task::of<&slot::ready>(*s));
}

void memory::ready(slot& s) {
    ready_[(ready_first_ + ready_count_) % ready_.size()] = &s;
    ++ready_count_;
    respond();
}

void memory::respond() {
    while (!responding_ && ready_count_ > 0) {
        slot* s = ready_[ready_first_];
        ready_first_ = (ready_first_ + 1) % ready_.size();
        --ready_count_;
        responding_ = s;
        tlm::tlm_phase phase = tlm::BEGIN_RESP;
        sc_time delay = sc_core::SC_ZERO_TIME;
        const auto answer = target->nb_transport_bw(*s->payload, phase, delay);
        if (answer == tlm::TLM_ACCEPTED)
            return; // END_RESP comes by nb_transport_fw
        if (delay != sc_core::SC_ZERO_TIME) {
            clock_.at(clock_.cycle_after(delay), task::of<&memory::end_response>(*this));
            return;
        }
        responding_ = nullptr;
        finish(*s);
    }
}

void memory::end_response() {
    finish(*std::exchange(responding_, nullptr));
    respond();
}

void memory::finish(slot& s) {
    std::exchange(s.payload, nullptr)->release();
    free_slots_.push_back(&s);
    queue_probe_.set(slots_.size() - free_slots_.size(), now_ps());
    if (waiting_ && !admission_due_) {
        admission_due_ = true;
        clock_.after(0, task::of<&memory::admit_waiting>(*this));
    }
}

// ---- reporting ----

memory::statistics memory::counted() const {
    statistics s = counted_;
    if (dram_)
        s.data_busy_ps += dram_->counted().bus_busy_ps;
    return s;
}

std::vector<counter> memory::counters() const {
    std::vector<counter> list{
        {"reads", "read requests answered", &counted_.reads},
        {"writes", "write requests answered", &counted_.writes},
        {"atomics", "compare-and-swap requests answered", &counted_.atomics},
        {"bytes_read", "bytes read", &counted_.bytes_read},
        {"bytes_written", "bytes written", &counted_.bytes_written},
        {"address_errors", "requests to addresses that do not exist", &counted_.address_errors},
        {"other_errors", "requests with attributes the memory does not support", &counted_.other_errors},
        {"queue_full", "requests that found the queue full", &counted_.queue_full},
        {"queue_wait_ps", "time that requests waited for a full queue", &counted_.queue_wait_ps},
        {"queue_peak", "most requests in the queue at one time", &counted_.queue_peak},
        {"dmi_grants", "direct memory pointers given out", &counted_.dmi_grants},
    };
    if (dram_) {
        const auto& d = dram_->counted();
        list.push_back({"row_hits", "bursts that found their row open", &d.row_hits});
        list.push_back({"row_misses", "bursts that found no row open", &d.row_misses});
        list.push_back({"row_conflicts", "bursts that found another row open", &d.row_conflicts});
        list.push_back({"data_busy_ps", "data buses occupied, channels added up", &d.bus_busy_ps});
    } else {
        list.push_back({"data_busy_ps", "data path occupied", &counted_.data_busy_ps});
    }
    return list;
}

void memory::record(waveform_writer& writer, std::string_view scope) {
    queue_probe_.attach(&writer, scope, "queue", 16);
    full_probe_.attach(&writer, scope, "queue_full", 1);
}

} // namespace iommulab
