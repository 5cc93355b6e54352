// SPDX-License-Identifier: Apache-2.0
// An IOMMU as a machine sees it: sockets, wires, what it counts. How one translates is iommu.h's.
#pragma once

#include "models/core/answered_access.h"
#include "models/core/iommu_parameters.h"
#include "models/core/statistics.h"
#include "models/core/translation.h"

#include <systemc>
#include <tlm>

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace iommulab {

class waveform_writer;

/// Sockets: `upstream(n)` takes accesses of devices, `downstream(n)` passes them on, `tables()` carries the IOMMU's own
/// reads and writes (walks, queues, messages), `registers_socket()` takes the guest's register accesses.
class iommu_module : public sc_core::sc_module {
  public:
    using interrupt_port = sc_core::sc_port<sc_core::sc_signal_inout_if<bool>, 1, sc_core::SC_ZERO_OR_MORE_BOUND>;

    explicit iommu_module(sc_core::sc_module_name name) : sc_core::sc_module(name) {}

    virtual tlm::tlm_target_socket<64>& upstream(std::size_t port = 0) = 0;
    virtual tlm::tlm_initiator_socket<64>& downstream(std::size_t port = 0) = 0;
    virtual tlm::tlm_initiator_socket<64>& tables() = 0;
    virtual tlm::tlm_target_socket<64>& registers_socket() = 0;

    [[nodiscard]] virtual const iommu_parameters& parameters() const = 0;
    [[nodiscard]] virtual const access_statistics& statistics() const = 0;
    /// The engine's counters and the model's.
    [[nodiscard]] virtual std::vector<counter> counters() const = 0;
    /// What the wired interrupts are called, in order: "eventq", "gerror".
    [[nodiscard]] virtual std::vector<const char*> interrupt_names() const { return {}; }
    /// Wired interrupt `n`, active high.
    virtual interrupt_port& interrupt(std::size_t n) = 0;

    /// Nothing in flight: no access, no walk, no command, no event to write. Stalled accesses don't count.
    [[nodiscard]] virtual bool idle() const = 0;
    /// Records waveforms of this IOMMU from now on; before the simulation starts.
    virtual void trace(waveform_writer& writer) = 0;
    /// To the state after power-on: registers, caches, queues, counters. Only when idle.
    virtual void reset() = 0;
    virtual void on_access(access_observer told) = 0;
    /// A fault of the hardware, to order: asked each time software announces commands; true: the model leaves all
    /// commands alone until software announces more. An empty function: it works.
    virtual void on_commands(std::function<bool()> hangs) = 0;

    /// Translates without time and without a trace: what an access would get from the tables as they are now.
    virtual std::optional<translation> probe(const access& a, fault* why = nullptr) = 0;
};

} // namespace iommulab
