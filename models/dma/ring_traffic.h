// SPDX-License-Identifier: Apache-2.0
// The traffic of a device with a descriptor ring, such as a NIC's or an NVMe controller's queue.
#pragma once

#include "models/core/fifo.h"
#include "models/dma/traffic.h"

#include <array>
#include <cstdint>

namespace iommulab {

/// A descriptor as it lies in memory: little-endian, 16 bytes.
struct ring_descriptor {
    static constexpr std::uint32_t size_bytes = 16;
    static constexpr std::uint32_t device_writes = 1; ///< flag: the device writes the buffer (receive)

    std::uint64_t address = 0;
    std::uint32_t length_bytes = 0;
    std::uint32_t flags = 0;

    [[nodiscard]] std::array<unsigned char, size_bytes> encode() const;
    static ring_descriptor decode(std::span<const unsigned char> bytes);
};

struct ring_parameters {
    std::uint64_t ring_base = 0;       ///< descriptors, one after the other
    std::uint64_t completion_base = 0; ///< completion entries, one after the other
    std::uint32_t entries = 256;
    std::uint32_t completion_bytes = 16; ///< as of an NVMe completion entry (NVMe Base 2.0, 4.6); 0: none written
    std::uint32_t depth = 8;             ///< entries worked on at one time; assumption
    /// Without it the device reads descriptors for their time alone, and works on `buffer`s as if they had said so.
    bool descriptors_in_memory = false;
    ring_descriptor buffer; ///< of entry 0
    std::uint64_t buffer_stride_bytes = 4096;
    std::uint64_t not_before_ps = 0;
};

/// For each entry in turn: reads its descriptor, reads or writes its buffer, writes its completion entry; `depth`
/// entries overlap. Goes round and round; the master's limits end it. An entry whose descriptor or buffer faults is
/// given up.
class ring_traffic : public traffic {
  public:
    /// Throws std::invalid_argument for a ring without entries or depth.
    explicit ring_traffic(const ring_parameters& parameters);
    std::optional<dma_request> next() override;
    [[nodiscard]] bool waiting() const override { return working_ > 0; }
    void completed(const dma_request& request, dma_status status, std::span<const unsigned char> data) override;

    [[nodiscard]] std::uint64_t entries_done() const { return done_; }
    [[nodiscard]] std::uint64_t entries_given_up() const { return given_up_; }

  private:
    enum step : std::uint64_t { descriptor, payload, completion };
    void push_completion(std::uint64_t index);
    void end_entry(bool ok);

    ring_parameters p_;
    fifo<dma_request> ready_;
    std::uint64_t started_ = 0, done_ = 0, given_up_ = 0;
    std::uint32_t working_ = 0;
};

} // namespace iommulab
