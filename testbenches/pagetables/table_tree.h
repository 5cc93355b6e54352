// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/pagetables/table_generator.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace iommulab::reference {

// Hands out pieces of the physical table window, in order.
class table_allocator {
  public:
    table_allocator(std::uint64_t base, std::uint64_t bytes) : next_(base), left_bytes_(bytes) {}
    // Physical address of `bytes`, aligned to `alignment` (a power of two); nullopt when the window is full.
    std::optional<std::uint64_t> take(std::uint64_t bytes, std::uint64_t alignment);

  private:
    std::uint64_t next_;
    std::uint64_t left_bytes_;
};

// One tree of tables under construction. Addresses in descriptors are physical plus `offset`.
class table_tree {
  public:
    struct shape {
        granule_size granule = granule_size::kib4;
        unsigned start_level = 0;
        unsigned input_bits = 48; // decides the size of the root, concatenated tables included
        bool lpa = false;         // 52-bit addresses in 64K descriptors
        std::uint64_t offset = 0;
    };
    struct entry {
        std::uint64_t address = 0; // physical
        unsigned level = 0;
        bool contiguous = false;
    };
    struct leaf {
        std::uint64_t input = 0; // below 2^input_bits
        std::uint64_t output = 0;
        std::uint64_t size_bytes = 0;
    };

    // Takes the root from the allocator, aligned to its size but not always to a granule. has_root() says whether it
    // fitted.
    table_tree(const shape& of, sparse_words& memory, table_allocator& allocator);

    bool has_root() const { return root_.has_value(); }
    std::uint64_t root() const { return root_.value_or(0) + shape_.offset; } // as TTB holds it
    const shape& layout() const { return shape_; }
    static unsigned level_bits(granule_size granule, unsigned level); // log2 of what one descriptor of the level maps

    // Writes `count` leaves of one level, side by side; the input must be aligned to a leaf. False, and no leaf
    // written, when something is there already, when they straddle tables, or when the window is full. table_bits go
    // into tables made on the way (above the address and the type).
    bool map(std::uint64_t input, std::uint64_t output, unsigned level, unsigned count, std::uint64_t leaf_bits,
             std::uint64_t table_bits, bool contiguous);

    // A table descriptor of this granule for a physical address.
    std::uint64_t table_descriptor(std::uint64_t physical) const;

    const std::vector<entry>& entries() const { return entries_; }
    const std::vector<leaf>& leaves() const { return leaves_; }
    const std::vector<std::uint64_t>& tables() const { return tables_; } // physical, the root first

  private:
    std::uint64_t address_field(std::uint64_t address) const;
    std::uint64_t index(std::uint64_t input, unsigned level) const;

    shape shape_;
    sparse_words& memory_;
    table_allocator& allocator_;
    std::optional<std::uint64_t> root_; // physical
    std::vector<entry> entries_;
    std::vector<leaf> leaves_;
    std::vector<std::uint64_t> tables_;
};

} // namespace iommulab::reference
