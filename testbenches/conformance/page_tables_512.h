// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/replayed_tables.h"

#include <cstdint>
#include <functional>

namespace iommulab::conformance {

/// What entries of 8 bytes in tables of 512 look like; level 1 is that of the smallest pages.
struct entry_format {
    unsigned levels = 3;
    /// An entry of a table of `level` that points to a table of the level below.
    std::function<std::uint64_t(std::uint64_t table, unsigned level)> table_entry;
    /// An entry of a table of `level` for a leaf; 0: the format has no such page.
    std::function<std::uint64_t(const replayed_leaf& leaf, unsigned level)> leaf_entry;
};

/// Tables of 512 entries of 8 bytes, as the x86 architectures' IOMMUs have them. A leaf that is larger than what one
/// entry reaches stands in as many entries as it takes.
class page_tables_512 final : public replayed_tables {
  public:
    page_tables_512(machine& target, entry_format format, std::uint64_t root, place_giver spare);

    unsigned entry_reach_log2(unsigned step) const override;
    unsigned steps() const override { return format_.levels; }

  private:
    bool write_leaf(std::uint64_t base, const replayed_leaf& leaf, bool device) override;
    void clear_leaf(std::uint64_t base, const replayed_leaf& leaf) override;
    void clear_table(unsigned step, std::uint64_t base) override;

    unsigned level_of(unsigned step) const { return format_.levels - step; }
    unsigned step_of(const replayed_leaf& leaf) const;
    std::uint64_t entry_address(std::uint64_t table, unsigned step, std::uint64_t iova) const;
    void fill(std::uint64_t table, unsigned step, std::uint64_t base, const replayed_leaf& leaf, std::uint64_t word);

    machine& target_;
    entry_format format_;
};

} // namespace iommulab::conformance
