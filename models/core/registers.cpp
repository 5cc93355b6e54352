// SPDX-License-Identifier: Apache-2.0
#include "models/core/registers.h"

#include "models/core/names.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>

namespace iommulab {

namespace {

constexpr std::uint32_t no_alias = ~0U;
constexpr std::size_t most_blocks = 32768; // 128 KiB of index; blocks grow with the register space beyond that

std::uint64_t ones(unsigned bits) {
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

[[noreturn]] void reject(const register_declaration& r, const std::string& why) {
    throw std::logic_error("register " + std::string(r.name && *r.name ? r.name : "without a name") + " at " +
                           hexadecimal(r.offset) + ": " + why);
}

bool is_access(std::uint32_t offset, unsigned bytes) {
    return bytes <= 8 && std::has_single_bit(bytes) && offset % bytes == 0;
}

} // namespace

register_bank::register_bank(std::span<const register_declaration> declarations) : declarations_(declarations) {
    std::unordered_set<std::string_view> names;
    for (const auto& r : declarations_) {
        check(r);
        if (!names.insert(r.name).second)
            reject(r, "the name is used twice");
    }
    first_slot_.resize(declarations_.size());
    write_hooks_.resize(declarations_.size());
    read_hooks_.resize(declarations_.size());
    place_registers();
    index_places();
    place_aliases();
    index_places();
    values_ = resets_;
}

void register_bank::check(const register_declaration& r) const {
    if (!r.name || !*r.name)
        reject(r, "has no name");
    if (r.bytes > 8 || !std::has_single_bit(r.bytes))
        reject(r, "has " + std::to_string(r.bytes) + " bytes, expected 1, 2, 4 or 8");
    if (r.offset % r.bytes != 0)
        reject(r, "is not aligned to its " + std::to_string(r.bytes) + " bytes");
    if (r.count == 0)
        reject(r, "is an array of no elements");
    if (r.count > 1 && (r.stride < r.bytes || r.stride % r.bytes != 0))
        reject(r, "has a stride of " + std::to_string(r.stride) + " bytes, expected a multiple of " +
                      std::to_string(r.bytes));
    if (r.offset + std::uint64_t{r.count - 1} * r.stride + r.bytes > std::uint64_t{1} << 32)
        reject(r, "ends beyond 4 GiB");
    const unsigned bits = r.bytes * 8U;
    for (const auto& [value, what] :
         {std::pair{r.reset, "reset value"}, {r.writable, "write mask"}, {r.clears, "write-1-to-clear mask"}})
        if (value & ~ones(bits))
            reject(r,
                   std::string(what) + " " + hexadecimal(value) + " has bits beyond bit " + std::to_string(bits - 1));
    if (r.writable & r.clears)
        reject(r, "bits " + hexadecimal(r.writable & r.clears) + " are both written and cleared by a 1");
    for (const auto& f : r.fields)
        if (f.width == 0 || f.lsb >= bits || f.width > bits - f.lsb)
            reject(r, "field " + std::string(f.name ? f.name : "without a name") + " has " + std::to_string(f.width) +
                          " bits from bit " + std::to_string(f.lsb) + ", beyond bit " + std::to_string(bits - 1));
}

void register_bank::place_registers() {
    for (std::size_t d = 0; d < declarations_.size(); ++d) {
        const auto& r = declarations_[d];
        if (r.alias_of != no_alias)
            continue;
        first_slot_[d] = static_cast<std::uint32_t>(resets_.size());
        for (std::uint32_t i = 0; i < r.count; ++i) {
            places_.push_back({r.offset + i * r.stride, static_cast<std::uint32_t>(d), i,
                               static_cast<std::uint32_t>(resets_.size())});
            slot_declaration_.push_back(static_cast<std::uint32_t>(d));
            resets_.push_back(r.reset);
        }
    }
}

void register_bank::place_aliases() {
    std::vector<place> aliases;
    for (std::size_t d = 0; d < declarations_.size(); ++d) {
        const auto& r = declarations_[d];
        if (r.alias_of == no_alias)
            continue;
        const place* target = find(r.alias_of);
        if (!target || target->offset != r.alias_of)
            reject(r, "is an alias of " + hexadecimal(r.alias_of) + ", where no register starts");
        const auto& original = declarations_[target->declaration];
        if (r.bytes != original.bytes)
            reject(r, "has " + std::to_string(r.bytes) + " bytes, but is an alias of " + original.name + " with " +
                          std::to_string(original.bytes));
        if (r.count > original.count - target->index)
            reject(r, "has more elements than " + std::string(original.name));
        if ((r.reset && r.reset != original.reset) || (r.writable && r.writable != original.writable) ||
            (r.clears && r.clears != original.clears))
            reject(r,
                   "declares another reset value or mask than " + std::string(original.name) + ", whose alias it is");
        first_slot_[d] = target->slot;
        for (std::uint32_t i = 0; i < r.count; ++i)
            aliases.push_back({r.offset + i * r.stride, target->declaration, target->index + i, target->slot + i});
    }
    places_.insert(places_.end(), aliases.begin(), aliases.end());
}

void register_bank::index_places() {
    std::ranges::sort(places_, {}, &place::offset);
    for (std::size_t i = 1; i < places_.size(); ++i) {
        const auto& low = places_[i - 1];
        if (low.offset + std::uint64_t{declarations_[low.declaration].bytes} > places_[i].offset)
            reject(declarations_[places_[i].declaration], "overlaps " +
                                                              std::string(declarations_[low.declaration].name) +
                                                              " at " + hexadecimal(places_[i].offset));
    }
    // Registers are aligned and of 8 bytes at most, so none crosses from one block to the next.
    const std::uint64_t last = places_.empty() ? 0 : places_.back().offset;
    while ((last >> block_shift_) + 2 > most_blocks)
        ++block_shift_;
    block_first_.assign((last >> block_shift_) + 2, static_cast<std::uint32_t>(places_.size()));
    std::size_t block = 0;
    for (std::size_t i = 0; i < places_.size(); ++i)
        for (; block <= places_[i].offset >> block_shift_; ++block)
            block_first_[block] = static_cast<std::uint32_t>(i);
}

const register_bank::place* register_bank::find(std::uint32_t offset) const {
    const std::size_t block = offset >> block_shift_;
    if (block + 1 >= block_first_.size())
        return nullptr;
    const auto first = places_.begin() + block_first_[block], last = places_.begin() + block_first_[block + 1];
    const auto after =
        std::upper_bound(first, last, offset, [](std::uint32_t o, const place& p) { return o < p.offset; });
    if (after == first)
        return nullptr;
    const place& p = *std::prev(after);
    return offset - p.offset < declarations_[p.declaration].bytes ? &p : nullptr;
}

// Calls visit(place, shift, bits, position) for each register under the access: bits [shift+bits-1:shift] of the
// register lie at bit `position` of the access.
template <typename Visit>
void register_bank::for_each_part(std::uint32_t offset, unsigned bytes, Visit&& visit) const {
    if (!is_access(offset, bytes))
        return;
    for (unsigned done = 0; done < bytes;) {
        const place* p = find(offset + done);
        if (!p) {
            ++done;
            continue;
        }
        const unsigned skipped = offset + done - p->offset;
        const unsigned taken = std::min<unsigned>(declarations_[p->declaration].bytes - skipped, bytes - done);
        visit(*p, skipped * 8, taken * 8, done * 8);
        done += taken;
    }
}

std::uint64_t register_bank::read(std::uint32_t offset, unsigned bytes) {
    std::uint64_t value = 0;
    for_each_part(offset, bytes, [&](const place& p, unsigned shift, unsigned bits, unsigned position) {
        if (read_hooks_[p.declaration])
            read_hooks_[p.declaration](p.index);
        value |= ((values_[p.slot] >> shift) & ones(bits)) << position;
    });
    return value;
}

std::uint64_t register_bank::peek(std::uint32_t offset, unsigned bytes) const {
    std::uint64_t value = 0;
    for_each_part(offset, bytes, [&](const place& p, unsigned shift, unsigned bits, unsigned position) {
        value |= ((values_[p.slot] >> shift) & ones(bits)) << position;
    });
    return value;
}

void register_bank::write(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
    for_each_part(offset, bytes, [&](const place& p, unsigned shift, unsigned bits, unsigned position) {
        const auto& r = declarations_[p.declaration];
        const std::uint64_t lane = ones(bits) << shift, data = ((value >> position) & ones(bits)) << shift;
        const std::uint64_t before = values_[p.slot], writable = r.writable & lane;
        const std::uint64_t written = ((before & ~writable) | (data & writable)) & ~(data & r.clears);
        store(p.slot, written);
        if (write_hooks_[p.declaration])
            write_hooks_[p.declaration](p.index, before, written);
    });
}

std::size_t register_bank::declaration_of(const register_declaration& r) const {
    const auto* const first = declarations_.data();
    if (!std::less<>{}(&r, first) && std::less<>{}(&r, first + declarations_.size()))
        return static_cast<std::size_t>(&r - first);
    for (std::size_t d = 0; d < declarations_.size(); ++d)
        if (declarations_[d].offset == r.offset && std::string_view(declarations_[d].name) == r.name)
            return d;
    reject(r, "is not in this bank");
}

std::size_t register_bank::slot_of(const register_declaration& r, unsigned index) const {
    // what is rare stands apart: models ask for registers on behalf of accesses
    const auto reject_index = [&] [[gnu::noinline]] {
        throw std::out_of_range("register " + std::string(r.name) + ": index " + std::to_string(index) + " of " +
                                std::to_string(r.count));
    };
    const auto slot_of_copy = [&] [[gnu::noinline]] () -> std::size_t {
        const place* p = find(r.offset);
        if (!p || p->offset != r.offset ||
            (declarations_[p->declaration].name != r.name && first_slot_[declaration_of(r)] != p->slot))
            reject(r, "is not in this bank");
        return p->slot;
    };
    if (index >= r.count) [[unlikely]]
        reject_index();
    const auto* const first = declarations_.data();
    if (std::less<>{}(&r, first) || !std::less<>{}(&r, first + declarations_.size())) [[unlikely]]
        return slot_of_copy() + index;
    return first_slot_[static_cast<std::size_t>(&r - first)] + index;
}

std::uint64_t register_bank::get(const register_declaration& r, unsigned index) const {
    return values_[slot_of(r, index)];
}

void register_bank::set(const register_declaration& r, std::uint64_t value, unsigned index) {
    store(slot_of(r, index), value & ones(r.bytes * 8U));
}

void register_bank::store(std::size_t slot, std::uint64_t value) {
    if (values_[slot] == value)
        return;
    values_[slot] = value;
    if (changed_)
        changed_(slot, value);
}

void register_bank::on_write(const register_declaration& r, write_hook hook) {
    write_hooks_[slot_declaration_[slot_of(r, 0)]] = std::move(hook);
}

void register_bank::on_read(const register_declaration& r, read_hook hook) {
    read_hooks_[slot_declaration_[slot_of(r, 0)]] = std::move(hook);
}

void register_bank::set_reset(const register_declaration& r, std::uint64_t value) {
    if (value & ~ones(r.bytes * 8U))
        reject(r, "reset value " + hexadecimal(value) + " is wider than the register");
    for (unsigned i = 0; i < r.count; ++i)
        resets_[slot_of(r, i)] = value;
}

void register_bank::reset() {
    for (std::size_t slot = 0; slot < values_.size(); ++slot)
        store(slot, resets_[slot]);
}

std::string register_bank::slot_name(std::size_t slot) const {
    const std::uint32_t d = slot_declaration_.at(slot);
    std::string name = declarations_[d].name;
    if (declarations_[d].count > 1)
        name += "[" + std::to_string(slot - first_slot_[d]) + "]";
    return name;
}

unsigned register_bank::slot_bits(std::size_t slot) const {
    return declarations_[slot_declaration_.at(slot)].bytes * 8U;
}

} // namespace iommulab
