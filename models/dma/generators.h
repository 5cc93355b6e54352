// SPDX-License-Identifier: Apache-2.0
// Synthetic traffic. All of it goes on for ever; the master's limits end it.
#pragma once

#include "models/dma/random.h"
#include "models/dma/traffic.h"
#include "models/dma/zipf.h"

#include <cstdint>

namespace iommulab {

/// Where a generator works and what its requests look like.
struct traffic_window {
    std::uint64_t base = 0;          ///< first input address
    std::uint64_t size_bytes = 0;    ///< the window; at least one request long
    std::uint32_t length_bytes = 64; ///< of each request
    std::uint32_t write_percent = 0; ///< share of writes, drawn at random with `seed`
    std::uint64_t seed = 1;
};

/// Base of the generators: checks the window (throws std::invalid_argument) and draws reads and writes.
class windowed_traffic : public traffic {
  public:
    explicit windowed_traffic(const traffic_window& window);

  protected:
    /// A request at `offset` in the window.
    std::optional<dma_request> at(std::uint64_t offset);
    /// Places for requests that begin at multiples of `grain_bytes`.
    [[nodiscard]] std::uint64_t places(std::uint64_t grain_bytes) const;

    traffic_window window_;
    random_generator random_;
};

/// Every `stride_bytes`, from the base to the end of the window and again. A stride of the request's length is a linear
/// stream. Each round begins `shift_bytes` later than the one before (modulo the stride), so that a stride of a page
/// may visit the page's other lines.
class strided_traffic : public windowed_traffic {
  public:
    /// `stride_bytes` must not be 0.
    strided_traffic(const traffic_window& window, std::uint64_t stride_bytes, std::uint64_t shift_bytes = 0);
    std::optional<dma_request> next() override;

  private:
    std::uint64_t stride_bytes_, shift_bytes_, offset_ = 0, start_ = 0;
};

class sequential_traffic : public strided_traffic {
  public:
    explicit sequential_traffic(const traffic_window& window) : strided_traffic(window, window.length_bytes) {}
};

/// Multiples of `grain_bytes` (0: of the request's length), uniformly at random.
class uniform_traffic : public windowed_traffic {
  public:
    explicit uniform_traffic(const traffic_window& window, std::uint64_t grain_bytes = 0);
    std::optional<dma_request> next() override;

  private:
    std::uint64_t grain_bytes_;
};

/// Blocks of `block_bytes` (a page, say) whose popularity follows Zipf's law, and within the block a uniformly random
/// multiple of the request's length. Popular blocks are scattered over the window unless `scatter` is false.
class zipf_traffic : public windowed_traffic {
  public:
    zipf_traffic(const traffic_window& window, std::uint64_t block_bytes, unsigned exponent_hundredths,
                 bool scatter = true);
    std::optional<dma_request> next() override;

  private:
    std::uint64_t block_bytes_, step_;
    zipf_distribution rank_;
};

/// Follows pointers: reads a request's length at an address, takes the little-endian 64-bit value at
/// `next_offset_bytes` in it as the next address. One request at a time, by nature. Ends at a null pointer, at a fault,
/// and at a pointer that leaves the window.
class pointer_chase_traffic : public traffic {
  public:
    explicit pointer_chase_traffic(const traffic_window& window, std::uint32_t next_offset_bytes = 0);
    std::optional<dma_request> next() override;
    [[nodiscard]] bool waiting() const override { return in_flight_; }
    void completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) override;

    /// It ended at a pointer that leads out of the window.
    [[nodiscard]] bool strayed() const { return strayed_; }

  private:
    traffic_window window_;
    std::uint32_t next_offset_bytes_;
    std::uint64_t address_;
    bool in_flight_ = false, ended_ = false, strayed_ = false;
};

} // namespace iommulab
