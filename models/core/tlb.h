// SPDX-License-Identifier: Apache-2.0
// A cache of translations of several page sizes.
#pragma once

#include "models/core/cache.h"
#include "models/core/invalidation.h"
#include "models/core/translation.h"

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

namespace iommulab {

/// Whom a look-up is for. In a TLB that knows translation tags: the tag. In one in front of the configuration look-up:
/// the requester. Either way 64 bits that must match exactly.
struct tlb_owner {
    std::uint64_t bits = 0;

    static tlb_owner of_tag(const translation_tag& t) {
        return {(std::uint64_t{t.vm} << 32) ^ (std::uint64_t{t.regime} << 56) ^ t.space};
    }
    /// The shared key of all spaces of a vm and regime, under which global entries are kept.
    static tlb_owner of_globals(translation_tag t) {
        t.space = 0x80000000; // beyond every ASID, PASID and domain id
        return of_tag(t);
    }
    /// PASIDs have 20 bits: wider ones have been refused.
    static tlb_owner of_requester(const access& a) {
        return {a.source_id | (std::uint64_t{a.pasid & 0xfffff} << 32) | (std::uint64_t{a.has_pasid} << 52) |
                (std::uint64_t{a.secure} << 53) | (std::uint64_t{static_cast<std::uint8_t>(a.type)} << 54)};
    }
    [[nodiscard]] std::uint32_t source_id() const { return static_cast<std::uint32_t>(bits); }
    [[nodiscard]] std::uint32_t pasid() const { return static_cast<std::uint32_t>(bits >> 32) & 0xfffff; }
    [[nodiscard]] bool has_pasid() const { return (bits >> 52) & 1; }
};

/// Of the smallest page that an architecture has: misses are merged by it, since the size is known after the walk
/// alone.
inline constexpr unsigned log2_smallest_page = 12;

/// A translation is kept once, under its own size, and serves every offset of its page. A look-up tries the sizes that
/// are present, smallest first, as hardware does that serves several sizes from one array.
class translation_lookaside_buffer {
  public:
    explicit translation_lookaside_buffer(const cache_parameters& p) : cache_(p) {}

    /// The entry for `address`, or nullptr. A hit counts as a use.
    const translation* find(tlb_owner owner, std::uint64_t address) {
        for (std::uint64_t sizes = sizes_; sizes != 0; sizes &= sizes - 1) {
            const auto log2_size = static_cast<unsigned>(std::countr_zero(sizes));
            if (const translation* t = cache_.find(key(owner, address, log2_size)))
                return t;
        }
        return nullptr;
    }
    [[nodiscard]] const translation* peek(tlb_owner owner, std::uint64_t address) const {
        for (std::uint64_t sizes = sizes_; sizes != 0; sizes &= sizes - 1) {
            const auto log2_size = static_cast<unsigned>(std::countr_zero(sizes));
            if (const translation* t = cache_.peek(key(owner, address, log2_size)))
                return t;
        }
        return nullptr;
    }
    /// The entry that serves `tag` at `address`: its own, or one that is global to its vm and regime.
    const translation* find(const translation_tag& tag, std::uint64_t address) {
        if (const translation* t = find(tlb_owner::of_tag(tag), address))
            return t;
        return has_globals_ ? find(tlb_owner::of_globals(tag), address) : nullptr;
    }
    /// Keeps `t` under its own tag.
    void insert(const translation& t) {
        if (!cache_.exists())
            return;
        has_globals_ |= t.global;
        insert(t.global ? tlb_owner::of_globals(t.tag) : tlb_owner::of_tag(t.tag), t);
    }
    /// Look-ups that a miss costs: one for each page size present, at least one.
    [[nodiscard]] unsigned probes() const { return sizes_ ? static_cast<unsigned>(std::popcount(sizes_)) : 1; }

    void insert(tlb_owner owner, const translation& t) {
        if (!cache_.exists())
            return;
        const unsigned size = slot_of(t.log2_size);
        const std::uint32_t before = cache_.live();
        unsigned gone = none;
        cache_.insert(key(owner, t.input_base, size), t,
                      [&](const cache_key&, const translation& old) { gone = slot_of(old.log2_size); });
        if (gone == size || (gone == none && cache_.live() == before))
            return; // one for another of its size, or for itself
        if (gone != none)
            forget(gone);
        ++of_size_[size];
        sizes_ |= std::uint64_t{1} << size;
    }

    /// Takes the entry in which the translation of `address` will be kept, if its page is a small one: the victim
    /// leaves now, and nothing is found here.
    void reserve(const translation_tag& tag, std::uint64_t address) {
        translation place;
        place.tag = tag;
        place.input_base = address >> log2_smallest_page << log2_smallest_page;
        place.log2_size = reserved;
        cache_.insert(reservation(tag, address), place,
                      [&](const cache_key&, const translation& old) { forget(slot_of(old.log2_size)); });
    }
    /// Gives back what reserve() took.
    void release(const translation_tag& tag, std::uint64_t address) {
        if (cache_.exists())
            cache_.erase(reservation(tag, address));
    }

    /// Removes what `which(owner, translation)` names; returns how many entries.
    template <class Predicate>
    std::uint32_t erase_if(Predicate&& which) {
        return cache_.erase_if([&](const cache_key& k, const translation& t) {
            if (!which(tlb_owner{k.tag}, t))
                return false;
            forget(slot_of(t.log2_size));
            return true;
        });
    }
    std::uint32_t clear() {
        return erase_if([](tlb_owner, const translation&) { return true; });
    }
    template <class Visit>
    void for_each(Visit&& visit) const {
        cache_.for_each([&](const cache_key& k, const translation& t) { visit(tlb_owner{k.tag}, t); });
    }
    [[nodiscard]] std::uint32_t live() const { return cache_.live(); }
    [[nodiscard]] bool exists() const { return cache_.exists(); }
    [[nodiscard]] const cache_parameters& parameters() const { return cache_.parameters(); }

  private:
    static constexpr unsigned reserved = 1; // in the place of a size: no page is that small
    static unsigned slot_of(unsigned log2_size) { return log2_size > 63 ? 63 : log2_size; }
    static cache_key key(tlb_owner owner, std::uint64_t address, unsigned log2_size) {
        // the size is part of the key, above the page number, so that the low bits index the sets by page
        return {owner.bits, (address >> log2_size) ^ (std::uint64_t{log2_size} << 58)};
    }
    static cache_key reservation(const translation_tag& tag, std::uint64_t address) {
        return {tlb_owner::of_tag(tag).bits, (address >> log2_smallest_page) ^ (std::uint64_t{reserved} << 58)};
    }
    static constexpr unsigned none = 64;
    void forget(unsigned size) {
        if (size == reserved)
            return;
        if (--of_size_[size] == 0)
            sizes_ &= ~(std::uint64_t{1} << size);
    }
    set_associative_cache<translation> cache_;
    std::array<std::uint32_t, 64> of_size_{};
    std::uint64_t sizes_ = 0; // bit n: pages of 2^n bytes are present
    bool has_globals_ = false;
};

} // namespace iommulab
