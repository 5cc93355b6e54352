// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace iommulab::conformance {

/// An event queue in memory, of a power of two of records, and the registers that say where it begins and ends.
struct event_queue_layout {
    std::uint64_t base_register;
    std::uint64_t base_address_mask;
    unsigned size_log2_shift; ///< of the field of the base register that holds log2 of the number of records
    std::uint64_t size_log2_mask;
    std::array<std::uint64_t, 2> producer_registers; ///< the places of each; the second is the one that is read
    std::array<std::uint64_t, 2> consumer_registers;
    std::uint64_t record_bytes;
    std::uint64_t index_unit; ///< what a record adds to an index
    bool wrap_bit;            ///< indexes count to twice the number of records

    [[nodiscard]] std::uint64_t records(std::uint64_t base) const {
        return std::uint64_t{1} << (base >> size_log2_shift & size_log2_mask);
    }
    [[nodiscard]] std::uint64_t index_mask(std::uint64_t base) const {
        return records(base) * index_unit * (wrap_bit ? 2 : 1) - 1;
    }
};

} // namespace iommulab::conformance
