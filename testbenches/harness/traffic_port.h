// SPDX-License-Identifier: Apache-2.0
// Both sides of an IOMMU's port for property tests: a device that keeps any number of accesses under way, and a tap
// that tells what leaves for memory, and when it has come back.
#pragma once

#include "models/core/atomic_extension.h"
#include "models/core/payload_pool.h"

#include <systemc>
#include <tlm>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace iommulab::harness {

/// What a device is to do, and what became of it. Must stay where it is until `done`.
struct device_access {
    std::uint32_t source_id = 0;
    std::uint64_t address = 0;
    bool write = false, instruction = false, privileged = false;
    std::optional<std::uint32_t> pasid{};
    address_type type = address_type::untranslated;
    std::vector<unsigned char> data; ///< written, or read
    std::uint64_t not_before_ps = 0; ///< simulated time of BEGIN_REQ at the earliest
    std::uint64_t begun_ps = 0, ended_ps = 0;
    bool done = false;
    tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
    std::function<void(tlm::tlm_generic_payload&)> alter{}; ///< what else is to be said by the payload
};

/// Sends accesses in the order in which they were given, each as early as the bus lets it.
class traffic_device : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> socket{"socket"};
    /// END_RESP comes this much after BEGIN_RESP; 0: as the answer to it.
    std::uint64_t response_ps = 0;

    explicit traffic_device(sc_core::sc_module_name name) : sc_core::sc_module(name) {
        socket.bind(*this);
        SC_HAS_PROCESS(traffic_device);
        SC_METHOD(pump);
        sensitive << go_;
        dont_initialize();
        SC_METHOD(end_response);
        sensitive << end_;
        dont_initialize();
    }
    void issue(device_access& a) {
        queue_.push_back(&a);
        go_.notify(sc_core::SC_ZERO_TIME);
    }
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
    [[nodiscard]] bool idle() const { return queue_.empty() && under_way_.empty(); }
    /// The access under way in whose buffer `data` is, and where in it; {nullptr, 0}: none.
    [[nodiscard]] std::pair<const device_access*, std::uint64_t> owner_of(const unsigned char* data) const {
        const auto next = under_way_.upper_bound(data);
        if (next == under_way_.begin())
            return {nullptr, 0};
        const auto& [first, access] = *std::prev(next);
        const auto offset = static_cast<std::uint64_t>(data - first);
        return offset < access->data.size() ? std::pair{access, offset}
                                            : std::pair<const device_access*, std::uint64_t>{nullptr, 0};
    }

    /// Loosely timed: at once; returns the annotated time.
    sc_core::sc_time transport(device_access& a) {
        auto& p = make(a);
        sc_core::sc_time delay;
        a.begun_ps = now_ps();
        under_way_[p.buffer.data()] = &a;
        socket->b_transport(p, delay);
        a.ended_ps = a.begun_ps + delay.value();
        finish(p);
        return delay;
    }
    /// Debug: bytes moved.
    unsigned look(device_access& a) {
        auto& p = make(a);
        const unsigned moved = socket->transport_dbg(p);
        if (!a.write)
            std::memcpy(a.data.data(), p.buffer.data(), a.data.size());
        p.clear_extension<atomic_compare_swap>();
        p.release();
        return moved;
    }

  private:
    using payload = pooled_payload<device_access>;

    static std::uint64_t now_ps() { return sc_core::sc_time_stamp().value(); }
    payload& make(device_access& a) {
        auto& p = pool_.acquire(a.data.size(), &a);
        p.set_command(a.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        p.set_address(a.address);
        if (a.write)
            std::memcpy(p.get_data_ptr(), a.data.data(), a.data.size());
        else
            std::memset(p.get_data_ptr(), 0xee, a.data.size());
        static_cast<requester&>(p.side) = {};
        p.side.source_id = a.source_id;
        p.side.instruction = a.instruction;
        p.side.privileged = a.privileged;
        p.side.has_pasid = a.pasid.has_value();
        p.side.pasid = a.pasid.value_or(0);
        p.side.type = a.type;
        if (a.alter)
            a.alter(p);
        return p;
    }
    void pump() {
        while (!requesting_ && !queue_.empty()) {
            device_access& a = *queue_.front();
            const std::uint64_t due = std::max(a.not_before_ps, free_ps_);
            if (due > now_ps()) {
                go_.notify(sc_core::sc_time::from_value(due - now_ps()));
                return;
            }
            queue_.pop_front();
            auto& p = make(a);
            under_way_[p.buffer.data()] = &a;
            a.begun_ps = now_ps();
            requesting_ = true;
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_core::sc_time delay;
            const auto answer = socket->nb_transport_fw(p, phase, delay);
            if (answer == tlm::TLM_UPDATED && phase == tlm::END_REQ) {
                requesting_ = false;
                free_ps_ = now_ps() + delay.value();
            } else if (answer != tlm::TLM_ACCEPTED) {
                SC_REPORT_ERROR(name(), "only END_REQ is expected in answer to BEGIN_REQ");
            }
        }
    }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& g, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        auto& p = static_cast<payload&>(g);
        if (phase == tlm::END_REQ) {
            requesting_ = false;
            free_ps_ = now_ps() + delay.value();
            go_.notify(sc_core::SC_ZERO_TIME);
            return tlm::TLM_ACCEPTED;
        }
        p.owner->ended_ps = now_ps() + delay.value();
        if (response_ps != 0) {
            ending_ = &p;
            end_.notify(sc_core::sc_time::from_value(response_ps) + delay);
            return tlm::TLM_ACCEPTED;
        }
        phase = tlm::END_RESP;
        finish(p);
        return tlm::TLM_COMPLETED;
    }
    void end_response() {
        payload& p = *std::exchange(ending_, nullptr);
        p.acquire(); // finish() gives back the reference that make() took
        finish(p);
        tlm::tlm_phase phase = tlm::END_RESP;
        sc_core::sc_time delay;
        socket->nb_transport_fw(p, phase, delay);
        p.release();
    }
    void finish(payload& p) {
        device_access& a = *p.owner;
        a.done = true;
        a.status = p.get_response_status();
        if (!a.write)
            std::memcpy(a.data.data(), p.buffer.data(), a.data.size());
        under_way_.erase(p.buffer.data());
        p.clear_extension<atomic_compare_swap>();
        p.release();
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    payload_pool<device_access> pool_;
    std::deque<device_access*> queue_;
    std::map<const unsigned char*, const device_access*> under_way_; // by first byte of the buffer
    payload* ending_ = nullptr;
    bool requesting_ = false;
    std::uint64_t free_ps_ = 0;
    sc_core::sc_event go_, end_;
};

