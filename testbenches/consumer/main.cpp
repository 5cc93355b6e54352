// SPDX-License-Identifier: Apache-2.0
// Someone else's SystemC program: a payload says who asks, as its own masters would, and a profile counts one access.
#include "models/core/sideband.h"
#include "models/core/statistics.h"

#include <systemc>
#include <tlm>

sc_core::sc_module* make_iommu(const char* name); // of the shared library

int sc_main(int argc, char** argv) {
    if (argc > 1)
        return make_iommu(argv[1]) ? 0 : 1;

    iommulab::sideband who;
    who.source_id = 0x100;
    tlm::tlm_generic_payload payload;
    payload.set_address(0x4000);
    payload.set_extension(&who);
    const iommulab::access asked = iommulab::sideband::describe(payload);
    payload.clear_extension(&who);

    iommulab::latency_profile profile;
    profile.add_hit(1000, 2000);
    sc_core::sc_start(1, sc_core::SC_NS);
    return asked.source_id == 0x100 && asked.address == 0x4000 && profile.summarise().sum_ps == 3000 ? 0 : 1;
}
