// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same on every platform and with every standard library.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace iommulab {

/// splitmix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): one
/// step.
constexpr std::uint64_t splitmix64(std::uint64_t& state) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

/// xoshiro256** 1.0 (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47, 2021),
/// seeded by splitmix64 as its authors advise.
class random_generator {
  public:
    constexpr explicit random_generator(std::uint64_t seed) {
        for (auto& s : state_)
            s = splitmix64(seed);
    }
    constexpr std::uint64_t operator()() {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9, t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }
    /// Uniform below `bound`, which is not 0: multiplication and rejection (D. Lemire, "Fast random integer generation
    /// in an interval", ACM TOMACS 29, 2019).
    constexpr std::uint64_t below(std::uint64_t bound) {
        __extension__ typedef unsigned __int128 wide;
        wide product = wide{(*this)()} * bound;
        if (static_cast<std::uint64_t>(product) < bound)
            for (const std::uint64_t threshold = (0 - bound) % bound; static_cast<std::uint64_t>(product) < threshold;)
                product = wide{(*this)()} * bound;
        return static_cast<std::uint64_t>(product >> 64);
    }

  private:
    std::array<std::uint64_t, 4> state_{};
};

} // namespace iommulab
