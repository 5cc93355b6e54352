// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/tables.h"

#include <utility>

namespace iommulab::conformance::smmu_v3 {

stage_1_tables::stage_1_tables(machine& target, const sw::arm_lpae_configuration& configuration, std::uint64_t root,
                               place_giver spare)
    : replayed_tables(root, configuration.granule_log2, std::move(spare)), target_(target) {
    sw::table_memory& memory = *this;
    builder_ = std::make_unique<sw::arm_lpae_tables>(configuration, memory, root);
}

unsigned stage_1_tables::entry_reach_log2(unsigned step) const {
    const unsigned granule = granule_log2();
    return granule + (3 - builder_->start_level() - step) * (granule - 3);
}

bool stage_1_tables::write_leaf(std::uint64_t base, const replayed_leaf& leaf, bool device) {
    const sw::page_protection protection{
        .read = leaf.readable, .write = leaf.writable, .cacheable = true, .device = device};
    const auto result = builder_->map_pages(base, leaf.address, leaf.size_bytes, 1, protection, this);
    return result.status == sw::table_status::ok;
}

void stage_1_tables::clear_leaf(std::uint64_t base, const replayed_leaf& leaf) {
    // The entry alone: the builder would take an emptied table out with a range that covers it, but a leaf never does.
    builder_->unmap(base, leaf.size_bytes, this);
}

void stage_1_tables::clear_table(unsigned step, std::uint64_t base) {
    builder_->unmap(base, reach(step), this);
}

std::uint64_t stage_1_tables::read64(std::uint64_t address) {
    return read_word(target_, address);
}

void stage_1_tables::write64(std::uint64_t address, std::uint64_t value) {
    write_word(target_, address, value);
}

void stage_1_tables::zero(std::uint64_t address, std::uint64_t size_bytes) {
    target_.fill_memory(address, size_bytes, 0);
}

std::optional<std::uint64_t> stage_1_tables::allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) {
    return replayed_tables::allocate(level - builder_->start_level(), iova, size_bytes);
}

void stage_1_tables::release(std::uint64_t address, std::uint64_t /*size_bytes*/) {
    forget_page(address);
}

void stage_1_tables::leaf_removed(std::uint64_t /*iova*/, std::uint64_t /*size_bytes*/) {}

void stage_1_tables::table_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    forget_tables(iova, size_bytes);
}

} // namespace iommulab::conformance::smmu_v3