/// Passes everything on unchanged.
class memory_tap : public sc_core::sc_module, private tlm::tlm_fw_transport_if<>, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> target{"target"};
    tlm::tlm_initiator_socket<64> initiator{"initiator"};
    /// Told of every access as it leaves the IOMMU, and when its response is there.
    std::function<void(const tlm::tlm_generic_payload&)> leaves, returned;

    explicit memory_tap(sc_core::sc_module_name name) : sc_core::sc_module(name) {
        target.bind(*this);
        initiator.bind(*this);
    }

  private:
    void tell(const std::function<void(const tlm::tlm_generic_payload&)>& whom, const tlm::tlm_generic_payload& p) {
        if (whom)
            whom(p);
    }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        const bool begins = phase == tlm::BEGIN_REQ;
        if (begins)
            tell(leaves, p);
        const auto answer = initiator->nb_transport_fw(p, phase, delay);
        if (begins && (answer == tlm::TLM_COMPLETED || (answer == tlm::TLM_UPDATED && phase == tlm::BEGIN_RESP)))
            tell(returned, p);
        return answer;
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override {
        tell(leaves, p);
        initiator->b_transport(p, delay);
        tell(returned, p);
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) override {
        return initiator->get_direct_mem_ptr(p, dmi);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return initiator->transport_dbg(p); }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        if (phase == tlm::BEGIN_RESP)
            tell(returned, p);
        return target->nb_transport_bw(p, phase, delay);
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override {
        target->invalidate_direct_mem_ptr(first, last);
    }
};

} // namespace iommulab::harness
