// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace iommulab::conformance {

/// Bytes that tell where they belong: a function of the physical address alone, so that data read or written at a wrong
/// address shows, whatever else is under way.
inline std::vector<std::uint8_t> memory_tag(std::uint64_t address, std::uint64_t size_bytes) {
    std::vector<std::uint8_t> bytes(size_bytes);
    std::uint64_t word = 0;
    for (std::uint64_t i = 0; i < size_bytes; ++i) {
        const std::uint64_t at = address + i;
        if (i == 0 || at % 8 == 0) {
            // splitmix64's finisher.
            word = (at & ~std::uint64_t{7}) + 0x9e3779b97f4a7c15;
            word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
            word = (word ^ word >> 27) * 0x94d049bb133111eb;
            word ^= word >> 31;
        }
        bytes[i] = static_cast<std::uint8_t>(word >> 8 * (at % 8));
    }
    return bytes;
}

} // namespace iommulab::conformance
