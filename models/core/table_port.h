// SPDX-License-Identifier: Apache-2.0
// The path on which an IOMMU's own reads and writes go to memory: walks, configuration, queues, messages.
#pragma once

#include "models/core/atomic_extension.h"
#include "models/core/direct_reads.h"
#include "models/core/fifo.h"
#include "models/core/payload_pool.h"
#include "models/core/request_channel.h"
#include "models/core/scheduler.h"
#include "models/core/walk_context.h"
#include "models/core/waveform.h"

#include <tlm>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace iommulab {

/// Serves memory requests in one of three ways. Timed requests are bounded in number and wait their turn.
class table_port : public sc_core::sc_module, public tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> socket{"socket"};

    table_port(sc_core::sc_module_name name, scheduler& clock, unsigned outstanding, bool loosely_timed);

    /// Starts a request; `r.done` runs at the cycle at which `r` holds the answer.
    void begin(memory_request& r);
    /// Serves a request in no time, adding its latency to `delay`. For a caller that may not be interrupted.
    void serve(memory_request& r, sc_core::sc_time& delay);
    /// What serve() reads in place, for whoever reads 8 bytes at a time and needs no more of it.
    [[nodiscard]] direct_reads& in_place() { return direct_; }
    /// Serves a read by debug access; writes are left out and count as done.
    void look(memory_request& r);

    [[nodiscard]] unsigned outstanding() const { return outstanding_; }
    [[nodiscard]] bool idle() const { return outstanding_ == 0 && waiting_.empty(); }

    [[nodiscard]] const std::uint64_t& reads() const { return direct_.reads; }
    [[nodiscard]] const std::uint64_t& writes() const { return writes_; }
    /// Of these, answered with a bus error.
    [[nodiscard]] const std::uint64_t& errors() const { return errors_; }
    void reset_counts() { direct_.reads = writes_ = errors_ = 0; }
    probe outstanding_probe;

  private:
    using payload = pooled_payload<memory_request>;

    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        return channel_.backward(p, phase, delay);
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override;

    friend class request_channel<payload, table_port>;
    void sending(payload&) {}
    void answered(payload& p, const sc_core::sc_time& delay);
    void send_waiting();
    payload& prepare(memory_request& r);
    void read_back(payload& p);
    const unsigned char* direct(std::uint64_t address, unsigned bytes, sc_core::sc_time& delay);

    scheduler& clock_;
    unsigned bound_, outstanding_ = 0;
    bool loosely_timed_;
    std::uint64_t writes_ = 0, errors_ = 0;
    fifo<memory_request*> waiting_; // for one of the `bound_` places
    request_channel<payload, table_port> channel_;

    // Loosely timed reads go through direct memory pointers where the target grants them.
    direct_reads direct_;
    bool direct_refused_ = false;

    payload_pool<memory_request> payloads_;
    std::vector<std::unique_ptr<atomic_compare_swap>> atomics_; // idle
};

} // namespace iommulab
