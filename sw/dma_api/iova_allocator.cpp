// SPDX-License-Identifier: Apache-2.0
#include "sw/dma_api/iova_allocator.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace iommulab::sw {

namespace {
constexpr std::uint64_t anchor = std::numeric_limits<std::uint64_t>::max(); // taken, above all that can be used

/// The cache that ranges of this size live in; cached_orders and more: none.
unsigned order_of(std::uint64_t frames) {
    return static_cast<unsigned>(std::bit_width(frames - 1));
}
} // namespace

iova_allocator::iova_allocator(cpu& machine, unsigned frame_log2, std::uint64_t first_frame, const iova_costs& costs)
    : machine_(machine),
      costs_(costs),
      frame_log2_(frame_log2),
      first_frame_(first_frame),
      end_of_32bit_(std::uint64_t{1} << (32 - frame_log2)),
      tree_lock_(machine),
      too_large_below_4g_(end_of_32bit_) {
    hint32_ = hint_ = taken_.emplace(anchor, anchor).first;
}

std::optional<std::uint64_t> iova_allocator::allocate(std::uint64_t frames, std::uint64_t last_frame, bool with_flush) {
    if (frames == 0)
        return {};
    const unsigned order = order_of(frames);
    std::optional<std::uint64_t> found;
    if (order < cached_orders) {
        frames = std::uint64_t{1} << order; // what is cached must fit the next who asks
        found = take_cached(order, last_frame);
    }
    if (found)
        ++counted_.cache_hits;
    else
        found = take_from_tree(frames, last_frame);
    if (!found && with_flush) {
        flush_caches();
        found = take_from_tree(frames, last_frame);
    }
    if (found) {
        ++counted_.allocations;
        counted_.above_4g += *found >= end_of_32bit_ ? 1 : 0;
    } else {
        ++counted_.refused;
    }
    return found;
}

void iova_allocator::free(std::uint64_t first, std::uint64_t frames) {
    ++counted_.frees;
    const unsigned order = order_of(frames);
    if (order < cached_orders && give_cached(order, first))
        ++counted_.cached_frees;
    else
        give_to_tree({first});
}

void iova_allocator::reserve(std::uint64_t first, std::uint64_t last) {
    auto place = taken_.upper_bound(first);
    if (place != taken_.begin() && std::prev(place)->second >= first)
        --place;
    while (place->first != anchor && place->first <= last) { // overlapping ones become one
        first = std::min(first, place->first);
        last = std::max(last, place->second);
        place = taken_.erase(place);
    }
    taken_.emplace(first, last);
    hint32_ = hint_ = taken_.find(anchor);
}

// --- the tree

/// The highest place for `frames` aligned frames within [low, end), in the gaps below `from` and downwards.
std::optional<std::uint64_t> iova_allocator::search(tree::const_iterator from, std::uint64_t frames, std::uint64_t low,
                                                    std::uint64_t end, std::uint64_t& steps) const {
    const std::uint64_t aligned = ~(std::bit_ceil(frames) - 1);
    for (;; --from) {
        ++steps;
        end = std::min(end, from->first);
        if (end < frames || end - frames < low)
            return {};
        const std::uint64_t first = (end - frames) & aligned;
        if (first < low)
            return {};
        if (from == taken_.begin() || first > std::prev(from)->second)
            return first;
    }
}

std::optional<std::uint64_t> iova_allocator::take_from_tree(std::uint64_t frames, std::uint64_t last_frame) {
    const std::lock_guard held(tree_lock_);
    const std::uint64_t end = last_frame == anchor ? anchor : last_frame + 1;
    const bool below_4g = end <= end_of_32bit_;
    if (below_4g && frames >= too_large_below_4g_)
        return {};
    ++counted_.tree_searches;
    std::uint64_t steps = 0;
    const auto hint = below_4g ? hint32_ : hint_;
    std::optional<std::uint64_t> first = search(hint, frames, first_frame_, end, steps);
    if (!first && hint->second < end) { // what was freed above the hint
        ++counted_.retries_from_top;
        first = search(taken_.lower_bound(end), frames, hint->second + 1, end, steps);
    }
    if (first) {
        const auto place = taken_.emplace(*first, *first + frames - 1).first;
        (place->second < end_of_32bit_ ? hint32_ : hint_) = place;
    } else if (below_4g) {
        too_large_below_4g_ = frames;
    }
    counted_.tree_steps += steps;
    machine_.delay_ns(costs_.tree_ns + steps * costs_.tree_step_ns);
    return first;
}

void iova_allocator::forget(std::uint64_t first) {
    const auto place = taken_.find(first);
    if (place == taken_.end() || first == anchor)
        throw std::logic_error("IO virtual addresses freed that were not allocated");
    const auto next = std::next(place);
    if (place == hint32_ || (place->second < end_of_32bit_ && first >= hint32_->first))
        hint32_ = next;
    if (first < end_of_32bit_)
        too_large_below_4g_ = end_of_32bit_;
    if (place == hint_ || first >= hint_->first)
        hint_ = next;
    taken_.erase(place);
}

void iova_allocator::give_to_tree(const std::vector<std::uint64_t>& firsts) {
    const std::lock_guard held(tree_lock_);
    for (const std::uint64_t first : firsts)
        forget(first);
    machine_.delay_ns(costs_.tree_ns * firsts.size());
}

// --- the caches

iova_allocator::cpu_cache& iova_allocator::of_this_cpu(unsigned order) {
    auto& cpus = caches_[order].cpus;
    const unsigned id = machine_.id();
    if (cpus.size() <= id)
        cpus.resize(id + 1);
    return cpus[id];
}

std::optional<std::uint64_t> iova_allocator::take_cached(unsigned order, std::uint64_t last_frame) {
    cpu_cache& c = of_this_cpu(order);
    if (c.loaded.empty()) {
        auto& depot = caches_[order].depot;
        if (!c.previous.empty()) {
            std::swap(c.loaded, c.previous);
        } else if (!depot.empty()) {
            c.loaded = std::move(depot.back());
            depot.pop_back();
        } else {
            return {};
        }
    }
    const auto fits =
        std::find_if(c.loaded.rbegin(), c.loaded.rend(), [&](std::uint64_t first) { return first <= last_frame; });
    if (fits == c.loaded.rend())
        return {};
    const std::uint64_t first = *fits;
    *fits = c.loaded.back();
    c.loaded.pop_back();
    machine_.delay_ns(costs_.cache_ns);
    return first;
}

bool iova_allocator::give_cached(unsigned order, std::uint64_t first) {
    cpu_cache& c = of_this_cpu(order);
    magazine too_much;
    if (c.loaded.size() == magazine_ranges) {
        if (c.previous.size() < magazine_ranges) {
            std::swap(c.loaded, c.previous);
        } else {
            auto& depot = caches_[order].depot;
            if (depot.size() < depot_magazines)
                depot.push_back(std::move(c.loaded));
            else
                too_much = std::move(c.loaded);
            c.loaded = {};
        }
    }
    c.loaded.push_back(first);
    machine_.delay_ns(costs_.cache_ns);
    if (!too_much.empty())
        give_to_tree(too_much);
    return true;
}

void iova_allocator::flush_caches() {
    magazine all;
    const auto empty = [&](magazine& m) {
        all.insert(all.end(), m.begin(), m.end());
        m.clear();
    };
    for (order_cache& order : caches_) {
        for (cpu_cache& c : order.cpus) {
            empty(c.loaded);
            empty(c.previous);
        }
        for (magazine& m : order.depot)
            empty(m);
        order.depot.clear();
    }
    give_to_tree(all);
}

} // namespace iommulab::sw
