// SPDX-License-Identifier: Apache-2.0
// A device that does DMA: takes requests from a source, issues them through one TLM-2.0 initiator socket, and measures
// them.
//
// Models: issue rate, outstanding limit, bursts, in-order completion, posted writes, verification of what is read.
// Does not: arbitrate between several sources, retry after errors, know a device's registers.
#pragma once

#include "models/core/fifo.h"
#include "models/core/payload_pool.h"
#include "models/core/scheduler.h"
#include "models/core/statistics.h"
#include "models/core/waveform.h"
#include "models/dma/data_checker.h"
#include "models/dma/traffic.h"

#include <systemc>
#include <tlm>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace iommulab {

/// The link between a device and what it is bound to. Requests and write data share one direction, read data and
/// completions the other. The time of flight of both ways together is laid on the way back: whoever is bound to the
/// master sees a request when its packet begins.
struct dma_link {
    std::uint64_t bytes_per_second = 0; ///< of each direction, line coding taken off; 0: no limit
    std::uint32_t overhead_bytes = 0;   ///< of a packet beside its data: framing, sequence number, header, CRC
    std::uint64_t round_trip_ps = 0;

    /// How long a packet that carries `data_bytes` occupies its direction.
    [[nodiscard]] std::uint64_t packet_ps(std::uint32_t data_bytes) const {
        constexpr double ps_per_second = 1e12;
        return bytes_per_second == 0
                   ? 0
                   : static_cast<std::uint64_t>(
                         (data_bytes + overhead_bytes) * ps_per_second / static_cast<double>(bytes_per_second) + 0.5);
    }
};

struct dma_parameters {
    bool loosely_timed = false; ///< b_transport from a thread, one access after the other; else four phases

    std::uint32_t source_id = 0; ///< StreamID, requester id, master number: what the sideband carries
    std::optional<std::uint32_t> pasid{};
    bool secure = false;

    std::uint64_t start_ps = 0; ///< nothing is issued before
    std::uint64_t issue_interval_ps =
        0;                    ///< least time from one request's first issue to the next one's; 0: as fast as the bus
    std::uint64_t gap_ps = 0; ///< least time from the end of a request's last packet to the next request
    dma_link link{};
    std::uint32_t outstanding = 16;  ///< bursts under way at one time; assumption
    std::uint32_t burst_bytes = 256; ///< longer requests are split at multiples of it; assumption: a PCIe payload size
    bool in_order = false;           ///< a response that overtakes is held, and keeps its place among the outstanding
    bool posted_writes = false;      ///< a write gives back its place, and counts as done, when END_REQ accepts it
    std::uint64_t max_requests = 0;  ///< 0: as many as the source gives
    std::uint64_t max_bytes = 0;     ///< 0: as many as the source gives
    std::uint32_t largest_request_bytes = 4 << 20; ///< a longer one is not issued but counts as an error; assumption

    std::uint64_t quantum_ps =
        1'000'000;        ///< loosely timed: how far the master may run ahead; 0: not at all. Assumption
    bool use_dmi = false; ///< loosely timed: direct memory access where it is granted

    verification verify = verification::none;
    expected_data pattern{}; ///< for verification::pattern
    std::uint64_t seed = 1;  ///< of the data written
};

/// A request that has completed.
struct dma_completion {
    const dma_request& request;
    dma_status status;
    std::uint64_t begin_ps;              ///< BEGIN_REQ of its first burst
    std::uint64_t end_ps;                ///< end of its last burst: response, or END_REQ of a posted write
    std::span<const unsigned char> data; ///< read or written; valid during the call
    std::uint32_t wrong_bytes;           ///< read data that verification found wrong
};

