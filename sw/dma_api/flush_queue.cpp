// SPDX-License-Identifier: Apache-2.0
#include "sw/dma_api/flush_queue.h"

#include <algorithm>
#include <mutex>

namespace iommulab::sw {

flush_queue::queue& flush_queue::of_this_cpu() {
    const unsigned id = machine_.id();
    while (queues_.size() <= id)
        queues_.push_back(std::make_unique<queue>(machine_));
    return *queues_[id];
}

void flush_queue::add(std::uint64_t iova, std::uint64_t frames) {
    queue& q = of_this_cpu();
    {
        const std::lock_guard held(q.lock);
        ++counted_.queued;
        free_covered(q);
        const auto stale = static_cast<std::uint64_t>(
            std::count_if(q.entries.begin(), q.entries.end(), [](const entry& e) { return e.stale; }));
        counted_.most_stale_on_a_cpu = std::max(counted_.most_stale_on_a_cpu, stale + 1);
        const bool full = q.entries.size() == ring_entries - 1;
        if (full) {
            ++counted_.flushes_full;
            flush();
            free_covered(q);
        }
        // A flush of just now has covered this range too; it waits for the next all the same.
        q.entries.push_back({iova, frames, started_, !full});
        if (full && observer)
            observer->invalidated(domain_, iova, frames << addresses_.frame_log2());
    }
    if (!timer_ns_) {
        timer_ns_ = machine_.now_ns() + timeout_ns;
        if (on_timer)
            on_timer(*timer_ns_);
    }
}

void flush_queue::run_timer() {
    if (!timer_ns_ || machine_.now_ns() < *timer_ns_)
        return;
    timer_ns_.reset();
    ++counted_.flushes_timer;
    flush();
    for (std::size_t n = 0; n < queues_.size(); ++n) {
        queue& q = *queues_[n]; // a new CPU may add a queue while this one waits
        const std::lock_guard held(q.lock);
        free_covered(q);
    }
}

void flush_queue::flush() {
    const std::uint64_t before = ++started_;
    domain_.flush_iotlb_all();
    // Whoever watches sees what was queued before the flush began, before any flush lets it be used again.
    const std::lock_guard held(observing_);
    std::vector<entry> covered;
    for (const auto& q : queues_)
        for (entry& e : q->entries)
            if (e.stale && e.flushes_started < before) {
                e.stale = false;
                covered.push_back(e);
            }
    if (observer)
        for (const entry& e : covered)
            observer->invalidated(domain_, e.iova, e.frames << addresses_.frame_log2());
    ++finished_;
}

void flush_queue::free_covered(queue& q) {
    while (!q.entries.empty() && q.entries.front().flushes_started < finished_) {
        const entry e = q.entries.front();
        q.entries.pop_front();
        addresses_.free(e.iova >> addresses_.frame_log2(), e.frames);
    }
}

std::uint64_t flush_queue::waiting() const {
    std::uint64_t sum = 0;
    for (const auto& q : queues_)
        sum += q->entries.size();
    return sum;
}

} // namespace iommulab::sw
