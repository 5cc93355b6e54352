// SPDX-License-Identifier: Apache-2.0
// Lazy invalidation: ranges that are unmapped but may still be in a TLB, kept from reuse until one invalidation of the
// whole domain has covered them all (struct iova_fq in drivers/iommu/dma-iommu.c of Linux 6.1).
#pragma once

#include "sw/dma_api/iova_allocator.h"
#include "sw/iommu/domain.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace iommulab::sw {

/// Told of each range that the DMA API unmaps; how a run finds out what stays reachable. Called on the CPU that does
/// it, which may spend time here.
class unmap_observer {
  public:
    virtual ~unmap_observer() = default;
    /// The range is out of the tables and, without `queued`, invalidated; its addresses are not free yet.
    virtual void unmapped(domain& d, std::uint64_t iova, std::uint64_t bytes, bool queued) = 0;
    /// A queued range is invalidated; its addresses are not free yet.
    virtual void invalidated(domain& d, std::uint64_t iova, std::uint64_t bytes) = 0;
};

class flush_queue {
  public:
    /// Both from IOVA_DEFAULT_FQ_SIZE and IOVA_DEFAULT_FQ_TIMEOUT. One place of the ring stays empty, so that the
    /// unmap that finds 255 queued flushes: with itself, 256 ranges are stale at most on a CPU.
    static constexpr unsigned ring_entries = 256;
    static constexpr std::uint64_t timeout_ns = 10'000'000;

    flush_queue(cpu& machine, domain& d, iova_allocator& addresses)
        : machine_(machine), domain_(d), addresses_(addresses), observing_(machine) {}

    /// Keeps a range, on the queue of the calling CPU; flushes first when that is full. Starts the timer if it is off.
    void add(std::uint64_t iova, std::uint64_t frames);
    /// Flushes, and frees what that covers, if the timer's time has come.
    void run_timer();
    /// When the timer wants to run; none: it is off.
    [[nodiscard]] std::optional<std::uint64_t> timer_ns() const { return timer_ns_; }
    /// Called when the timer is started, with its time.
    std::function<void(std::uint64_t at_ns)> on_timer;
    unmap_observer* observer = nullptr;

    /// Ranges waiting, of all CPUs.
    [[nodiscard]] std::uint64_t waiting() const;
    struct statistics {
        std::uint64_t queued = 0, flushes_full = 0, flushes_timer = 0;
        std::uint64_t most_stale_on_a_cpu = 0; ///< ranges: queued and not invalidated, and the one being queued
    };
    [[nodiscard]] const statistics& counted() const { return counted_; }

  private:
    struct entry {
        std::uint64_t iova, frames, flushes_started;
        bool stale; ///< no flush has covered it
    };
    struct queue {
        explicit queue(cpu& machine) : lock(machine) {}
        ticket_lock lock;
        std::deque<entry> entries;
    };
    queue& of_this_cpu();
    void flush();
    void free_covered(queue& q);

    cpu& machine_;
    domain& domain_;
    iova_allocator& addresses_;
    ticket_lock observing_;
    std::vector<std::unique_ptr<queue>> queues_;
    std::uint64_t started_ = 0, finished_ = 0; ///< flushes
    std::optional<std::uint64_t> timer_ns_;
    statistics counted_;
};

} // namespace iommulab::sw
