// SPDX-License-Identifier: Apache-2.0
// A memory with timing, behind one TLM-2.0 target socket.
//
// Models: address ranges that exist; fixed latency or banked DRAM; the width and bandwidth of the data path; a bounded
// queue whose back-pressure is a late END_REQ; byte enables; compare and swap; direct and debug access. Does not:
// reorder requests, buffer writes, refresh, ECC. Data change at the moment a request is accepted.
#pragma once

#include "models/core/scheduler.h"
#include "models/core/statistics.h"
#include "models/core/waveform.h"
#include "models/memory/dram_timing.h"
#include "models/memory/sparse_store.h"

#include <systemc>
#include <tlm>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

struct memory_range {
    std::uint64_t base = 0;
    std::uint64_t size_bytes = 0;
    std::string name;
};

struct memory_parameters {
    std::vector<memory_range> ranges; ///< what exists; everything else answers with an address error
    /// Without `dram`: from acceptance of a request to its first data. 50 ns is the DRAM latency of the HyperSIO model;
    /// add the interconnect for what a device sees.
    std::uint64_t read_latency_ps = 50'000;
    std::uint64_t write_latency_ps = 50'000;
    std::optional<dram_parameters> dram; ///< replaces the fixed latencies
    /// The data path: 64 bytes every 2.5 ns are the 25.6 GB/s of one DDR4-3200 channel. 0 ps: unlimited.
    unsigned data_width_bytes = 64;
    std::uint64_t beat_ps = 2'500;
    std::uint64_t accept_interval_ps =
        1'000;                 ///< from BEGIN_REQ to END_REQ while the queue has room; assumption: one 1 GHz clock
    unsigned queue_depth = 64; ///< requests accepted and not yet answered; assumption
    bool allow_dmi = true;     ///< direct access to fixed-latency memory; never to DRAM
    bool explicit_end_request = false; ///< END_REQ always as a call of its own, never as a return value
};

class memory : public sc_core::sc_module, private tlm::tlm_fw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> target{"target"};

    struct statistics {
        std::uint64_t reads = 0, writes = 0, atomics = 0;
        std::uint64_t bytes_read = 0, bytes_written = 0;
        std::uint64_t address_errors = 0, other_errors = 0;
        std::uint64_t queue_full = 0;    ///< requests that found the queue full
        std::uint64_t queue_wait_ps = 0; ///< how long they waited, added up
        std::uint64_t queue_peak = 0;    ///< most requests in the queue at one time
        std::uint64_t data_busy_ps = 0;  ///< data path occupied (DRAM: data buses, channels added up)
        std::uint64_t dmi_grants = 0;
    };

    /// Throws std::invalid_argument for ranges that are empty, wrap or overlap, and for a queue or width of zero.
    memory(sc_core::sc_module_name name, memory_parameters parameters);

    /// The contents, for loaders, checkers and tests. Only the ranges are reachable through the socket.
    [[nodiscard]] sparse_store& store() { return store_; }
    [[nodiscard]] const sparse_store& store() const { return store_; }
    [[nodiscard]] const memory_parameters& parameters() const { return p_; }
    /// The range that holds all of `bytes` from `address`; null when there is none.
    [[nodiscard]] const memory_range* range_of(std::uint64_t address, std::uint64_t bytes) const;

    [[nodiscard]] statistics counted() const;
    /// Row hits, misses and conflicts; null without DRAM.
    [[nodiscard]] const dram_timing::statistics* dram_counted() const { return dram_ ? &dram_->counted() : nullptr; }
    /// The same numbers by name. The pointers stay valid as long as the memory.
    [[nodiscard]] std::vector<counter> counters() const;
    /// Records the number of requests in the queue and back-pressure, below `scope`.
    void record(waveform_writer& writer, std::string_view scope);

  private:
    struct slot {
        memory* owner = nullptr;
        tlm::tlm_generic_payload* payload = nullptr;
        void ready() { owner->ready(*this); }
    };

    // tlm_fw_transport_if
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) override;
    unsigned transport_dbg(tlm::tlm_generic_payload& payload) override;

    [[nodiscard]] std::uint64_t now_ps() const { return clock_.now_ps(); }
    tlm::tlm_response_status execute_counted(tlm::tlm_generic_payload& payload);
    std::uint64_t serve_ps(const tlm::tlm_generic_payload& payload, std::uint64_t arrival_ps);
    [[nodiscard]] std::uint64_t beats_ps(std::uint64_t bytes) const {
        return (bytes + p_.data_width_bytes - 1) / p_.data_width_bytes * p_.beat_ps;
    }
    void accept(tlm::tlm_generic_payload& payload);
    void arrive();
    void admit_waiting();
    void send_end_request();
    void ready(slot& s);
    void respond();
    void end_response();
    void finish(slot& s);

    memory_parameters p_;
    scheduler clock_; // its cycle is 1 ps
    sparse_store store_;
    std::optional<dram_timing> dram_;
    mutable std::size_t last_range_ = 0;
    sc_core::sc_time read_time_, write_time_;

    std::vector<slot> slots_;
    std::vector<slot*> free_slots_;
    std::vector<slot*> ready_; // ring: answers that wait for the response channel
    std::size_t ready_first_ = 0, ready_count_ = 0;
    tlm::tlm_generic_payload* arriving_ = nullptr;  // BEGIN_REQ seen, its annotated time not reached
    tlm::tlm_generic_payload* waiting_ = nullptr;   // BEGIN_REQ seen, no room
    tlm::tlm_generic_payload* accepting_ = nullptr; // accepted, END_REQ to be sent
    slot* responding_ = nullptr;                    // BEGIN_RESP sent, END_RESP not yet seen or reached
    bool admission_due_ = false;
    std::uint64_t waiting_since_ps_ = 0, data_free_ps_ = 0;

    statistics counted_;
    probe queue_probe_, full_probe_;
};

} // namespace iommulab
