// SPDX-License-Identifier: Apache-2.0
// Caches and TLBs without SystemC: who is replaced, beside the plainest cache that can be written.
#include "models/core/cache.h"
#include "models/core/tlb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <utility>
#include <vector>

namespace iommulab {
namespace {

using cache = set_associative_cache<int>;

/// LRU by the book: a list a set, from the least recently used to the most.
class plain_lru {
  public:
    plain_lru(std::uint32_t sets, std::uint32_t ways) : sets_(sets), ways_(ways) {}
    const int* find(const cache_key& k) {
        auto& set = sets_[k.index % sets_.size()];
        const auto at = locate(set, k);
        if (at == set.end())
            return nullptr;
        set.splice(set.end(), set, at);
        return &set.back().second;
    }
    void insert(const cache_key& k, int value) {
        auto& set = sets_[k.index % sets_.size()];
        const auto at = locate(set, k);
        if (at != set.end())
            set.erase(at);
        else if (set.size() == ways_)
            set.pop_front();
        set.emplace_back(k, value);
    }
    bool erase(const cache_key& k) {
        auto& set = sets_[k.index % sets_.size()];
        const auto at = locate(set, k);
        if (at == set.end())
            return false;
        set.erase(at);
        return true;
    }
    template <class Predicate>
    std::uint32_t erase_if(Predicate which) {
        std::uint32_t removed = 0;
        for (auto& set : sets_)
            removed += static_cast<std::uint32_t>(set.remove_if([&](const auto& e) { return which(e.second); }));
        return removed;
    }

