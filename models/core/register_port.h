// SPDX-License-Identifier: Apache-2.0
// The guest's way to the registers. Internal to core.
#pragma once

#include "models/core/registers.h"
#include "models/core/scheduler.h"

#include <tlm>

namespace iommulab {

/// Takes reads and writes of 1, 2, 4 or 8 aligned bytes; anything else gets a burst error. One access at a time.
class register_port : public sc_core::sc_module, public tlm::tlm_fw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> socket{"socket"};

    register_port(sc_core::sc_module_name name, scheduler& clock, register_bank& bank, unsigned access_cycles);

  private:
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override;
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override;
    tlm::tlm_response_status execute(tlm::tlm_generic_payload& p);
    void respond();
    void response_ended(tlm::tlm_generic_payload& p);

    scheduler& clock_;
    register_bank& bank_;
    unsigned cycles_;
    tlm::tlm_generic_payload* current_ = nullptr;
    bool responding_ = false, response_due_ = false;
};

} // namespace iommulab
