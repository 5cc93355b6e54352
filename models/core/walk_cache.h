// SPDX-License-Identifier: Apache-2.0
// Where walks may begin: caches of pointers to tables, one for each level, and the cache of second-stage translations
// that nested walks ask again and again.
#pragma once

#include "models/core/invalidation.h"
#include "models/core/structure.h"
#include "models/core/tlb.h"
#include "models/core/translation.h"

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace iommulab {

/// What an entry of a table said: where the next table is, and what the entries on the way impose on everything below.
struct table_pointer {
    translation_tag tag;
    std::uint64_t base = 0;       ///< first input address that the entry serves
    std::uint64_t next_table = 0; ///< address of the next table, as the entry has it
    std::uint64_t attributes = 0; ///< the architecture's own word
    std::uint8_t log2_size = 0;   ///< log2 of the bytes of input that the entry serves

    [[nodiscard]] constexpr std::uint64_t offset_mask() const { return (std::uint64_t{1} << log2_size) - 1; }
};

/// The walk caches of one stage. Levels count from the root, 0; a level without entries does not exist.
class walk_cache_set {
  public:
    /// `stage` as in invalidation::stage: 0 for stage 1 (or the only stage), 2 for second-stage tables.
    walk_cache_set(std::uint8_t stage, std::span<const cache_parameters> levels) : stage_(stage) {
        caches_.reserve(levels.size());
        for (const cache_parameters& p : levels) {
            caches_.emplace_back(p);
            exists_ |= caches_.back().exists();
        }
    }
    /// Does any level?
    [[nodiscard]] bool exists() const { return exists_; }
    [[nodiscard]] unsigned levels() const { return static_cast<unsigned>(caches_.size()); }
    [[nodiscard]] bool exists(unsigned level) const { return level < caches_.size() && caches_[level].exists(); }
    structure_cache<table_pointer>& at(unsigned level) { return caches_[level]; }
    [[nodiscard]] const structure_cache<table_pointer>& at(unsigned level) const { return caches_[level]; }

    /// Under which an entry that serves 2^log2_size bytes around `address` is kept.
    static cache_key key(const translation_tag& tag, std::uint64_t address, unsigned log2_size) {
        return {tlb_owner::of_tag(tag).bits, (address >> log2_size) ^ (std::uint64_t{log2_size} << 58)};
    }
    void insert(unsigned level, const table_pointer& p) { caches_[level].insert(key(p.tag, p.base, p.log2_size), p); }
    /// Drops what `i` covers; nothing when it means another stage or spares table pointers. Returns entries dropped.
    std::uint32_t invalidate(const invalidation& i) {
        if (i.kind != invalidation::what::translations || i.leaf_only || (i.stage == 2) != (stage_ == 2))
            return 0;
        std::uint32_t dropped = 0;
        for (auto& c : caches_)
            dropped += c.erase_if([&](const cache_key&, const table_pointer& p) {
                return i.matches(p.tag, false, p.base, p.offset_mask());
            });
        return dropped;
    }
    std::uint32_t clear() {
        std::uint32_t dropped = 0;
        for (auto& c : caches_)
            dropped += c.clear();
        return dropped;
    }

  private:
    std::uint8_t stage_;
    bool exists_ = false;
    std::vector<structure_cache<table_pointer>> caches_;
};

/// Second-stage translations of intermediate addresses, of several page sizes, all sizes compared in one look-up.
class second_stage_cache {
  public:
    explicit second_stage_cache(const cache_parameters& p) : cache_(p) {}

    [[nodiscard]] bool exists() const { return cache_.exists(); }
    structure_cache<translation>& cache() { return cache_; }
    [[nodiscard]] const structure_cache<translation>& cache() const { return cache_; }
    /// The key to look up for `address`: that of the entry which covers it, if there is one.
    [[nodiscard]] cache_key key_for(const translation_tag& tag, std::uint64_t address) const {
        cache_key k = walk_cache_set::key(tag, address, 12);
        for (std::uint64_t sizes = sizes_; sizes != 0; sizes &= sizes - 1) {
            k = walk_cache_set::key(tag, address, static_cast<unsigned>(std::countr_zero(sizes)));
            if (cache_.peek(k))
                break;
        }
        return k;
    }
    /// Sizes of 2^63 bytes and more are not kept.
    void insert(const translation& t) {
        if (!cache_.exists() || t.log2_size > 62)
            return;
        const cache_key k = walk_cache_set::key(t.tag, t.input_base, t.log2_size);
        if (!cache_.peek(k) && of_size_[t.log2_size]++ == 0)
            sizes_ |= std::uint64_t{1} << t.log2_size;
        cache_.insert(k, t, [this](const cache_key&, const translation& old) { forget(old); });
    }
    /// Drops what an invalidation of second-stage tables covers. Returns entries dropped.
    std::uint32_t invalidate(const invalidation& i) {
        if (i.kind != invalidation::what::translations || i.stage != 2)
            return 0;
        return cache_.erase_if([&](const cache_key&, const translation& t) {
            if (!i.matches(t))
                return false;
            forget(t);
            return true;
        });
    }
    std::uint32_t clear() {
        of_size_.fill(0);
        sizes_ = 0;
        return cache_.clear();
    }

  private:
    void forget(const translation& t) {
        if (--of_size_[t.log2_size] == 0)
            sizes_ &= ~(std::uint64_t{1} << t.log2_size);
    }
    structure_cache<translation> cache_;
    std::array<std::uint32_t, 64> of_size_{};
    std::uint64_t sizes_ = 0; // bit n: pages of 2^n bytes are present
};

} // namespace iommulab
