// SPDX-License-Identifier: Apache-2.0
// main() of GoogleTest programs that elaborate SystemC modules. The tests run inside sc_main, where modules may be
// built and sc_start called; a process may simulate once, so each test runs in one of its own.
#include <systemc>

#include <gmock/gmock.h>

#include <cstdlib>

int sc_main(int argc, char* argv[]) {
    testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}

int main(int argc, char* argv[]) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    return sc_core::sc_elab_and_sim(argc, argv);
}
