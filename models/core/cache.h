// SPDX-License-Identifier: Apache-2.0
// The one cache that every TLB, walk cache and configuration cache is made of.
#pragma once

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace iommulab {

enum class replacement : std::uint8_t { lru, pseudo_lru, round_robin, random };

/// The shape and speed of a cache. 0 entries: the cache does not exist, every look-up misses at no cost.
struct cache_parameters {
    std::uint32_t entries = 0;
    std::uint32_t ways = 0; ///< 0: fully associative
    replacement policy = replacement::lru;
    std::uint64_t seed = 1;              ///< for replacement::random
    std::uint32_t latency_cycles = 1;    ///< from look-up to answer
    std::uint32_t initiation_cycles = 1; ///< between look-ups at one port
    std::uint32_t ports = 1;
};

/// What an entry is found by: 128 bits, to which each user gives its meaning. The low bits of `index` choose the set.
struct cache_key {
    std::uint64_t tag = 0;
    std::uint64_t index = 0;
    friend constexpr bool operator==(const cache_key&, const cache_key&) = default;
};

/// Set-associative, with exact replacement state. Look-ups go through hash chains over all entries, so that their host
/// cost does not grow with associativity; sets and ways decide only who is replaced. After construction nothing
/// allocates.
template <class Value>
class set_associative_cache {
  public:
    explicit set_associative_cache(const cache_parameters& p)
        : parameters_(p), ways_(p.ways ? p.ways : p.entries), sets_(ways_ ? p.entries / ways_ : 0) {
        if (p.entries % (ways_ ? ways_ : 1) != 0 || !(p.entries == 0 || std::has_single_bit(sets_)))
            throw std::invalid_argument("cache: entries must be ways times a power of two, found " +
                                        std::to_string(p.entries) + " entries, " + std::to_string(ways_) + " ways");
        if (p.policy == replacement::pseudo_lru && p.entries != 0 && (!std::has_single_bit(ways_) || ways_ > 64))
            throw std::invalid_argument("cache: pseudo-LRU needs a power of two up to 64 ways, found " +
                                        std::to_string(ways_));
        slots_.resize(p.entries);
        buckets_.assign(std::bit_ceil(std::size_t{2} * p.entries + 2), nil);
        bucket_shift_ = 64 - static_cast<unsigned>(std::countr_zero(buckets_.size()));
        set_state_.assign(sets_, 0);
        if (p.policy == replacement::lru)
            chain_sets();
        random_ = p.seed * 0x9e3779b97f4a7c15U + 1;
        if (p.policy == replacement::pseudo_lru)
            make_tree_masks();
    }

    /// The value under `key`, or nullptr; a hit counts as a use.
    Value* find(const cache_key& key) {
        const std::uint32_t i = locate(key);
        if (i == nil)
            return nullptr;
        touch(i);
        return &slots_[i].value;
    }
    /// As find(), but leaves no trace.
    [[nodiscard]] const Value* peek(const cache_key& key) const {
        const std::uint32_t i = locate(key);
        return i == nil ? nullptr : &slots_[i].value;
    }
    /// Puts `value` under `key`, replacing the value there or a victim of the set. Calls `evicted(key, value)` for a
    /// victim.
    template <class Evicted>
    Value* insert(const cache_key& key, const Value& value, Evicted&& evicted) {
        if (slots_.empty())
            return nullptr;
        const std::uint32_t bucket = bucket_of(key);
        std::uint32_t i = locate(bucket, key);
        if (i == nil) {
            i = victim(set_of(key));
            if (slots_[i].valid) {
                evicted(slots_[i].key, slots_[i].value);
                unlink(i);
            } else {
                ++live_;
            }
            slots_[i].key = key;
            slots_[i].valid = true;
            slots_[i].bucket = bucket;
            slots_[i].next = std::exchange(buckets_[bucket], i);
        }
        slots_[i].value = value;
        touch(i);
        return &slots_[i].value;
    }
    Value* insert(const cache_key& key, const Value& value) {
        return insert(key, value, [](const cache_key&, const Value&) {});
    }
    bool erase(const cache_key& key) {
        const std::uint32_t i = locate(key);
        if (i == nil)
            return false;
        drop(i);
        return true;
    }
    /// Removes every entry for which `which(key, value)`; returns how many.
    template <class Predicate>
    std::uint32_t erase_if(Predicate&& which) {
        std::uint32_t removed = 0;
        for (std::uint32_t i = 0; live_ != 0 && i < slots_.size(); ++i)
            if (slots_[i].valid && which(slots_[i].key, slots_[i].value)) {
                drop(i);
                ++removed;
            }
        return removed;
    }
    std::uint32_t clear() {
        return erase_if([](const cache_key&, const Value&) { return true; });
    }
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const slot& s : slots_)
            if (s.valid)
                visit(s.key, s.value);
    }
    [[nodiscard]] std::uint32_t live() const { return live_; }
    [[nodiscard]] bool exists() const { return !slots_.empty(); }
    [[nodiscard]] const cache_parameters& parameters() const { return parameters_; }

  private:
    static constexpr std::uint32_t nil = ~0U;
    struct slot {
        cache_key key;
        std::uint32_t bucket = 0;
        std::uint32_t next = nil;           ///< in the hash chain
        std::uint32_t newer = 0, older = 0; ///< LRU: the ring of its set, from the least recently used to the most
        bool valid = false;
        Value value{};
    };
    [[nodiscard]] std::uint32_t bucket_of(const cache_key& k) const {
        // Fibonacci hashing (Knuth 6.4): the upper bits of a product with 2^64 over the golden ratio
        constexpr std::uint64_t golden = 0x9e3779b97f4a7c15U;
        return static_cast<std::uint32_t>(((k.tag * golden ^ k.index) * golden) >> bucket_shift_);
    }
    [[nodiscard]] std::uint32_t set_of(const cache_key& k) const {
        return sets_ <= 1 ? 0 : static_cast<std::uint32_t>(k.index) & (sets_ - 1);
    }
    [[nodiscard]] std::uint32_t set_of_slot(std::uint32_t i) const { return sets_ == 1 ? 0 : i / ways_; }
    [[nodiscard]] std::uint32_t locate(std::uint32_t bucket, const cache_key& key) const {
        for (std::uint32_t i = buckets_[bucket]; i != nil; i = slots_[i].next)
            if (slots_[i].key == key)
                return i;
        return nil;
    }
    [[nodiscard]] std::uint32_t locate(const cache_key& key) const { return locate(bucket_of(key), key); }
    void unlink(std::uint32_t i) {
        std::uint32_t* at = &buckets_[slots_[i].bucket];
        while (*at != i)
            at = &slots_[*at].next;
        *at = slots_[i].next;
    }
    void drop(std::uint32_t i) {
        unlink(i);
        slots_[i].valid = false;
        --live_;
        if (parameters_.policy == replacement::lru) { // what is empty is replaced first
            make_newest(i);
            oldest_[set_of_slot(i)] = i;
        }
    }
    /// Moves an entry to the end of its set's ring that was used last.
    void make_newest(std::uint32_t i) {
        std::uint32_t& oldest = oldest_[set_of_slot(i)];
        if (oldest == i) {
            oldest = slots_[i].newer; // in a ring, the oldest is the newest by moving the beginning
            return;
        }
        slot& s = slots_[i];
        slots_[s.older].newer = s.newer;
        slots_[s.newer].older = s.older;
        s.newer = oldest;
        s.older = std::exchange(slots_[oldest].older, i);
        slots_[s.older].newer = i;
    }
    void chain_sets() {
        for (std::uint32_t i = 0; i < slots_.size(); ++i) {
            const std::uint32_t first = i / ways_ * ways_;
            slots_[i].newer = first + (i - first + 1) % ways_;
            slots_[i].older = first + (i - first + ways_ - 1) % ways_;
        }
        oldest_.resize(sets_);
        for (std::uint32_t s = 0; s < sets_; ++s)
            oldest_[s] = s * ways_;
    }
    void touch(std::uint32_t i) {
        if (parameters_.policy == replacement::lru) {
            if (slots_[oldest_[set_of_slot(i)]].older != i)
                make_newest(i);
        } else if (parameters_.policy == replacement::pseudo_lru) {
            const std::uint32_t set = i / ways_, way = i % ways_;
            set_state_[set] = (set_state_[set] & tree_clear_[way]) | tree_set_[way];
        }
    }
    std::uint32_t victim(std::uint32_t set) {
        if (parameters_.policy == replacement::lru)
            return oldest_[set];
        const std::uint32_t first = set * ways_;
        for (std::uint32_t w = 0; w < ways_ && live_ != slots_.size(); ++w)
            if (!slots_[first + w].valid)
                return first + w;
        switch (parameters_.policy) {
        case replacement::lru:
            break;
        case replacement::pseudo_lru: {
            // each tree bit points away from the half that was used last
            std::uint32_t node = 1;
            while (node < ways_)
                node = 2 * node + static_cast<std::uint32_t>((set_state_[set] >> node) & 1);
            return first + node - ways_;
        }
        case replacement::round_robin:
            return first + static_cast<std::uint32_t>(set_state_[set]++ % ways_);
        case replacement::random:
            random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17; // xorshift64 (Marsaglia 2003)
            return first + static_cast<std::uint32_t>((random_ >> 32) % ways_);
        }
        return first;
    }
    void make_tree_masks() {
        tree_clear_.assign(ways_, ~std::uint64_t{0});
        tree_set_.assign(ways_, 0);
        for (std::uint32_t w = 0; w < ways_; ++w)
            for (std::uint32_t node = ways_ + w; node > 1; node /= 2) {
                const std::uint64_t parent = std::uint64_t{1} << (node / 2);
                tree_clear_[w] &= ~parent;
                if ((node & 1) == 0)
                    tree_set_[w] |= parent;
            }
    }

    cache_parameters parameters_;
    std::uint32_t ways_, sets_;
    std::vector<slot> slots_;
    std::vector<std::uint32_t> buckets_;
    std::vector<std::uint64_t> set_state_; // tree bits or the next way
    std::vector<std::uint64_t> tree_clear_, tree_set_;
    std::vector<std::uint32_t> oldest_; // by set, for LRU
    std::uint64_t random_ = 1;
    std::uint32_t live_ = 0;
    unsigned bucket_shift_ = 64;
};

} // namespace iommulab
