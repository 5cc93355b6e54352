// SPDX-License-Identifier: Apache-2.0
// Rule: no programming by a guest stops the simulation of the IOMMUs without page tables, or breaks a protocol; and
// with every access answered, what has left for memory was allowed to.
#include "models/gart/gart.h"
#include "models/pamu/pamu.h"
#include "testbenches/harness/iommu_machine.h"
#include "testbenches/harness/pamu_entries.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <span>

namespace iommulab {
namespace {

constexpr std::uint64_t ram_bytes = 0x4000'0000;

template <class Machine>
class guest {
  public:
    guest(Machine& m, std::uint64_t seed) : m_(m), random_(seed) {}

    std::uint64_t number(std::uint64_t below) { return random_() % below; }
    /// A register, mostly one that exists, with any width, alignment and value.
    void poke_register(std::span<const register_declaration> all) {
        std::uint64_t offset = number(4) ? all[number(all.size())].offset : number(0x2000);
        constexpr std::array<unsigned, 5> widths{1, 2, 4, 8, 3};
        const unsigned bytes = number(8) ? 4 : widths[number(widths.size())];
        std::uint64_t value = number(2) ? random_() : std::uint64_t{1} << number(64);
        m_.access_register(offset, value, bytes, number(3) != 0);
    }
    /// Accesses on all ports at once, in any mode.
    void access(std::uint64_t address_mask, std::uint64_t address_base) {
        std::deque<harness::device_access> all;
        for (unsigned n = 0; n < 4; ++n) {
            auto& a = all.emplace_back();
            a.source_id = static_cast<std::uint32_t>(number(80));
            a.address = address_base + (random_() & address_mask);
            a.write = number(2) != 0;
            a.data.resize(1 + number(256));
        }
        auto& device = *m_.devices[number(m_.devices.size())];
        if (number(3) == 0) {
            for (auto& a : all)
                number(2) ? static_cast<void>(device.transport(a)) : static_cast<void>(device.look(a));
            return;
        }
        for (auto& a : all)
            device.issue(a);
        ASSERT_TRUE(m_.settle()) << "an access was never answered";
        for (const auto& a : all)
            ASSERT_TRUE(a.done);
    }
    std::uint64_t any() { return random_(); }

  private:
    Machine& m_;
    std::mt19937_64 random_;
};

TEST(gart_fuzz, no_guest_stops_the_simulation) {
    gart::gart_parameters p;
    p.ports = 2;
    harness::iommu_machine<gart::gart, gart::gart_parameters> m("machine", p, {{0, ram_bytes, "ram"}});
    guest g(m, 5);
    for (unsigned n = 0; n < 3000; ++n) {
        g.poke_register(gart::registers());
        if (n % 3 == 0)
            g.access(0x03ff'ffff, 0x5700'0000);
    }
    ASSERT_TRUE(m.settle());
    EXPECT_EQ(m.violations(), "");
}

TEST(pamu_fuzz, no_guest_stops_the_simulation) {
    pamu::pamu_parameters p;
    p.ports = 2;
    harness::iommu_machine<pamu::pamu, pamu::pamu_parameters> m("machine", p, {{0, ram_bytes, "ram"}});
    guest g(m, 6);
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
