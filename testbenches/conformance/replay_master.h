// SPDX-License-Identifier: Apache-2.0
// A DMA master that makes the accesses it is told to, with the requester of each.
#pragma once

#include "models/core/fifo.h"
#include "models/core/payload_pool.h"
#include "models/core/scheduler.h"
#include "testbenches/conformance/machine.h"

#include <systemc>
#include <tlm>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace iommulab::conformance {

class replay_master : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> socket{"socket"};

    /// `loosely_timed`: one access after the other by b_transport, else any number in four phases. An access begins
    /// when the data of the one before it have had their time on the link; 0 bytes per second: at once.
    replay_master(sc_core::sc_module_name name, bool loosely_timed, std::uint64_t link_bytes_per_second = 0);
    ~replay_master() override;

    /// Called at the end of an access, in simulation; it began at `begin_ps`.
    std::function<void(dma_completion&&, std::uint64_t begin_ps)> on_complete;
    /// Called when an access has been answered: what its walks read.
    std::function<std::vector<std::vector<traces::table_read>>()> on_answer;

    void start(std::uint64_t token, const dma_access& access);
    /// By transport_dbg: at once, and without a trace.
    dma_response look(const dma_access& access);
    /// An access, or a part of one, left the IOMMU: see output_tap.
    bool observe(const unsigned char* data, std::uint64_t address);
    /// Accesses that have not ended.
    [[nodiscard]] std::size_t active() const { return active_; }

  private:
    struct entry;
    using payload = pooled_payload<entry>;

    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
    payload& prepare(const dma_access& access, entry* owner);
    void send_soon();
    void send();
    void finish(payload& p);
    void ended();
    void run();

    void take_link(const payload& p);
    void answered(entry& e);

    bool loosely_timed_;
    std::uint64_t link_bytes_per_second_, link_free_ps_ = 0;
    scheduler clock_; // its cycle is 1 ps
    payload_pool<entry> pool_;
    std::vector<std::unique_ptr<entry>> entries_;
    std::vector<entry*> idle_;
    fifo<entry*> to_send_, ended_;
    entry* requesting_ = nullptr;
    bool send_due_ = false;
    std::size_t active_ = 0;
    sc_core::sc_event wake_;
};

} // namespace iommulab::conformance
