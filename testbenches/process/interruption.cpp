// SPDX-License-Identifier: Apache-2.0
#include "testbenches/process/interruption.h"

#include <csignal>

namespace iommulab::process {

namespace {

volatile std::sig_atomic_t caught = 0;

void remember(int signal) {
    caught = signal;
}

} // namespace

void catch_interruptions() {
    struct sigaction action {};
    action.sa_handler = remember;
    // a read or write under way goes on; a wait in poll() ends all the same
    action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
    return caught != 0;
}

int interruption_status() {
    return 128 + caught;
}

} // namespace iommulab::process