class dma_master : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> initiator{"initiator"};

    struct statistics {
        std::uint64_t requests = 0; ///< completed
        std::uint64_t reads = 0, writes = 0;
        std::uint64_t bytes = 0;  ///< of requests that completed well
        std::uint64_t bursts = 0; ///< transactions on the bus, direct accesses included
        std::uint64_t ok = 0, address_errors = 0, other_errors = 0; ///< requests by their status
        std::uint64_t wrong_requests = 0;                           ///< reads whose data verification found wrong
        std::uint64_t wrong_bytes = 0;
        std::uint64_t direct_accesses = 0;
        std::uint64_t held_responses = 0; ///< responses that had overtaken
        std::uint64_t first_begin_ps = 0, last_end_ps = 0;
        /// Bytes that completed well, by the time between first issue and last end.
        [[nodiscard]] double bytes_per_second() const {
            return last_end_ps > first_begin_ps
                       ? static_cast<double>(bytes) * 1e12 / static_cast<double>(last_end_ps - first_begin_ps)
                       : 0;
        }
    };

    /// Throws std::invalid_argument for a limit of zero and for verification against no pattern.
    dma_master(sc_core::sc_module_name name, dma_parameters parameters, std::unique_ptr<traffic> source);
    ~dma_master() override;

    /// Called at each completion, at its time (loosely timed: ahead of simulation time by less than a quantum). May use
    /// debug access, may not call the master.
    std::function<void(const dma_completion&)> on_complete;
    /// Called once, when the source has ended and everything has completed.
    std::function<void()> on_finish;

    [[nodiscard]] bool finished() const { return finished_; }
    /// Asks a source again that had nothing and was waiting().
    void poke();
    /// Loosely timed: what would begin at `ps` or end after it is not done. Else the simulation itself ends there.
    void end_at(std::uint64_t ps) { end_ps_ = ps; }

    [[nodiscard]] const dma_parameters& parameters() const { return p_; }
    [[nodiscard]] const statistics& counted() const { return counted_; }
    /// Latencies of requests that completed well, from first issue to completion; posted writes to END_REQ.
    [[nodiscard]] const latency_profile& read_latency() const { return read_latency_; }
    [[nodiscard]] const latency_profile& write_latency() const { return write_latency_; }
    /// Of those that ended with an error.
    [[nodiscard]] const latency_profile& failed_latency() const { return failed_latency_; }
    /// The same counters by name. The pointers stay valid as long as the master.
    [[nodiscard]] std::vector<counter> counters() const;
    /// Records the number of bursts under way, below `scope`.
    void record(waveform_writer& writer, std::string_view scope);

  private:
    struct job;
    struct burst;
    struct direct_region;
    using payload = pooled_payload<burst>;

    // tlm_bw_transport_if
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override;
    void start_of_simulation() override;

    [[nodiscard]] std::uint64_t now_ps() const { return clock_.now_ps(); }
    [[nodiscard]] std::uint64_t local_ps() const { return now_ps() + clock_.ps(ahead_); }

    // requests
    bool fetch();
    void prepare(job& j);
    [[nodiscard]] std::uint32_t next_burst_bytes() const;
    [[nodiscard]] bool must_wait_for_others(const job& j) const;
    void fill(payload& p, job& j, std::uint32_t offset, std::uint32_t bytes);
    void complete(job& j);
    void finish_if_done();
    void release(job& j);

    // four phases
    void issue();
    void wake_at(std::uint64_t ps);
    void wake();
    void send();
    void accepted(burst& b, std::uint64_t ps);
    void responded(burst& b, const sc_core::sc_time& delay);
    void arrived(burst& b);
    void landed(burst& b);
    void retire(burst& b);

    // loosely timed
    void run();
    void access(job& j, std::uint32_t offset, std::uint32_t bytes);
    bool access_directly(const job& j, std::uint32_t offset, std::uint32_t bytes);
    void request_direct(payload& p, const job& j, std::uint32_t offset);

    dma_parameters p_;
    std::unique_ptr<traffic> source_;
    data_checker checker_;
    scheduler clock_; // its cycle is 1 ps

    std::vector<std::unique_ptr<job>> jobs_;
    std::vector<job*> idle_jobs_, active_jobs_;
    std::vector<std::unique_ptr<burst>> bursts_;
    std::vector<burst*> idle_bursts_;
    job* current_ = nullptr; // being issued
    std::uint32_t current_offset_ = 0;
    fifo<burst*> order_;          // in order of issue, when responses must keep it
    burst* requesting_ = nullptr; // BEGIN_REQ sent, END_REQ not seen
    std::uint32_t in_flight_ = 0; // bursts that count against the limit
    std::uint64_t channel_free_ps_ = 0, next_issue_ps_ = 0, down_free_ps_ = 0, wake_ps_ = 0, refused_until_ps_ = 0;
    std::uint64_t end_ps_ = ~std::uint64_t{0};
    bool wake_pending_ = false;
    std::uint64_t fetched_requests_ = 0, fetched_bytes_ = 0;
    bool exhausted_ = false, finished_ = false;

    std::vector<direct_region> direct_;
    std::size_t direct_last_ = 0, direct_victim_ = 0;
    sc_core::sc_time ahead_; // loosely timed: local time before simulation time
    sc_core::sc_event poked_;

    statistics counted_;
    latency_profile read_latency_, write_latency_, failed_latency_;
    probe outstanding_probe_;
    payload_pool<burst> pool_;
};

} // namespace iommulab
