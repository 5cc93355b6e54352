// SPDX-License-Identifier: Apache-2.0
#include "testbenches/conformance/smmu_v3_tables.h"

#include <utility>

namespace iommulab::conformance::smmu_v3 {

replayed_tables::replayed_tables(machine& target, const sw::arm_lpae_configuration& configuration, std::uint64_t root,
                                 std::function<std::optional<std::uint64_t>(std::uint64_t)> spare)
    : target_(target), spare_(std::move(spare)) {
    sw::table_memory& memory = *this;
    builder_ = std::make_unique<sw::arm_lpae_tables>(configuration, memory, root);
    table_pages_.insert(root);
}

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

const replayed_leaf* replayed_tables::find(std::uint64_t iova, std::uint64_t& base) const {
    return first_in(iova, 1, base);
}

std::uint64_t replayed_tables::reach(unsigned level) const {
    const unsigned granule = builder_->configuration().granule_log2;
    return std::uint64_t{1} << (granule + (4 - level) * (granule - 3));
}

std::optional<replayed_tables::span> replayed_tables::misplaced(std::uint64_t iova,
                                                                const std::vector<std::uint64_t>& path) const {
    for (std::size_t i = 1; i < path.size(); ++i) {
        const unsigned level = builder_->start_level() + static_cast<unsigned>(i);
        const std::uint64_t base = iova & ~(reach(level) - 1);
        const auto known = tables_.find({level, base});
        if (known != tables_.end() && path[i] != 0 && known->second != path[i]) {
            return span{base, reach(level)};
        }
    }
    return std::nullopt;
}

sw::table_status replayed_tables::map(std::uint64_t base, const replayed_leaf& leaf, bool device,
                                      std::vector<std::uint64_t> path) {
    path_ = std::move(path);
    const sw::page_protection protection{.read = true, .write = leaf.writable, .cacheable = true, .device = device};
    const auto result = builder_->map_pages(base, leaf.address, leaf.size_bytes, 1, protection, this);
    path_.clear();
    if (result.status == sw::table_status::ok) {
        leaves_[base] = leaf;
    }
    return result.status;
}

void replayed_tables::unmap_leaf(std::uint64_t base) {
    const auto leaf = leaves_.find(base);
    if (leaf != leaves_.end()) {
        // The entry alone: the builder would take an emptied table out with a range that covers it, but a leaf never
        // does.
        builder_->unmap(base, leaf->second.size_bytes, this);
        leaves_.erase(leaf);
    }
}

void replayed_tables::remove_tables(std::uint64_t from, std::uint64_t size_bytes) {
    // From the highest level down: with a table go all below it.
    for (auto table = tables_.begin(); table != tables_.end();) {
        const auto [level, base] = table->first;
        const bool inside = base >= from && base - from < size_bytes && reach(level) <= size_bytes - (base - from);
        if (!inside) {
            ++table;
            continue;
        }
        const table_key key = table->first;
        builder_->unmap(base, reach(level), this);
        tables_.erase(key);
        table = tables_.upper_bound(key);
    }
}

std::uint64_t replayed_tables::read64(std::uint64_t address) {
    std::vector<std::uint8_t> bytes(8);
    target_.read_memory(address, bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void replayed_tables::write64(std::uint64_t address, std::uint64_t value) {
    std::vector<std::uint8_t> bytes(8);
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::uint8_t>(value >> 8 * i);
    }
    target_.write_memory(address, bytes);
}

void replayed_tables::zero(std::uint64_t address, std::uint64_t size_bytes) {
    target_.fill_memory(address, size_bytes, 0);
}

std::optional<std::uint64_t> replayed_tables::allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) {
    const std::size_t step = level - builder_->start_level();
    std::optional<std::uint64_t> place;
    if (step < path_.size() && path_[step] != 0) {
        place = path_[step];
    } else {
        place = spare_(size_bytes);
    }
    if (place) {
        tables_[{level, iova & ~(reach(level) - 1)}] = *place;
        table_pages_.insert(*place);
    }
    return place;
}

void replayed_tables::release(std::uint64_t address, std::uint64_t /*size_bytes*/) {
    table_pages_.erase(address);
}

void replayed_tables::leaf_removed(std::uint64_t /*iova*/, std::uint64_t /*size_bytes*/) {}

void replayed_tables::table_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    std::erase_if(tables_, [&](const auto& table) {
        return table.first.base >= iova && table.first.base - iova < size_bytes &&
               reach(table.first.level) <= size_bytes;
    });
}

} // namespace iommulab::conformance::smmu_v3
