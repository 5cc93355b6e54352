// SPDX-License-Identifier: Apache-2.0
// Registers as declarations, and the bank that decodes accesses to them.
#pragma once

#include "models/core/bit_field.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab {

/// One register, or an array of equal ones, as its manual has it.
struct register_declaration {
    const char* name;
    std::uint32_t offset;   ///< bytes from the start of the register space
    std::uint8_t bytes = 4; ///< 1, 2, 4 or 8
    std::uint64_t reset = 0;
    std::uint64_t writable = 0; ///< bits that a write sets
    std::uint64_t clears = 0;   ///< bits that a write of 1 clears
    std::span<const bit_field> fields{};
    std::uint32_t count = 1;  ///< elements of an array
    std::uint32_t stride = 0; ///< bytes between elements
    /// Offset of the register that answers here too, ~0: none. An alias has a name, an offset, and the size of its
    /// register; reset value, masks and fields are the register's and need not be repeated.
    std::uint32_t alias_of = ~0U;
    const char* text = ""; ///< what it is for, with the manual's section
};

/// The declaration at `offset` in an array of them. As a constant, one for an offset without any does not compile.
template <class Table>
constexpr const register_declaration& declaration_at(const Table& table, std::uint32_t offset) {
    for (const register_declaration& r : table)
        if (r.offset == offset)
            return r;
    return table[table.size()]; // no constant expression
}

/// The registers of one IOMMU. Accesses may be narrower or wider than a register, as long as they are of 1, 2, 4 or 8
/// bytes and aligned; what no declaration covers reads as zero and ignores writes (RAZ/WI), as the manuals have
/// reserved space, and so do accesses of another size or alignment. Little-endian: byte 0 of a register holds its bits
/// [7:0].
class register_bank {
  public:
    /// Called after every guest's write that touches the register, also one that changes nothing, as a doorbell needs
    /// it: the whole register before the write, and as the write left it.
    using write_hook = std::function<void(unsigned index, std::uint64_t before, std::uint64_t written)>;
    /// Called before a guest's read; may update the value.
    using read_hook = std::function<void(unsigned index)>;
    /// Called for every change of a stored value, by guest or hardware: for waveforms.
    using change_hook = std::function<void(std::size_t slot, std::uint64_t value)>;

    /// `declarations` must outlive the bank. Throws std::logic_error naming the register when the declarations
    /// contradict themselves: overlaps, misalignment, fields or bits beyond the register, a name used twice, an alias
    /// of nothing.
    explicit register_bank(std::span<const register_declaration> declarations);

    /// A guest's read of `bytes` (1, 2, 4, 8) at `offset`; reserved parts read as zero.
    [[nodiscard]] std::uint64_t read(std::uint32_t offset, unsigned bytes);
    /// What read() would find, without calling a hook: for debug accesses.
    [[nodiscard]] std::uint64_t peek(std::uint32_t offset, unsigned bytes) const;
    /// A guest's write. Applies write masks and write-1-to-clear, then calls the hook. A part of a register leaves the
    /// rest as it was; a write that covers several registers is done from the lowest up, each with its hook.
    void write(std::uint32_t offset, unsigned bytes, std::uint64_t value);

    /// The hardware's own view: no masks, no hooks but change_hook. `r` is an element of the declarations or a copy of
    /// one; an alias is as good as its register. Throws std::logic_error when the bank does not hold it,
    /// std::out_of_range for an index beyond the array.
    [[nodiscard]] std::uint64_t get(const register_declaration& r, unsigned index = 0) const;
    void set(const register_declaration& r, std::uint64_t value, unsigned index = 0);
    [[nodiscard]] std::uint64_t get(const register_declaration& r, const bit_field& f, unsigned index = 0) const {
        return f.of(get(r, index));
    }
    void set(const register_declaration& r, const bit_field& f, std::uint64_t value, unsigned index = 0) {
        set(r, f.put(get(r, index), value), index);
    }

    /// One hook a register (all elements of an array); a second one replaces the first.
    void on_write(const register_declaration& r, write_hook hook);
    void on_read(const register_declaration& r, read_hook hook);
    void on_change(change_hook hook) { changed_ = std::move(hook); }

    /// Replaces a declared reset value, as a configuration pin or a parameter would; takes effect at reset(). Throws
    /// std::logic_error for a value wider than the register.
    void set_reset(const register_declaration& r, std::uint64_t value);
    /// All registers to their reset values; calls no hook but change_hook.
    void reset();

    [[nodiscard]] std::span<const register_declaration> declarations() const { return declarations_; }
    /// Number of stored values (elements of arrays counted one by one), and the name of one, as `NAME` or `NAME[3]`.
    [[nodiscard]] std::size_t slots() const { return values_.size(); }
    [[nodiscard]] std::string slot_name(std::size_t slot) const;
    [[nodiscard]] unsigned slot_bits(std::size_t slot) const;
    [[nodiscard]] std::uint64_t slot_value(std::size_t slot) const { return values_[slot]; }

  private:
    struct place { // one element of a register, or one alias of it
        std::uint32_t offset;
        std::uint32_t declaration; // the register's own, also for an alias
        std::uint32_t index;
        std::uint32_t slot;
    };
    void check(const register_declaration& r) const;
    void place_registers();
    void place_aliases();
    void index_places();
    [[nodiscard]] const place* find(std::uint32_t offset) const; ///< the register that covers the byte, or nullptr
    [[nodiscard]] std::size_t declaration_of(const register_declaration& r) const;
    [[nodiscard]] std::size_t slot_of(const register_declaration& r, unsigned index) const;
    void store(std::size_t slot, std::uint64_t value);
    template <typename Visit>
    void for_each_part(std::uint32_t offset, unsigned bytes, Visit&& visit) const;

    std::span<const register_declaration> declarations_;
    std::vector<place> places_;              // by offset
    std::vector<std::uint32_t> block_first_; // first of places_ at or after each block of 1 << block_shift_ bytes
    unsigned block_shift_ = 3;
    std::vector<std::uint32_t> first_slot_;       // by declaration; an alias has its register's
    std::vector<std::uint32_t> slot_declaration_; // by slot
    std::vector<std::uint64_t> values_, resets_;  // by slot
    std::vector<write_hook> write_hooks_;         // by declaration, none for aliases
    std::vector<read_hook> read_hooks_;
    change_hook changed_;
};

} // namespace iommulab
