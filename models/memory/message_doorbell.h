// SPDX-License-Identifier: Apache-2.0
// Where interrupt messages go: a write of 32 bits, by a device through its IOMMU or by an IOMMU itself, is the data of
// an interrupt (GITS_TRANSLATER of Arm IHI 0069, 12.19; the window 0xfee00000 of x86: Intel SDM 3A, 11.11).
//
// Models: the write and who made it, a latency. Does not: tables that turn data into an interrupt, reads (they give
// zero), messages of other sizes (an error).
#pragma once

#include <systemc>
#include <tlm>

#include <cstdint>
#include <functional>

namespace iommulab {

class message_doorbell : public sc_core::sc_module, private tlm::tlm_fw_transport_if<> {
  public:
    tlm::tlm_target_socket<64> target{"target"};

    struct message {
        std::uint64_t offset = 0;    ///< in the doorbell's window
        std::uint32_t data = 0;      ///< as written, little-endian
        std::uint32_t source_id = 0; ///< who sent it; an IOMMU's own messages have 0
    };
    struct parameters {
        /// From the write to its answer; assumption: a register behind an APB bridge.
        std::uint64_t latency_ps = 20'000;
    };

    explicit message_doorbell(sc_core::sc_module_name name) : message_doorbell(name, parameters{}) {}
    message_doorbell(sc_core::sc_module_name name, const parameters& p);

    /// Called with each message, when it arrives.
    void on_message(std::function<void(const message&)> told) { told_ = std::move(told); }
    [[nodiscard]] std::uint64_t messages() const { return messages_; }

  private:
    void take(tlm::tlm_generic_payload& p);
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override;
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
    unsigned transport_dbg(tlm::tlm_generic_payload&) override { return 0; }

    sc_core::sc_time latency_;
    std::function<void(const message&)> told_;
    std::uint64_t messages_ = 0;
};

} // namespace iommulab
