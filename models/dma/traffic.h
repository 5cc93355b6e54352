// SPDX-License-Identifier: Apache-2.0
// What a DMA master does next: the interface between masters and the sources of their requests.
#pragma once

#include "models/core/access.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>

namespace iommulab {

/// One request of a device. The master splits it when it is longer than its burst.
struct dma_request {
    std::uint64_t address = 0;      ///< input address (IOVA)
    std::uint32_t length_bytes = 0; ///< 0: a zero-length read or write, which translates and moves no data
    bool write = false;             ///< the device writes memory
    bool privileged = false;
    bool instruction = false;
    address_type type = address_type::untranslated;
    std::optional<std::uint32_t> source_id; ///< instead of the master's own
    std::optional<std::uint32_t> pasid;     ///< instead of the master's own
    std::uint64_t not_before_ps = 0;        ///< earliest simulation time of its issue
    std::uint64_t tag = 0;                  ///< means something to the source only
};

enum class dma_status : std::uint8_t { ok, address_error, other_error };

/// A source of requests. Pure: knows nothing of time but what it puts into not_before_ps.
class traffic {
  public:
    virtual ~traffic() = default;
    /// The next request. Nothing: there is none for now, for ever unless waiting().
    virtual std::optional<dma_request> next() = 0;
    /// True while next() depends on completions that are still to come, or on somebody who will call
    /// dma_master::poke().
    [[nodiscard]] virtual bool waiting() const { return false; }
    /// A request that next() gave has completed; `data` are what was read or written.
    virtual void completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) {
        (void)request, (void)status, (void)data;
    }
};

/// Requests from a function, such as a trace reader's.
class traffic_function : public traffic {
  public:
    explicit traffic_function(std::function<std::optional<dma_request>()> function) : function_(std::move(function)) {}
    std::optional<dma_request> next() override { return function_(); }

  private:
    std::function<std::optional<dma_request>()> function_;
};

} // namespace iommulab
