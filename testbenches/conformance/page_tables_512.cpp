// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/page_tables_512.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace iommulab::conformance {

namespace {

constexpr unsigned log2_page = 12;
constexpr unsigned index_bits = 9;
constexpr std::uint64_t entry_bytes = 8;

} // namespace

page_tables_512::page_tables_512(machine& target, entry_format format, std::uint64_t root, place_giver spare)
    : replayed_tables(root, log2_page, std::move(spare)), target_(target), format_(std::move(format)) {}

unsigned page_tables_512::entry_reach_log2(unsigned step) const {
    return log2_page + index_bits * (level_of(step) - 1);
}

/// The lowest table of which one entry does not reach further than the leaf.
unsigned page_tables_512::step_of(const replayed_leaf& leaf) const {
    unsigned step = 0;
    while (step + 1 < steps() && leaf.size_bytes >> entry_reach_log2(step) == 0) {
        ++step;
    }
    return step;
}

std::uint64_t page_tables_512::entry_address(std::uint64_t table, unsigned step, std::uint64_t iova) const {
    constexpr std::uint64_t index_mask = (std::uint64_t{1} << index_bits) - 1;
    return table + (iova >> entry_reach_log2(step) & index_mask) * entry_bytes;
}

void page_tables_512::fill(std::uint64_t table, unsigned step, std::uint64_t base, const replayed_leaf& leaf,
                           std::uint64_t word) {
    const std::uint64_t entries = std::max<std::uint64_t>(leaf.size_bytes >> entry_reach_log2(step), 1);
    for (std::uint64_t n = 0; n < entries; ++n) {
        write_word(target_, entry_address(table, step, base) + n * entry_bytes, word);
    }
}

bool page_tables_512::write_leaf(std::uint64_t base, const replayed_leaf& leaf, bool /*device*/) {
    const unsigned last = step_of(leaf);
    const std::uint64_t word = format_.leaf_entry(leaf, level_of(last));
    if (word == 0 || leaf.size_bytes >> entry_reach_log2(last) == 0) {
        return false;
    }
    std::uint64_t table = root();
    for (unsigned step = 1; step <= last; ++step) {
        std::optional<std::uint64_t> next = table_at(step, base);
        if (!next) {
            next = allocate(step, base, std::uint64_t{1} << log2_page);
            if (!next || !target_.fill_memory(*next, std::uint64_t{1} << log2_page, 0)) {
                return false;
            }
            write_word(target_, entry_address(table, step - 1, base), format_.table_entry(*next, level_of(step - 1)));
        }
        table = *next;
    }
    fill(table, last, base, leaf, word);
    return true;
}

void page_tables_512::clear_leaf(std::uint64_t base, const replayed_leaf& leaf) {
    const unsigned step = step_of(leaf);
    if (const auto table = table_at(step, base)) {
        fill(*table, step, base, leaf, 0);
    }
}

void page_tables_512::clear_table(unsigned step, std::uint64_t base) {
    if (const auto above = table_at(step - 1, base)) {
        write_word(target_, entry_address(*above, step - 1, base), 0);
    }
    forget_tables(base, reach(step));
}

} // namespace iommulab::conformance
