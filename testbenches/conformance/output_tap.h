// SPDX-License-Identifier: Apache-2.0
// Sits between an IOMMU and memory, passes everything on unchanged, and tells where accesses go.
#pragma once

#include "platforms/machine_builder.h"

#include <systemc>
#include <tlm>

#include <cstdint>
#include <functional>

namespace iommulab::conformance {

class output_tap : public sc_core::sc_module,
                   public platforms::platform::tap,
                   private tlm::tlm_fw_transport_if<>,
                   private tlm::tlm_bw_transport_if<> {
  public:
    /// Told of every access as it leaves the IOMMU: where its data are, and its output address. A part of an access has
    /// its data inside those of the access.
    using observer = std::function<void(const unsigned char* data, std::uint64_t address)>;

    output_tap(sc_core::sc_module_name name, observer told) : sc_core::sc_module(name), told_(std::move(told)) {
        target_.bind(*this);
        initiator_.bind(*this);
    }
    tlm::tlm_target_socket<64>& from_iommu() override { return target_; }
    tlm::tlm_initiator_socket<64>& to_memory() override { return initiator_; }

  private:
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        if (phase == tlm::BEGIN_REQ)
            told_(p.get_data_ptr(), p.get_address());
        return initiator_->nb_transport_fw(p, phase, delay);
    }
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) override {
        told_(p.get_data_ptr(), p.get_address());
        initiator_->b_transport(p, delay);
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) override {
        return initiator_->get_direct_mem_ptr(p, dmi);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& p) override { return initiator_->transport_dbg(p); }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override {
        return target_->nb_transport_bw(p, phase, delay);
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override {
        target_->invalidate_direct_mem_ptr(first, last);
    }

    tlm::tlm_target_socket<64> target_{"target"};
    tlm::tlm_initiator_socket<64> initiator_{"initiator"};
    observer told_;
};

} // namespace iommulab::conformance
