// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sw/pagetables/arm_lpae.h"
#include "testbenches/conformance/machine.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace iommulab::conformance::smmu_v3 {

/// A leaf entry that the replay has written.
struct replayed_leaf {
    std::uint64_t size_bytes = 0;
    std::uint64_t address = 0;
    bool writable = false;
};

/// One set of stage 1 tables in a machine's memory, built by arm_lpae_tables, with each table where the recording shows
/// it.
class replayed_tables final : private sw::table_memory, private sw::table_listener {
  public:
    /// `spare` gives a place for a table that no recorded walk shows.
    replayed_tables(machine& target, const sw::arm_lpae_configuration& configuration, std::uint64_t root,
                    std::function<std::optional<std::uint64_t>(std::uint64_t)> spare);

    sw::arm_lpae_tables& builder() { return *builder_; }
    /// The leaf at an address, nullptr where nothing is mapped; `base` receives where it begins.
    const replayed_leaf* find(std::uint64_t iova, std::uint64_t& base) const;
    /// The first leaf that overlaps a range, with its base; nullptr when none does.
    const replayed_leaf* first_in(std::uint64_t from, std::uint64_t size_bytes, std::uint64_t& base) const;

    /// Where the tables on the way to `iova` stand, by level from the start level (the root) on; entries of 0 are not
    /// known. Returns the span of a table that stands elsewhere now: {base, size}.
    struct span {
        std::uint64_t base = 0;
        std::uint64_t size_bytes = 0;
    };
    std::optional<span> misplaced(std::uint64_t iova, const std::vector<std::uint64_t>& path) const;
    /// Writes a leaf; tables that are missing are put where `path` says.
    sw::table_status map(std::uint64_t base, const replayed_leaf& leaf, bool device, std::vector<std::uint64_t> path);
    void unmap_leaf(std::uint64_t base);
    /// Takes out the tables (not the root) whose whole reach lies in the range. All leaves there must be gone already.
    void remove_tables(std::uint64_t from, std::uint64_t size_bytes);
    /// Every leaf, for those who clear them all.
    const std::map<std::uint64_t, replayed_leaf>& leaves() const { return leaves_; }
    /// True when one of the tables begins at this address, a multiple of the granule.
    bool has_table(std::uint64_t address) const { return table_pages_.count(address) != 0; }

  private:
    struct table_key {
        unsigned level;
        std::uint64_t base;
        friend bool operator<(const table_key& a, const table_key& b) {
            return std::tie(a.level, a.base) < std::tie(b.level, b.base);
        }
    };

    std::uint64_t read64(std::uint64_t address) override;
    void write64(std::uint64_t address, std::uint64_t value) override;
    void zero(std::uint64_t address, std::uint64_t size_bytes) override;
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) override;
    void release(std::uint64_t address, std::uint64_t size_bytes) override;
    void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    void table_removed(std::uint64_t iova, std::uint64_t size_bytes) override;
    /// How many bytes of input a table of `level` translates.
    std::uint64_t reach(unsigned level) const;

    machine& target_;
    std::function<std::optional<std::uint64_t>(std::uint64_t)> spare_;
    std::vector<std::uint64_t> path_;
    std::map<std::uint64_t, replayed_leaf> leaves_;
    std::map<table_key, std::uint64_t> tables_;
    std::set<std::uint64_t> table_pages_;
    std::unique_ptr<sw::arm_lpae_tables> builder_;
};

} // namespace iommulab::conformance::smmu_v3
