// SPDX-License-Identifier: Apache-2.0
// Bit fields as declarations: a name and a place, from which reading, writing and naming follow.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace iommulab {

/// A field of a register, a table entry, a command or an event. Bits are numbered over the whole structure, so that a
/// field of a 64-byte entry may start at bit 448; it may cross a 64-bit word only if the manual's own field does.
struct bit_field {
    const char* name;
    unsigned lsb;
    unsigned width;

    [[nodiscard]] constexpr std::uint64_t mask() const {
        return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
    }
    /// The field in a structure of up to 64 bits.
    [[nodiscard]] constexpr std::uint64_t of(std::uint64_t word) const { return (word >> lsb) & mask(); }
    /// `word` with the field replaced by `value`; bits of value beyond the field are dropped.
    [[nodiscard]] constexpr std::uint64_t put(std::uint64_t word, std::uint64_t value) const {
        return (word & ~(mask() << lsb)) | ((value & mask()) << lsb);
    }
    /// A word with nothing but the field.
    [[nodiscard]] constexpr std::uint64_t make(std::uint64_t value) const { return put(0, value); }

    /// The field in a structure of several 64-bit words.
    [[nodiscard]] constexpr std::uint64_t of(std::span<const std::uint64_t> words) const {
        const unsigned word = lsb / 64, shift = lsb % 64;
        std::uint64_t value = words[word] >> shift;
        if (shift + width > 64)
            value |= words[word + 1] << (64 - shift);
        return value & mask();
    }
    constexpr void put(std::span<std::uint64_t> words, std::uint64_t value) const {
        const unsigned word = lsb / 64, shift = lsb % 64;
        words[word] = (words[word] & ~(mask() << shift)) | ((value & mask()) << shift);
        if (shift + width > 64) {
            const std::uint64_t high = mask() >> (64 - shift);
            words[word + 1] = (words[word + 1] & ~high) | ((value & mask()) >> (64 - shift));
        }
    }
};

/// An address kept in a table entry or register without its low bits: bits [lsb+width-1:lsb] of the word are the same
/// bits of the address.
struct address_field {
    const char* name;
    unsigned lsb;
    unsigned width;

    [[nodiscard]] constexpr std::uint64_t mask() const {
        return (width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1) << lsb;
    }
    [[nodiscard]] constexpr std::uint64_t of(std::uint64_t word) const { return word & mask(); }
    [[nodiscard]] constexpr std::uint64_t put(std::uint64_t word, std::uint64_t address) const {
        return (word & ~mask()) | (address & mask());
    }
};

} // namespace iommulab
