// SPDX-License-Identifier: Apache-2.0
// The guest's way to the registers. Internal to core.
#pragma once

#include "models/core/fifo.h"
#include "models/core/registers.h"
#include "models/core/scheduler.h"

#include <tlm>

#include <cstdint>

namespace iommulab {

/// Takes reads and writes of 1, 2, 4 or 8 aligned bytes; anything else gets a burst error. One access at a time. Writes
/// may be posted: held by a bridge, which delivers them one after the other while the writer goes on. A read pushes
/// what is held before it, and waits for that.
class register_port : public sc_core::sc_module, public tlm::tlm_fw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> socket{"socket"};

    /// `access_cycles`: of one access; a posted write takes effect after them. `posted_writes`: how many the bridge
    /// holds, 0: a write is answered when it has taken effect.
    register_port(sc_core::sc_module_name name, scheduler& clock, register_bank& bank, unsigned access_cycles,
                  unsigned posted_writes);

    /// No posted write is under way.
    [[nodiscard]] bool idle() const { return posted_.empty(); }

  private:
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override;
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override;
    static tlm::tlm_response_status check(const tlm::tlm_generic_payload& p);
    std::uint64_t begin(const tlm::tlm_generic_payload& p, std::uint64_t cycle);
    void execute(tlm::tlm_generic_payload& p);
    void deliver();
    void deliver_until(std::uint64_t cycle);
    void respond();
    void response_ended(tlm::tlm_generic_payload& p);

    scheduler& clock_;
    register_bank& bank_;
    unsigned cycles_, post_depth_;
    struct posted_write {
        std::uint64_t cycle; ///< at which it takes effect
        std::uint64_t value;
        std::uint32_t offset;
        unsigned bytes;
    };
    fifo<posted_write> posted_;
    std::uint64_t last_effect_ = 0;
    tlm::tlm_generic_payload* current_ = nullptr;
    bool responding_ = false, response_due_ = false;
};

} // namespace iommulab
