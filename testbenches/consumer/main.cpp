// SPDX-License-Identifier: Apache-2.0
// Someone else's SystemC program.
#include <systemc>
#include <tlm>

int sc_main(int, char**) {
    sc_core::sc_start(1, sc_core::SC_NS);
    return sc_core::sc_time_stamp() == sc_core::sc_time(1, sc_core::SC_NS) ? 0 : 1;
}
