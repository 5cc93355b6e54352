// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sw/pagetables/table_memory.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace iommulab::sw {

/// The translation tables of the Arm VMSA, 64-bit descriptors (Arm ARM DDI 0487, D8.3): what they are built for.
struct arm_lpae_configuration {
    unsigned stage = 1;           ///< 1 or 2
    unsigned granule_log2 = 12;   ///< 12, 14 or 16: pages and tables of 4, 16 or 64 KiB
    unsigned input_bits = 48;     ///< size of the input address space, 64 - TxSZ
    unsigned output_bits = 48;    ///< size of output addresses; above 48 with 64 KiB pages only
    bool contiguous_hint = false; ///< set the Contiguous bit on aligned runs (DDI 0487, D8.6.1)
    bool blocks = true;           ///< use block descriptors above level 3
};

/// What a mapping operation did. What was mapped (or unmapped) before the error stays so.
struct table_result {
    table_status status = table_status::ok;
    std::uint64_t done_bytes = 0;
};

/// One translation as the tables give it.
struct table_translation {
    std::uint64_t address = 0; ///< output address for the exact input address
    std::uint64_t page_bytes = 0;
    unsigned level = 0;
    bool contiguous = false;
    page_protection protection;
};

/// Builds and edits one set of tables in memory. Writes descriptors in the order that a walker running at the same time
/// may see them: a table is complete before it is linked, and an entry is invalid, and the listener told, before
/// another takes its place. Stage 1 descriptors are non-global; AttrIndx is 0 non-cacheable, 1 cacheable (write-back),
/// 2 device, for the MAIR that mair() gives.
class arm_lpae_tables {
  public:
    /// With `root`, the table at that address is taken over and zeroed; otherwise the memory is asked for one, and
    /// status() says no_memory when it has none. status() is invalid_argument for a configuration that the architecture
    /// does not have.
    arm_lpae_tables(const arm_lpae_configuration& configuration, table_memory& memory,
                    std::optional<std::uint64_t> root = std::nullopt);

    table_status status() const { return status_; }
    std::uint64_t root() const { return root_; }
    std::uint64_t root_bytes() const { return root_bytes_; }
    unsigned start_level() const { return start_level_; }
    const arm_lpae_configuration& configuration() const { return configuration_; }
    /// Memory attributes for AttrIndx 0, 1 and 2: 0x44 non-cacheable, 0xff write-back, 0x04 device nGnRE (DDI 0487,
    /// MAIR_EL1).
    static constexpr std::uint64_t mair() { return 0x04ff44; }
    /// The leaf sizes that map() uses, largest first, runs of contiguous entries not counted.
    const std::vector<std::uint64_t>& page_sizes() const { return page_sizes_; }

    /// Maps a range, with the largest leaves that its alignment allows. An empty table in the way of a block is
    /// removed. Errors: exists (at the first page that is mapped), invalid_argument, out_of_range, no_memory.
    table_result map(std::uint64_t iova, std::uint64_t address, std::uint64_t size_bytes,
                     const page_protection& protection, table_listener* listener = nullptr);
    /// Maps `count` leaves of one size of page_sizes().
    table_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t count,
                           const page_protection& protection, table_listener* listener = nullptr);
    /// Unmaps a range. A block of which only a part goes is split into a table of the next level; contiguous runs lose
    /// the hint as a whole first. A table of which all goes is removed and released,
    /// holes in it or not. Errors: not_mapped (at the first
    /// hole), invalid_argument, out_of_range, no_memory (for the table of a split).
    table_result unmap(std::uint64_t iova, std::uint64_t size_bytes, table_listener* listener = nullptr);

    std::optional<table_translation> translate(std::uint64_t iova);
    /// The output address, as io-pgtable's iova_to_phys.
    std::optional<std::uint64_t> iova_to_phys(std::uint64_t iova);

    /// Releases all tables, the root too (unless it was given); nothing may be mapped after that.
    void release_all();

  private:
    struct entry_place;

    unsigned index_bits() const { return configuration_.granule_log2 - 3; }
    unsigned shift_of(unsigned level) const { return configuration_.granule_log2 + (3 - level) * index_bits(); }
    std::uint64_t span_of(unsigned level) const { return std::uint64_t{1} << shift_of(level); }
    std::uint64_t granule_bytes() const { return std::uint64_t{1} << configuration_.granule_log2; }
    std::uint64_t entry_address(std::uint64_t table, unsigned level, std::uint64_t iova) const;
    bool block_allowed(unsigned level) const;
    bool is_leaf(std::uint64_t descriptor, unsigned level) const;
    bool is_table(std::uint64_t descriptor, unsigned level) const;
    unsigned run_entries(unsigned level) const;
    std::uint64_t encode_address(std::uint64_t address) const;
    std::uint64_t decode_address(std::uint64_t descriptor) const;
    std::uint64_t attributes(const page_protection& protection) const;
    page_protection decode_protection(std::uint64_t descriptor) const;
    entry_place descend(std::uint64_t iova, unsigned to_level);
    std::optional<std::uint64_t> make_table(unsigned level, std::uint64_t iova);
    bool is_empty(std::uint64_t table, unsigned level);
    void release_table(std::uint64_t table, unsigned level);
    bool range_ok(std::uint64_t iova, std::uint64_t size_bytes, unsigned bits) const;
    table_status check_map(std::uint64_t iova, std::uint64_t address, std::uint64_t size_bytes,
                           const page_protection& protection) const;
    table_status install(std::uint64_t iova, std::uint64_t address, unsigned level, unsigned entries,
                         std::uint64_t attributes, table_listener* listener);
    void drop_hint(std::uint64_t table, unsigned level, std::uint64_t iova, table_listener* listener);
    table_status split(const entry_place& place, std::uint64_t iova, table_listener* listener);

    arm_lpae_configuration configuration_;
    table_memory& memory_;
    table_status status_ = table_status::ok;
    bool root_given_ = false;
    std::uint64_t root_ = 0;
    std::uint64_t root_bytes_ = 0;
    unsigned start_level_ = 0;
    std::vector<std::uint64_t> page_sizes_;
};

} // namespace iommulab::sw
