// SPDX-License-Identifier: Apache-2.0
#include "testbenches/pagetables/table_tree.h"

#include <algorithm>

namespace iommulab::reference {

std::optional<std::uint64_t> table_allocator::take(std::uint64_t bytes, std::uint64_t alignment) {
    const std::uint64_t skipped = (alignment - next_ % alignment) % alignment;
    if (skipped > left_bytes_ || bytes > left_bytes_ - skipped)
        return std::nullopt;
    const std::uint64_t taken = next_ + skipped;
    next_ = taken + bytes;
    left_bytes_ -= skipped + bytes;
    return taken;
}

unsigned table_tree::level_bits(granule_size granule, unsigned level) {
    const unsigned page = static_cast<unsigned>(granule);
    return page + (3 - level) * (page - 3);
}

table_tree::table_tree(const shape& of, sparse_words& memory, table_allocator& allocator)
    : shape_(of), memory_(memory), allocator_(allocator) {
    const std::uint64_t descriptors = std::uint64_t{1} << (of.input_bits - level_bits(of.granule, of.start_level));
    // A base address has at least 64 bytes of alignment when addresses have 52 bits; shorter tables are padded to that.
    const std::uint64_t bytes = std::max<std::uint64_t>(8 * descriptors, 64);
    root_ = allocator.take(bytes, bytes);
    if (root_)
        tables_.push_back(*root_);
}

std::uint64_t table_tree::address_field(std::uint64_t address) const {
    std::uint64_t field = address & 0x0000'ffff'ffff'f000;
    if (shape_.granule == granule_size::kib64 && shape_.lpa)
        field = (field & ~std::uint64_t{0xf000}) | ((address >> 48 & 0xf) << 12);
    return field;
}

std::uint64_t table_tree::index(std::uint64_t input, unsigned level) const {
    const std::uint64_t above = input >> level_bits(shape_.granule, level);
    if (level == shape_.start_level)
        return above;
    return above % (std::uint64_t{1} << (static_cast<unsigned>(shape_.granule) - 3));
}

std::uint64_t table_tree::table_descriptor(std::uint64_t physical) const {
    return address_field(physical + shape_.offset) | 0b11;
}

bool table_tree::map(std::uint64_t input, std::uint64_t output, unsigned level, unsigned count, std::uint64_t leaf_bits,
                     std::uint64_t table_bits, bool contiguous) {
    const std::uint64_t size = std::uint64_t{1} << level_bits(shape_.granule, level);
    if (!root_ || level < shape_.start_level || (input + count * size - 1) >> shape_.input_bits != 0)
        return false;
    if (level > shape_.start_level) {
        const unsigned table_reach = level_bits(shape_.granule, level - 1);
        if (input >> table_reach != (input + count * size - 1) >> table_reach)
            return false;
    }
    std::uint64_t table = *root_;
    for (unsigned above = shape_.start_level; above < level; ++above) {
        const std::uint64_t slot = table + 8 * index(input, above);
        const auto present = memory_.find(slot);
        if (present != memory_.end()) {
            if ((present->second & 0b11) != 0b11)
                return false; // a block covers the range
            // The tree is sound while it grows, so the descriptor leads to one of its tables.
            const auto next = std::find_if(tables_.begin(), tables_.end(), [&](std::uint64_t candidate) {
                return address_field(candidate + shape_.offset) ==
                       (present->second & 0x0000'ffff'ffff'f000 & address_field(~std::uint64_t{0}));
            });
            if (next == tables_.end())
                return false;
            table = *next;
            continue;
        }
        const std::uint64_t bytes = std::uint64_t{1} << static_cast<unsigned>(shape_.granule);
        const auto made = allocator_.take(bytes, bytes);
        if (!made)
            return false;
        tables_.push_back(*made);
        memory_[slot] = table_descriptor(*made) | table_bits;
        entries_.push_back({slot, above, false});
        table = *made;
    }
    const std::uint64_t first = table + 8 * index(input, level);
    for (unsigned k = 0; k < count; ++k) {
        if (memory_.contains(first + 8 * k))
            return false;
    }
    const std::uint64_t type = level == 3 ? 0b11 : 0b01;
    for (unsigned k = 0; k < count; ++k) {
        const std::uint64_t contiguous_bit = std::uint64_t{contiguous} << 52;
        memory_[first + 8 * k] = address_field(output + k * size) | leaf_bits | contiguous_bit | type;
        entries_.push_back({first + 8 * k, level, contiguous});
        leaves_.push_back({input + k * size, output + k * size, size});
    }
    return true;
}

} // namespace iommulab::reference
