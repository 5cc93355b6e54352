// SPDX-License-Identifier: Apache-2.0
// A guest that programs an IOMMU without page tables in any way it likes.
#pragma once

#include "testbenches/harness/iommu_machine.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <span>

namespace iommulab::harness {

class window_guest {
  public:
    window_guest(iommu_machine& m, std::uint64_t seed) : m_(m), random_(seed) {}

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
        std::deque<device_access> all;
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
    iommu_machine& m_;
    std::mt19937_64 random_;
};

} // namespace iommulab::harness
