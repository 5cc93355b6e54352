// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemc>

namespace iommulab::harness {

/// Counts the rising edges of an interrupt.
struct pulse_counter : sc_core::sc_module {
    unsigned pulses = 0;
    pulse_counter(sc_core::sc_module_name name, sc_core::sc_signal<bool>& wire) : sc_core::sc_module(name) {
        SC_HAS_PROCESS(pulse_counter);
        SC_METHOD(count);
        sensitive << wire.posedge_event();
        dont_initialize();
    }
    void count() { ++pulses; }
};

} // namespace iommulab::harness
