// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/machine.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace iommulab::conformance {

/// A leaf that the replay has written.
struct replayed_leaf {
    std::uint64_t size_bytes = 0;
    std::uint64_t address = 0;
    bool readable = true;
    bool writable = false;

    friend bool operator==(const replayed_leaf&, const replayed_leaf&) = default;
};

/// One set of translation tables in a machine's memory, with each table where the recording shows it. What entries look
/// like is said by a class for each format. Steps count the tables on the way, the first (the root) is 0.
class replayed_tables {
  public:
    /// Gives a place of so many bytes, aligned to them, for a table that no recorded walk shows.
    using place_giver = std::function<std::optional<std::uint64_t>(std::uint64_t)>;

    replayed_tables(std::uint64_t root, unsigned granule_log2, place_giver spare)
        : root_(root), granule_log2_(granule_log2), spare_(std::move(spare)) {
        table_pages_.insert(root);
    }
    virtual ~replayed_tables() = default;

    std::uint64_t root() const { return root_; }
    unsigned granule_log2() const { return granule_log2_; }
    /// log2 of the bytes of input that one entry of a table translates, and that the table does.
    virtual unsigned entry_reach_log2(unsigned step) const = 0;
    virtual unsigned steps() const = 0;

    /// The leaf at an address, nullptr where nothing is mapped; `base` receives where it begins.
    const replayed_leaf* find(std::uint64_t iova, std::uint64_t& base) const { return first_in(iova, 1, base); }
    /// The first leaf that overlaps a range, with its base; nullptr when none does.
    const replayed_leaf* first_in(std::uint64_t from, std::uint64_t size_bytes, std::uint64_t& base) const;

    /// Where the tables on the way to `iova` stand, by step; entries of 0 are not known. Returns the span of a table
    /// that stands elsewhere now.
    struct span {
        std::uint64_t base = 0;
        std::uint64_t size_bytes = 0;
    };
    std::optional<span> misplaced(std::uint64_t iova, const std::vector<std::uint64_t>& path) const;
    /// Writes a leaf; tables that are missing are put where `path` says. False: the tables have no way to say it, or
    /// there is no place.
    bool map(std::uint64_t base, const replayed_leaf& leaf, bool device, std::vector<std::uint64_t> path);
    void unmap_leaf(std::uint64_t base);
    /// Takes out the tables (not the root) whose whole reach lies in the range. All leaves there must be gone already.
    void remove_tables(std::uint64_t from, std::uint64_t size_bytes);
    /// True when one of the tables begins at this address, a multiple of the granule.
    bool has_table(std::uint64_t address) const { return table_pages_.count(address) != 0; }

  protected:
    virtual bool write_leaf(std::uint64_t base, const replayed_leaf& leaf, bool device) = 0;
    virtual void clear_leaf(std::uint64_t base, const replayed_leaf& leaf) = 0;
    virtual void clear_table(unsigned step, std::uint64_t base) = 0;

    std::uint64_t reach(unsigned step) const { return step == 0 ? 0 : std::uint64_t{1} << entry_reach_log2(step - 1); }
    /// A place for the table at `step` on the way to `iova`.
    std::optional<std::uint64_t> allocate(unsigned step, std::uint64_t iova, std::uint64_t size_bytes);
    void forget_page(std::uint64_t address) { table_pages_.erase(address); }
    /// The tables below and at a place are gone.
    void forget_tables(std::uint64_t base, std::uint64_t size_bytes);
    std::optional<std::uint64_t> table_at(unsigned step, std::uint64_t iova) const;

  private:
    struct table_key {
        unsigned step;
        std::uint64_t base;
        friend bool operator<(const table_key& a, const table_key& b) {
            return std::tie(a.step, a.base) < std::tie(b.step, b.base);
        }
    };

    std::uint64_t root_;
    unsigned granule_log2_;
    place_giver spare_;
    std::vector<std::uint64_t> path_;
    std::map<std::uint64_t, replayed_leaf> leaves_;
    std::map<table_key, std::uint64_t> tables_;
    std::set<std::uint64_t> table_pages_;
};

/// 8 bytes of a machine's memory; zero where there is none.
std::uint64_t read_word(machine& target, std::uint64_t address);
/// False when there is no memory.
bool write_word(machine& target, std::uint64_t address, std::uint64_t value);

} // namespace iommulab::conformance
