// SPDX-License-Identifier: Apache-2.0
// Rule: no programming by a guest stops the simulation, or breaks a protocol; and with every access answered, what has
// left for memory was allowed to.
#include "models/pamu/pamu.h"
#include "testbenches/harness/iommu_maker.h"
#include "testbenches/harness/window_guest.h"
#include "testbenches/pamu/entries.h"

#include <gtest/gtest.h>

namespace iommulab {
namespace {

TEST(pamu_fuzz, no_guest_stops_the_simulation) {
    pamu::pamu_parameters p;
    p.ports = 2;
    harness::iommu_machine m("machine", harness::maker_of<pamu::pamu>(p), p.ports, {{0, 0x4000'0000, "ram"}});
    harness::window_guest g(m, 6);
    constexpr std::uint64_t tables = 0x10'0000;
    const auto set_up = [&] {
        m.set(pamu::reg::PPBAL, tables);
        m.set(pamu::reg::PPLAL, tables + 0x2000);
        m.set(pamu::reg::SPBAL, tables + 0x2000);
        m.set(pamu::reg::SPLAL, tables + 0x4000);
        m.set(pamu::reg::OBAL, tables + 0x4000);
        m.set(pamu::reg::OLAL, tables + 0x4800);
        for (const auto* high : {&pamu::reg::PPBAH, &pamu::reg::PPLAH, &pamu::reg::SPBAH, &pamu::reg::SPLAH,
                                 &pamu::reg::OBAH, &pamu::reg::OLAH})
            m.set(*high, 0);
        m.set(pamu::reg::PC, 0x4000'1011);
        m.set(pamu::reg::PAMUBYPENR, 0);
    };
    for (unsigned n = 0; n < 3000; ++n) {
        if (n % 50 == 0)
            set_up();
        else if (g.number(4) == 0)
            g.poke_register(pamu::registers());
        // an entry that makes sense, with a bit of it flipped, or noise
        auto e = harness::primary_entry(0, 20 + static_cast<unsigned>(g.number(10)), g.any() & 0x3ff'f000, g.number(4));
        pamu::paace::MW.put(e, g.number(2));
        pamu::paace::OTM.put(e, g.number(4));
        e[g.number(4)] ^= g.number(2) ? std::uint64_t{1} << g.number(64) : 0;
        if (g.number(5) == 0)
            for (auto& w : e)
                w = g.any();
        m.write_words(tables + g.number(0x4800 / 64) * 64, pamu::from_memory(e));
        g.access(0x3fff'ffff, 0);
    }
    ASSERT_TRUE(m.settle());
    EXPECT_EQ(m.violations(), "");
    EXPECT_GT(m.counted("violations"), 100U);
    EXPECT_GT(m.counted("primary_hits"), 100U);
}

} // namespace
} // namespace iommulab
