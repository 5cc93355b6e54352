// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/replayed_tables.h"

#include <iterator>
#include <utility>

namespace iommulab::conformance {

const replayed_leaf* replayed_tables::first_in(std::uint64_t from, std::uint64_t size_bytes,
                                               std::uint64_t& base) const {
    auto leaf = leaves_.upper_bound(from);
    if (leaf != leaves_.begin()) {
        const auto before = std::prev(leaf);
        if (from - before->first < before->second.size_bytes) {
            leaf = before;
        }
    }
    if (leaf == leaves_.end() || (leaf->first > from && leaf->first - from >= size_bytes)) {
        return nullptr;
    }
    base = leaf->first;
    return &leaf->second;
}

std::optional<replayed_tables::span> replayed_tables::misplaced(std::uint64_t iova,
                                                                const std::vector<std::uint64_t>& path) const {
    for (unsigned step = 1; step < path.size(); ++step) {
        const auto known = table_at(step, iova);
        if (known && path[step] != 0 && *known != path[step]) {
            return span{iova & ~(reach(step) - 1), reach(step)};
        }
    }
    return std::nullopt;
}

bool replayed_tables::map(std::uint64_t base, const replayed_leaf& leaf, bool device, std::vector<std::uint64_t> path) {
    path_ = std::move(path);
    const bool written = write_leaf(base, leaf, device);
    path_.clear();
    if (written) {
        leaves_[base] = leaf;
    }
    return written;
}

void replayed_tables::unmap_leaf(std::uint64_t base) {
    const auto leaf = leaves_.find(base);
    if (leaf != leaves_.end()) {
        clear_leaf(base, leaf->second);
        leaves_.erase(leaf);
    }
}

void replayed_tables::remove_tables(std::uint64_t from, std::uint64_t size_bytes) {
    // From the highest level down: with a table go all below it.
    for (auto table = tables_.begin(); table != tables_.end();) {
        const auto [step, base] = table->first;
        const bool inside = base >= from && base - from < size_bytes && reach(step) <= size_bytes - (base - from);
        if (!inside) {
            ++table;
            continue;
        }
        const table_key key = table->first;
        clear_table(key.step, key.base);
        tables_.erase(key);
        table = tables_.upper_bound(key);
    }
}

std::optional<std::uint64_t> replayed_tables::allocate(unsigned step, std::uint64_t iova, std::uint64_t size_bytes) {
    std::optional<std::uint64_t> place;
    if (step < path_.size() && path_[step] != 0) {
        place = path_[step];
    } else {
        place = spare_(size_bytes);
    }
    if (place) {
        tables_[{step, iova & ~(reach(step) - 1)}] = *place;
        table_pages_.insert(*place);
    }
    return place;
}

void replayed_tables::forget_tables(std::uint64_t base, std::uint64_t size_bytes) {
    std::erase_if(tables_, [&](const auto& table) {
        const bool gone =
            table.first.base >= base && table.first.base - base < size_bytes && reach(table.first.step) <= size_bytes;
        if (gone) {
            table_pages_.erase(table.second);
        }
        return gone;
    });
}

std::optional<std::uint64_t> replayed_tables::table_at(unsigned step, std::uint64_t iova) const {
    if (step == 0) {
        return root_;
    }
    const auto known = tables_.find({step, iova & ~(reach(step) - 1)});
    return known != tables_.end() ? std::optional(known->second) : std::nullopt;
}

std::uint64_t read_word(machine& target, std::uint64_t address) {
    std::vector<std::uint8_t> bytes(8);
    target.read_memory(address, bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool write_word(machine& target, std::uint64_t address, std::uint64_t value) {
    std::vector<std::uint8_t> bytes(8);
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::uint8_t>(value >> 8 * i);
    }
    return target.write_memory(address, bytes);
}

} // namespace iommulab::conformance
