// SPDX-License-Identifier: Apache-2.0
#include "models/dma/zipf.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace iommulab {
namespace {

__extension__ typedef unsigned __int128 wide;
constexpr unsigned fraction_bits = 40;
constexpr std::uint64_t one = std::uint64_t{1} << fraction_bits;

/// log2 of an integer, 40 fractional bits: the mantissa is squared once for each bit.
std::uint64_t log2_fixed(std::uint64_t value) {
    const unsigned whole = static_cast<unsigned>(std::bit_width(value)) - 1;
    std::uint64_t mantissa = value << (63 - whole); // in [1, 2), 63 fractional bits
    std::uint64_t result = std::uint64_t{whole} << fraction_bits;
    for (unsigned bit = fraction_bits; bit-- > 0;) {
        const wide square = wide{mantissa} * mantissa; // in [1, 4), 126 fractional bits
        const bool two_or_more = (square >> 127) != 0;
        result |= std::uint64_t{two_or_more} << bit;
        mantissa = static_cast<std::uint64_t>(square >> (two_or_more ? 64 : 63));
    }
    return result;
}

std::uint64_t square_root(wide value) {
    std::uint64_t root = 0;
    for (unsigned bit = 64; bit-- > 0;) {
        const std::uint64_t trial = root | std::uint64_t{1} << bit;
        if (wide{trial} * trial <= value)
            root = trial;
    }
    return root;
}

/// 2^-x for x with 40 fractional bits, as a fraction of 2^40: the product of 2^-(2^-i) over the bits of x.
std::uint64_t exp2_negative_fixed(std::uint64_t x) {
    static const auto factors = [] {
        std::vector<std::uint64_t> f(fraction_bits); // f[i] = 2^-(2^-(i+1)), 63 fractional bits
        std::uint64_t last = std::uint64_t{1} << 62; // 2^-1
        for (auto& factor : f)
            last = factor = square_root(wide{last} << 63);
        return f;
    }();
    const std::uint64_t whole = x >> fraction_bits;
    if (whole >= fraction_bits)
        return 0;
    std::uint64_t result = std::uint64_t{1} << 63;
    for (unsigned i = 0; i < fraction_bits; ++i)
        if (x >> (fraction_bits - 1 - i) & 1)
            result = static_cast<std::uint64_t>((wide{result} * factors[i]) >> 63);
    return result >> (63 - fraction_bits) >> whole;
}

} // namespace

std::uint64_t zipf_distribution::weight(std::uint64_t rank, unsigned exponent_hundredths) {
    if (rank == 0)
        return one;
    const auto power = static_cast<std::uint64_t>(wide{log2_fixed(rank + 1)} * exponent_hundredths / 100);
    return std::max<std::uint64_t>(exp2_negative_fixed(power), 1);
}

zipf_distribution::zipf_distribution(std::uint64_t items, unsigned exponent_hundredths) {
    constexpr std::uint64_t most_items = std::uint64_t{1} << 23; // sums stay below 2^64: weights are at most 2^40
    if (items == 0 || items > most_items)
        throw std::invalid_argument("zipf: " + std::to_string(items) + " items, expected 1 to " +
                                    std::to_string(most_items));
    if (exponent_hundredths > 400)
        throw std::invalid_argument("zipf: exponent " + std::to_string(exponent_hundredths) +
                                    " hundredths, expected 0 to 400");
    cumulative_.reserve(items);
    std::uint64_t sum = 0;
    for (std::uint64_t rank = 0; rank < items; ++rank)
        cumulative_.push_back(sum += weight(rank, exponent_hundredths));
}

std::uint64_t zipf_distribution::operator()(random_generator& random) const {
    const std::uint64_t draw = random.below(cumulative_.back());
    return static_cast<std::uint64_t>(std::upper_bound(cumulative_.begin(), cumulative_.end(), draw) -
                                      cumulative_.begin());
}

} // namespace iommulab
