// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sw/pagetables/arm_lpae.h"
#include "testbenches/conformance/machine.h"
#include "testbenches/conformance/replayed_tables.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace iommulab::conformance::smmu_v3 {

/// Stage 1 tables, built by arm_lpae_tables.
class stage_1_tables final : public replayed_tables, private sw::table_memory, private sw::table_listener {
  public:
    stage_1_tables(machine& target, const sw::arm_lpae_configuration& configuration, std::uint64_t root,
                   place_giver spare);

    const sw::arm_lpae_tables& builder() const { return *builder_; }
    unsigned entry_reach_log2(unsigned step) const override;
    unsigned steps() const override { return 4 - builder_->start_level(); }

  private:
    bool write_leaf(std::uint64_t base, const replayed_leaf& leaf, bool device) override;
    void clear_leaf(std::uint64_t base, const replayed_leaf& leaf) override;
    void clear_table(unsigned step, std::uint64_t base) override;

    std::uint64_t read64(std::uint64_t address) override;
    void write64(std::uint64_t address, std::uint64_t value) override;
    void zero(std::uint64_t address, std::uint64_t size_bytes) override;
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) override;
    void release(std::uint64_t address, std::uint64_t size_bytes) override;
    void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    void table_removed(std::uint64_t iova, std::uint64_t size_bytes) override;

    machine& target_;
    std::unique_ptr<sw::arm_lpae_tables> builder_;
};

} // namespace iommulab::conformance::smmu_v3