  private:
    using entries = std::list<std::pair<cache_key, int>>;
    static entries::iterator locate(entries& set, const cache_key& k) {
        return std::find_if(set.begin(), set.end(), [&](const auto& e) { return e.first == k; });
    }
    std::vector<entries> sets_;
    std::size_t ways_;
};

TEST(cache, lru_replaces_whom_a_list_in_order_of_use_would_whatever_happens_in_between) {
    for (const auto& [entries, ways] : {std::pair{1U, 1U}, {4U, 0U}, {8U, 2U}, {12U, 3U}, {64U, 4U}, {126U, 0U}}) {
        cache subject({.entries = entries, .ways = ways, .policy = replacement::lru});
        const std::uint32_t real_ways = ways ? ways : entries;
        plain_lru expected(entries / real_ways, real_ways);
        std::mt19937 random(entries);
        for (int n = 0; n < 20'000; ++n) {
            const cache_key k{random() % 2, random() % (entries + entries / 2 + 1)};
            switch (random() % 16) {
            case 0:
                ASSERT_EQ(subject.erase(k), expected.erase(k));
                break;
            case 1: {
                const auto some = [m = static_cast<int>(random() % 64)](int value) { return value % 64 == m; };
                ASSERT_EQ(subject.erase_if([&](const cache_key&, int value) { return some(value); }),
                          expected.erase_if(some));
                break;
            }
            case 2:
            case 3:
            case 4:
            case 5:
                subject.insert(k, n);
                expected.insert(k, n);
                break;
            default: {
                const int* found = subject.find(k);
                const int* there = expected.find(k);
                ASSERT_EQ(found != nullptr, there != nullptr) << entries << " entries, step " << n;
                if (found) {
                    ASSERT_EQ(*found, *there);
                }
            }
            }
        }
    }
}

TEST(cache, every_policy_keeps_as_many_entries_as_it_has_and_the_last_one_put_there) {
    for (const replacement policy :
         {replacement::lru, replacement::pseudo_lru, replacement::round_robin, replacement::random}) {
        cache subject({.entries = 16, .ways = 4, .policy = policy});
        std::mt19937 random(7);
        for (int n = 0; n < 1'000; ++n) {
            const cache_key k{1, random() % 40};
            subject.insert(k, n);
            ASSERT_NE(subject.peek(k), nullptr);
            ASSERT_EQ(*subject.peek(k), n);
            ASSERT_LE(subject.live(), 16U);
        }
        EXPECT_EQ(subject.live(), 16U);
        EXPECT_EQ(subject.clear(), 16U);
        EXPECT_EQ(subject.live(), 0U);
    }
}

TEST(cache, a_look_without_a_trace_is_no_use) {
    cache subject({.entries = 2, .ways = 0, .policy = replacement::lru});
    subject.insert({0, 1}, 1);
    subject.insert({0, 2}, 2);
    EXPECT_NE(subject.peek({0, 1}), nullptr);
    subject.insert({0, 3}, 3);
    EXPECT_EQ(subject.peek({0, 1}), nullptr);
    EXPECT_NE(subject.peek({0, 2}), nullptr);
}

translation page_at(std::uint64_t base, unsigned log2_size) {
    translation t;
    t.input_base = base;
    t.output_base = base + (std::uint64_t{1} << 40);
    t.log2_size = static_cast<std::uint8_t>(log2_size);
    t.allowed = rights::all;
    return t;
}

TEST(tlb, one_entry_of_2_MiB_serves_all_its_4_KiB_offsets_beside_small_ones) {
    translation_lookaside_buffer tlb({.entries = 4, .ways = 0, .policy = replacement::lru});
    const translation_tag tag;
    tlb.insert(page_at(0x20'0000, 21));
    tlb.insert(page_at(0x1000, 12));
    EXPECT_EQ(tlb.probes(), 2U);
    for (std::uint64_t offset = 0; offset < 0x20'0000; offset += 0x1000)
        ASSERT_NE(tlb.find(tag, 0x20'0000 + offset), nullptr);
    EXPECT_NE(tlb.find(tag, 0x1fff), nullptr);
    EXPECT_EQ(tlb.find(tag, 0x2000), nullptr);
    EXPECT_EQ(tlb.find(tag, 0x40'0000), nullptr);
    tlb.erase_if([](tlb_owner, const translation& t) { return t.log2_size == 21; });
    EXPECT_EQ(tlb.probes(), 1U);
    EXPECT_EQ(tlb.find(tag, 0x20'0000), nullptr);
}

TEST(tlb, sizes_present_follow_who_is_replaced_by_whom) {
    translation_lookaside_buffer tlb({.entries = 2, .ways = 0, .policy = replacement::lru});
    tlb.insert(page_at(0x20'0000, 21));
    tlb.insert(page_at(0x1000, 12));
    tlb.insert(page_at(0x1000, 12)); // itself again
    EXPECT_EQ(tlb.probes(), 2U);
    tlb.insert(page_at(0x2000, 12)); // in the place of the large one
    EXPECT_EQ(tlb.probes(), 1U);
    tlb.insert(page_at(0x4000'0000, 30)); // in the place of a small one
    EXPECT_EQ(tlb.probes(), 2U);
    EXPECT_EQ(tlb.clear(), 2U);
    EXPECT_EQ(tlb.probes(), 1U); // what an empty one costs
}

TEST(tlb, a_reserved_entry_is_one_fewer_and_serves_nobody) {
    translation_lookaside_buffer tlb({.entries = 2, .ways = 0, .policy = replacement::lru});
    const translation_tag tag;
    tlb.insert(page_at(0x1000, 12));
    tlb.insert(page_at(0x2000, 12));
    tlb.reserve(tag, 0x3000);
    EXPECT_EQ(tlb.find(tag, 0x1000), nullptr) << "it had to leave";
    EXPECT_EQ(tlb.find(tag, 0x3000), nullptr);
    EXPECT_NE(tlb.find(tag, 0x2000), nullptr);
    tlb.release(tag, 0x3000);
    tlb.insert(page_at(0x3000, 12));
    EXPECT_NE(tlb.find(tag, 0x2000), nullptr) << "the place was kept";
    EXPECT_NE(tlb.find(tag, 0x3000), nullptr);
}

TEST(tlb, a_piece_of_a_leaf_serves_itself_and_goes_by_any_address_of_the_leaf) {
    translation leaf = page_at(0x20'0000, 21), piece = leaf;
    piece.cut(0x20'5432, 12);
    EXPECT_EQ(piece.input_base, 0x20'5000U);
    EXPECT_EQ(piece.output(0x20'5432), leaf.output(0x20'5432));
    EXPECT_FALSE(piece.covers(0x20'6000));
    translation smaller = piece;
    smaller.cut(0x20'5432, 10);
    invalidation i;
    for (const translation& t : {leaf, piece, smaller})
        for (const auto& [address, goes] :
             {std::pair{0x1f'ffffU, false}, {0x20'0000U, true}, {0x3f'ffffU, true}, {0x40'0000U, false}}) {
            i.first = i.last = address;
            EXPECT_EQ(i.matches(t), goes) << std::hex << address << ", log2 size " << unsigned(t.log2_size);
        }
}

} // namespace
} // namespace iommulab
