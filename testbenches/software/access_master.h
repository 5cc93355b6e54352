// SPDX-License-Identifier: Apache-2.0
// A device that makes one access when it is told to: how a run finds out what a mapping is worth.
#pragma once

#include "models/core/payload_pool.h"

#include <systemc>
#include <tlm>

#include <cstdint>
#include <vector>

namespace iommulab::software {

struct access_result {
    bool ok = false;
    tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
    std::vector<std::uint8_t> data; ///< read
    std::uint64_t begin_ps = 0, end_ps = 0;
};

class access_master : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<64> initiator{"initiator"};

    /// `loosely_timed`: b_transport; else four phases.
    access_master(sc_core::sc_module_name name, bool loosely_timed);

    /// Blocks the calling process until the access is over. One process may call it at a time.
    access_result read(const requester& who, std::uint64_t address, unsigned bytes);
    access_result write(const requester& who, std::uint64_t address, const std::vector<std::uint8_t>& data);

  private:
    struct flight {
        bool done = false;
    };
    access_result access(tlm::tlm_command command, const requester& who, std::uint64_t address,
                         const std::vector<std::uint8_t>& data);
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    bool loosely_timed_;
    payload_pool<flight> pool_;
    sc_core::sc_event changed_;
};

} // namespace iommulab::software
