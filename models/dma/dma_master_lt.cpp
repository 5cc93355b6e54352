// SPDX-License-Identifier: Apache-2.0
// The DMA master on blocking transport and direct memory access, temporally decoupled (IEEE 1666-2011, 11.1.1
// and 11.2).
#include "models/dma/dma_master.h"
#include "models/dma/dma_state.h"

#include <algorithm>
#include <cstring>

namespace iommulab {

using sc_core::sc_time;

void dma_master::run() {
    const sc_time quantum = clock_.to_time(p_.quantum_ps);
    const auto synchronise = [this] {
        const sc_time t = ahead_;
        ahead_ = sc_core::SC_ZERO_TIME;
        wait(t);
    };
    for (;;) {
        if (!fetch()) {
            if (refused_until_ps_ > local_ps())
                ahead_ += clock_.to_time(refused_until_ps_ - local_ps());
            if (ahead_ != sc_core::SC_ZERO_TIME)
                synchronise(); // what happens next happens at simulation time
            if (exhausted_) {
                finish_if_done();
                return;
            }
            if (!fetch()) { // somebody may have poked while this waited
                if (!exhausted_ && refused_until_ps_ <= local_ps())
                    wait(poked_);
                continue;
            }
        }
        job& j = *current_;
        const std::uint64_t earliest = std::max({next_issue_ps_, j.request().not_before_ps, p_.start_ps});
        if (earliest > local_ps())
            ahead_ += clock_.to_time(earliest - local_ps());
        if (ahead_ > quantum)
            synchronise();
        if (local_ps() >= end_ps_)
            return;
        j.begin_ps = local_ps();
        next_issue_ps_ = j.begin_ps + p_.issue_interval_ps;
        while (current_offset_ < j.bytes) {
            const std::uint32_t bytes = next_burst_bytes();
            ahead_ += clock_.to_time(p_.link.packet_ps(j.request().write ? bytes : 0));
            next_issue_ps_ = std::max(next_issue_ps_, local_ps() + p_.gap_ps);
            access(j, current_offset_, bytes);
            ahead_ += clock_.to_time(p_.link.packet_ps(j.request().write ? 0 : bytes) + p_.link.round_trip_ps);
            current_offset_ += bytes;
            if (ahead_ >= quantum)
                synchronise();
        }
        if (local_ps() == j.begin_ps)
            ahead_ += clock_.to_time(1); // a target that takes no time at all must not stop time
        j.issued = true;
        j.end_ps = local_ps();
        if (j.end_ps > end_ps_)
            return;
        current_ = nullptr;
        complete(j);
    }
}

void dma_master::access(job& j, std::uint32_t offset, std::uint32_t bytes) {
    ++counted_.bursts;
    if (p_.use_dmi && j.request().length_bytes != 0 && access_directly(j, offset, bytes))
        return;
    payload& p = pool_.acquire(0);
    fill(p, j, offset, bytes);
    initiator->b_transport(p, ahead_);
    const auto status = p.get_response_status();
    if (status != tlm::TLM_OK_RESPONSE && j.status == dma_status::ok)
        j.status = status == tlm::TLM_ADDRESS_ERROR_RESPONSE ? dma_status::address_error : dma_status::other_error;
    if (p_.use_dmi && p.is_dmi_allowed())
        request_direct(p, j, offset);
    p.release();
}

/// Copies by a direct memory pointer; false when none covers the range for this requester.
bool dma_master::access_directly(const job& j, std::uint32_t offset, std::uint32_t bytes) {
    const dma_request& r = j.request();
    const std::uint64_t first = r.address + offset, last = first + (bytes - 1);
    const std::uint32_t source_id = r.source_id.value_or(p_.source_id);
    const auto& pasid = r.pasid ? r.pasid : p_.pasid;
    if (r.instruction || r.type != address_type::untranslated)
        return false;
    for (std::size_t i = 0; i < direct_.size(); ++i) {
        const std::size_t index = (direct_last_ + i) % direct_.size();
        const direct_region& d = direct_[index];
        if (first < d.first || last > d.last || !(r.write ? d.writable : d.readable) || d.source_id != source_id ||
            d.has_pasid != pasid.has_value() || d.pasid != pasid.value_or(0) || d.privileged != r.privileged)
            continue;
        direct_last_ = index;
        unsigned char* memory = d.memory + (first - d.first);
        auto* data = const_cast<unsigned char*>(j.buffer.data()) + offset;
        if (r.write)
            std::memcpy(memory, data, bytes);
        else
            std::memcpy(data, memory, bytes);
        ahead_ += r.write ? d.write_latency : d.read_latency;
        ++counted_.direct_accesses;
        return true;
    }
    return false;
}

void dma_master::request_direct(payload& p, const job& j, std::uint32_t offset) {
    tlm::tlm_dmi grant;
    p.set_address(j.request().address + offset); // an interconnect may have changed it (IEEE 1666-2011 14.10)
    if (j.request().instruction || j.request().type != address_type::untranslated ||
        !initiator->get_direct_mem_ptr(p, grant))
        return;
    direct_region& d = direct_[direct_victim_];
    direct_victim_ = (direct_victim_ + 1) % direct_.size();
    d.first = grant.get_start_address();
    d.last = grant.get_end_address();
    d.memory = grant.get_dmi_ptr();
    d.read_latency = grant.get_read_latency();
    d.write_latency = grant.get_write_latency();
    d.readable = grant.is_read_allowed();
    d.writable = grant.is_write_allowed();
    d.source_id = p.side.source_id;
    d.pasid = p.side.pasid;
    d.has_pasid = p.side.has_pasid;
    d.privileged = p.side.privileged;
}

void dma_master::invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) {
    for (auto& d : direct_)
        if (d.first <= last && first <= d.last)
            d = direct_region{};
}

} // namespace iommulab
