// SPDX-License-Identifier: Apache-2.0
// Tables of 512 entries of eight bytes, 4 KiB each, nine bits of the input address a level: what x86-64, VT-d and
// AMD-Vi have in common. What an entry looks like is a format's (radix_formats.h).
#pragma once

#include "sw/pagetables/table_memory.h"

#include <cstdint>
#include <optional>

namespace iommulab::sw {

/// An entry, decoded.
struct radix_entry {
    enum class kind : std::uint8_t { none, table, leaf };
    kind is = kind::none;
    std::uint64_t address = 0;  ///< of the next table, or of the page
    unsigned page_log2 = 0;     ///< of a leaf
    page_protection protection; ///< of a leaf
};

/// Levels count from 1, whose entries are pages of 4 KiB.
class radix_format {
  public:
    virtual ~radix_format() = default;
    /// What an entry of a table of `level` says.
    [[nodiscard]] virtual radix_entry decode(std::uint64_t entry, unsigned level) const = 0;
    /// An entry of a table of `level` that names the table below it.
    [[nodiscard]] virtual std::uint64_t table(std::uint64_t address, unsigned level) const = 0;
    /// A leaf in a table of `level`. A page that is larger than the entry's span stands in several entries alike.
    [[nodiscard]] virtual std::uint64_t leaf(std::uint64_t address, unsigned level, unsigned page_log2,
                                             const page_protection& protection) const = 0;
};

struct radix_result {
    table_status status = table_status::ok;
    std::uint64_t done_bytes = 0;
};

struct radix_translation {
    std::uint64_t address = 0; ///< for the exact input address
    unsigned page_log2 = 0;
    page_protection protection;
};

/// Builds and edits one set of tables. A table is complete before it is linked; a leaf that is in the way is taken out,
/// and the listener told, before another entry takes its place.
class radix_tables {
  public:
    static constexpr unsigned table_log2_bytes = 12, index_bits = 9, most_levels = 6;
    static constexpr std::uint64_t table_bytes = std::uint64_t{1} << table_log2_bytes;
    static constexpr std::uint64_t page_bytes = 4096;

    /// `levels` from 1 to 6. The memory is asked for a root; status() says no_memory when it has none.
    radix_tables(const radix_format& format, unsigned levels, table_memory& memory);

    [[nodiscard]] table_status status() const { return status_; }
    [[nodiscard]] std::uint64_t root() const { return root_; }
    [[nodiscard]] unsigned levels() const { return levels_; }
    /// Bits of input addresses: 12 + 9 * levels, at most 64.
    [[nodiscard]] unsigned input_bits() const;

    /// What to do with a leaf that is mapped already.
    enum class occupied : std::uint8_t { refuse, replace };
    /// Maps `count` pages of one size, a power of two from 4 KiB on. Tables in the way of a leaf go, with all that is
    /// mapped through them. Errors: exists (with `refuse`: a leaf is in the way, at done_bytes), out_of_range (of the
    /// input address), invalid_argument, no_memory.
    radix_result map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t count,
                           const page_protection& protection, occupied policy, table_listener* listener = nullptr);

    /// Unmaps a range, holes or not. A leaf of which a part is in the range goes as a whole; a table of which all is in
    /// the range goes and is released. Returns the bytes from `iova` to the end of what is gone, or of the range.
    std::uint64_t unmap(std::uint64_t iova, std::uint64_t size_bytes, table_listener* listener = nullptr);
    /// The same, but tables stay, and it ends at the first address that no table of level 1 covers.
    std::uint64_t unmap_leaves(std::uint64_t iova, std::uint64_t size_bytes, table_listener* listener = nullptr);

    [[nodiscard]] std::optional<radix_translation> translate(std::uint64_t iova);
    [[nodiscard]] std::optional<std::uint64_t> iova_to_phys(std::uint64_t iova);

    /// One level more: a new root, whose first entry names the old one. False: no memory, or six already.
    bool grow();
    /// One level less: the table behind the first entry becomes the root; without one, the root stays and is of the
    /// lower level now. The old root is released.
    void shrink();
    /// All tables, the root too; nothing may be mapped after that.
    void release_all();

  private:
    struct place {
        unsigned level;
        std::uint64_t at; ///< address of the entry
        radix_entry entry;
    };
    [[nodiscard]] static constexpr unsigned shift_of(unsigned level) {
        return table_log2_bytes + (level - 1) * index_bits;
    }
    [[nodiscard]] static constexpr std::uint64_t span_of(unsigned level) { return std::uint64_t{1} << shift_of(level); }
    [[nodiscard]] bool beyond(std::uint64_t iova) const;
    [[nodiscard]] std::uint64_t entry_address(std::uint64_t table, unsigned level, std::uint64_t iova) const;
    [[nodiscard]] place entry_at(std::uint64_t table, unsigned level, std::uint64_t iova);
    /// Down to `to_level`, or to a leaf or a hole above it.
    [[nodiscard]] place descend(std::uint64_t iova, unsigned to_level);
    std::optional<std::uint64_t> make_table(unsigned level, std::uint64_t iova);
    /// Takes out the leaf, all entries of it; returns where it began and its size.
    struct extent {
        std::uint64_t iova, bytes;
    };
    extent remove_leaf(const place& p, std::uint64_t iova, table_listener* listener);
    void remove_table(const place& p, std::uint64_t iova, table_listener* listener);
    table_status install(std::uint64_t iova, std::uint64_t address, unsigned page_log2,
                         const page_protection& protection, occupied policy, table_listener* listener);
    void release_below(std::uint64_t table, unsigned level);

    const radix_format& format_;
    table_memory& memory_;
    table_status status_ = table_status::ok;
    std::uint64_t root_ = 0;
    unsigned levels_;
};

} // namespace iommulab::sw
