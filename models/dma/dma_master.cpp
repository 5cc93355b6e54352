// SPDX-License-Identifier: Apache-2.0
#include "models/dma/dma_master.h"

#include "models/dma/dma_state.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <type_traits>

namespace iommulab {
namespace {

unsigned char no_byte_enabled = TLM_BYTE_DISABLED;

constexpr std::size_t direct_regions = 16;

/// Has the source write its request where it stays: a copy of what has just been written in small pieces stalls the
/// host.
void ask(traffic& source, std::optional<dma_request>& place) {
    static_assert(std::is_trivially_destructible_v<std::optional<dma_request>>);
    new (&place) std::optional<dma_request>(source.next());
}

} // namespace

dma_master::dma_master(sc_core::sc_module_name name, dma_parameters parameters, std::unique_ptr<traffic> source)
    : sc_core::sc_module(name),
      p_(std::move(parameters)),
      source_(std::move(source)),
      checker_(p_.verify, p_.seed, p_.pattern),
      clock_("clock", sc_core::sc_time(1, sc_core::SC_PS)),
      direct_(direct_regions) {
    if (p_.outstanding == 0 || p_.burst_bytes == 0)
        throw std::invalid_argument(std::string(this->name()) + ": outstanding and burst_bytes must not be 0");
    if (!source_)
        throw std::invalid_argument(std::string(this->name()) + ": no source of traffic");
    initiator.bind(*this);
    SC_HAS_PROCESS(dma_master);
    if (p_.loosely_timed)
        SC_THREAD(run);
}

dma_master::~dma_master() = default;

void dma_master::start_of_simulation() {
    if (!p_.loosely_timed)
        wake_at(p_.start_ps);
}

void dma_master::poke() {
    if (p_.loosely_timed)
        poked_.notify(sc_core::SC_ZERO_TIME);
    else
        wake_at(std::max(now_ps(), p_.start_ps));
}

// ---- requests ----

/// Makes the source's next request current; false when there is none now. A request that cannot be issued costs a
/// nanosecond, lest a source that gives no other keep time from passing.
bool dma_master::fetch() {
    while (!current_ && !exhausted_ && refused_until_ps_ <= local_ps()) {
        const bool enough = (p_.max_requests != 0 && fetched_requests_ >= p_.max_requests) ||
                            (p_.max_bytes != 0 && fetched_bytes_ >= p_.max_bytes);
        if (idle_jobs_.empty()) {
            jobs_.push_back(std::make_unique<job>());
            idle_jobs_.push_back(jobs_.back().get());
        }
        job* j = idle_jobs_.back();
        if (enough)
            j->from_source.reset();
        else
            ask(*source_, j->from_source);
        if (!j->from_source) {
            exhausted_ = enough || !source_->waiting();
            break;
        }
        idle_jobs_.pop_back();
        ++fetched_requests_;
        fetched_bytes_ += j->request().length_bytes;
        prepare(*j);
    }
    return current_ != nullptr;
}

void dma_master::prepare(job& j) {
    const dma_request& r = j.request();
    j.status = dma_status::ok;
    j.issued = false;
    j.outstanding = 0;
    j.begin_ps = j.end_ps = local_ps();
    j.bytes = std::max<std::uint32_t>(r.length_bytes, 1);
    if (r.length_bytes > p_.largest_request_bytes || r.address + (j.bytes - 1) < r.address) {
        j.status = r.length_bytes > p_.largest_request_bytes ? dma_status::other_error : dma_status::address_error;
        j.from_source->length_bytes = 0; // it has no data
        refused_until_ps_ = local_ps() + 1'000;
        complete(j);
        return;
    }
    if (j.buffer.size() < j.bytes)
        j.buffer.resize(j.bytes);
    if (r.write)
        checker_.provide(r, j.data());
    active_jobs_.push_back(&j);
    current_ = &j;
    current_offset_ = 0;
}

/// Splits at multiples of the burst size, so that all bursts of a long request but the first are aligned.
std::uint32_t dma_master::next_burst_bytes() const {
    const std::uint32_t left = current_->bytes - current_offset_;
    if (left <= p_.burst_bytes)
        return left;
    const std::uint64_t address = current_->request().address + current_offset_;
    return p_.burst_bytes - static_cast<std::uint32_t>(address % p_.burst_bytes);
}

/// With a shadow to compare with, requests on the same bytes wait for each other, as a driver would wait.
bool dma_master::must_wait_for_others(const job& j) const {
    if (!checker_.needs_order())
        return false;
    for (const job* other : active_jobs_) {
        if (other == &j || !(other->request().write || j.request().write))
            continue;
        const std::uint64_t last = j.request().address + (j.bytes - 1),
                            other_last = other->request().address + (other->bytes - 1);
        if (j.request().address <= other_last && other->request().address <= last)
            return true;
    }
    return false;
}

void dma_master::fill(payload& p, job& j, std::uint32_t offset, std::uint32_t bytes) {
    const dma_request& r = j.request();
    p.set_command(r.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    p.set_address(r.address + offset);
    p.set_data_ptr(j.buffer.data() + offset);
    p.set_data_length(bytes);
    p.set_streaming_width(bytes);
    p.set_dmi_allowed(false);
    p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    const bool moves_nothing = r.length_bytes == 0; // PCIe Base 2.2.5: one byte, not enabled
    p.set_byte_enable_ptr(moves_nothing ? &no_byte_enabled : nullptr);
    p.set_byte_enable_length(moves_nothing ? 1 : 0);
    sideband& s = p.side;
    s.source_id = r.source_id.value_or(p_.source_id);
    const auto& pasid = r.pasid ? r.pasid : p_.pasid;
    s.has_pasid = pasid.has_value();
    s.pasid = pasid.value_or(0);
    s.privileged = r.privileged;
    s.instruction = r.instruction;
    s.secure = p_.secure;
    s.type = r.type;
}

void dma_master::complete(job& j) {
    const dma_request& r = j.request();
    const bool ok = j.status == dma_status::ok;
    std::uint32_t wrong = 0;
    if (r.write)
        checker_.written(r, ok, j.data());
    else if (ok)
        wrong = checker_.wrong_bytes(r, j.data());

    if (counted_.requests++ == 0 || j.begin_ps < counted_.first_begin_ps)
        counted_.first_begin_ps = j.begin_ps;
    counted_.last_end_ps = std::max(counted_.last_end_ps, j.end_ps);
    ++(r.write ? counted_.writes : counted_.reads);
    ++(ok ? counted_.ok : j.status == dma_status::address_error ? counted_.address_errors : counted_.other_errors);
    if (ok)
        counted_.bytes += r.length_bytes;
    counted_.wrong_requests += wrong != 0;
    counted_.wrong_bytes += wrong;
    (!ok ? failed_latency_ : r.write ? write_latency_ : read_latency_).add_hit(0, j.end_ps - j.begin_ps);

    source_->completed(r, j.status, j.data());
    if (on_complete)
        on_complete({r, j.status, j.begin_ps, j.end_ps, j.data(), wrong});
    release(j);
}

void dma_master::release(job& j) {
    const auto here = std::find(active_jobs_.begin(), active_jobs_.end(), &j);
    if (here != active_jobs_.end()) {
        *here = active_jobs_.back();
        active_jobs_.pop_back();
    }
    idle_jobs_.push_back(&j);
}

void dma_master::finish_if_done() {
    if (finished_ || !exhausted_ || current_ || !active_jobs_.empty())
        return;
    finished_ = true;
    if (on_finish)
        on_finish();
}

// ---- reporting ----

std::vector<counter> dma_master::counters() const {
    return {
        {"requests", "requests completed", &counted_.requests},
        {"reads", "reads completed", &counted_.reads},
        {"writes", "writes completed", &counted_.writes},
        {"bytes", "bytes of requests that completed well", &counted_.bytes},
        {"bursts", "transactions on the bus, direct accesses included", &counted_.bursts},
        {"ok", "requests that completed well", &counted_.ok},
        {"address_errors", "requests answered with an address error", &counted_.address_errors},
        {"other_errors", "requests answered with another error", &counted_.other_errors},
        {"wrong_requests", "reads whose data were wrong", &counted_.wrong_requests},
        {"wrong_bytes", "bytes that were wrong in these", &counted_.wrong_bytes},
        {"direct_accesses", "accesses by a direct memory pointer", &counted_.direct_accesses},
        {"held_responses", "responses held because they had overtaken", &counted_.held_responses},
    };
}

void dma_master::record(waveform_writer& writer, std::string_view scope) {
    outstanding_probe_.attach(&writer, scope, "outstanding", 16);
}

} // namespace iommulab
