// SPDX-License-Identifier: Apache-2.0
// Rule: no programming by a guest stops the simulation, or breaks a protocol; and with every access answered, what has
// left for memory was allowed to.
#include "models/gart/gart.h"
#include "testbenches/harness/iommu_maker.h"
#include "testbenches/harness/window_guest.h"

#include <gtest/gtest.h>

namespace iommulab {
namespace {

TEST(gart_fuzz, no_guest_stops_the_simulation) {
    gart::gart_parameters p;
    p.ports = 2;
    harness::iommu_machine m("machine", harness::maker_of<gart::gart>(p), p.ports, {{0, 0x4000'0000, "ram"}});
    harness::window_guest g(m, 5);
    for (unsigned n = 0; n < 3000; ++n) {
        g.poke_register(gart::registers());
        if (n % 3 == 0)
            g.access(0x03ff'ffff, 0x5700'0000);
    }
    ASSERT_TRUE(m.settle());
    EXPECT_EQ(m.violations(), "");
}

} // namespace
} // namespace iommulab
