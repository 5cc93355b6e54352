// SPDX-License-Identifier: Apache-2.0
// A device with a queue that a driver fills: it works on what the doorbell has told it of, and completes in order.
#pragma once

#include "models/core/fifo.h"
#include "models/dma/ring_traffic.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>

namespace iommulab::software {

struct queue_parameters {
    std::uint64_t ring_base = 0, completion_base = 0; ///< as the device sees them
    std::uint32_t entries = 256;
    std::uint32_t entry_bytes = 16; ///< the first 16 are a ring_descriptor
    std::uint32_t completion_bytes = 16;
    std::uint32_t depth = 8; ///< entries worked on at one time
    /// How fast data arrive, from the doorbell on; 0: at once.
    std::uint64_t link_bytes_per_second = 0;
    std::uint64_t device_ps = 0; ///< from the doorbell to the data: what the medium takes
};

class queue_traffic final : public traffic {
  public:
    /// Flag of a descriptor: `address` is that of a list of descriptors of `length_bytes` together.
    static constexpr std::uint32_t is_list = 2;

    /// Before the first doorbell.
    void configure(const queue_parameters& p) { p_ = p; }

    /// `posted` entries have been written since the start. Then dma_master::poke() is due.
    void doorbell(std::uint64_t posted, std::uint64_t now_ps, std::uint64_t bytes_each);
    /// Nothing will be posted any more.
    void close() { closed_ = true; }

    struct finished {
        std::uint64_t index = 0;
        bool ok = false;
    };
    /// The next entry whose completion is in memory, in the order of the ring; taken once.
    std::optional<finished> take();
    /// Called with what was moved for entry `index`.
    std::function<void(std::uint64_t index, const dma_request& request, std::span<const unsigned char> data)> on_data;

    std::optional<dma_request> next() override;
    [[nodiscard]] bool waiting() const override { return !closed_ || working_ != 0; }
    void completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) override;

  private:
    enum step : std::uint64_t { descriptor, list, payload, completion };
    struct entry {
        std::uint64_t ready_ps = 0; ///< its data have come
        std::uint32_t left = 0;     ///< pieces of data on their way
        bool ok = true, data_done = false, done = false;
    };
    void push(std::uint64_t index, step s, std::uint64_t address, std::uint32_t bytes, bool write);
    void push_data(std::uint64_t index, const ring_descriptor& d);
    void end_data(std::uint64_t index);

    queue_parameters p_;
    fifo<dma_request> ready_;
    std::deque<entry> entries_; // from taken_ on
    std::uint64_t taken_ = 0, started_ = 0, posted_ = 0, completing_ = 0;
    std::uint32_t working_ = 0;
    std::uint64_t link_free_ps_ = 0;
    bool closed_ = false;
};

} // namespace iommulab::software
