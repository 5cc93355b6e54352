// SPDX-License-Identifier: Apache-2.0
// A device driver with one queue: it maps buffers, posts them, and unmaps what the device has filled.
#pragma once

#include "models/dma/dma_master.h"
#include "sw/dma_api/dma_api.h"
#include "testbenches/scenario/exposure.h"
#include "testbenches/scenario/software_description.h"
#include "testbenches/software/queue_traffic.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace iommulab::scenarios {

class queue_driver {
  public:
    struct hardware {
        software::software_machine* machine = nullptr;
        dma_master* master = nullptr;
        software::queue_traffic* queue = nullptr;
    };
    struct statistics {
        std::uint64_t done = 0, failed = 0, refused_maps = 0;
        std::uint64_t wrong = 0; ///< buffers whose memory is not what the device wrote
        std::uint64_t bytes = 0;
        std::vector<std::uint64_t> map_ns, unmap_ns; ///< of each call
        std::uint64_t begin_ns = 0, end_ns = 0;
    };

    /// `buffers`: physical address of its memory.
    queue_driver(std::string device, const software_device& d, const software_description& s, std::uint64_t buffers,
                 sw::dma_api& dma, exposure& tries);

    /// The rings, whose places the queue's parameters need.
    void allocate_rings();
    [[nodiscard]] software::queue_parameters parameters() const;
    void connect(const hardware& h);
    /// Fills the queue. From the CPU that the driver runs on, like all that follows.
    void start();
    /// Takes what is done; false: nothing was.
    bool poll();
    /// Unmaps and frees all.
    void stop();
    [[nodiscard]] bool finished() const { return counted_.done + counted_.failed == limit_; }
    [[nodiscard]] const statistics& counted() const { return counted_; }
    [[nodiscard]] const std::string& device() const { return device_; }

  private:
    /// Buffers that are mapped together.
    struct unit {
        std::uint64_t number = 0;
        std::vector<sw::dma_segment> memory, mapped;
        std::uint64_t left = 0; ///< buffers that the device has not filled
    };
    [[nodiscard]] sw::cpu& cpu() const { return hardware_.machine->cpus(); }
    [[nodiscard]] unit make_unit(std::uint64_t number) const;
    bool map(unit& u);
    void unmap(unit& u);
    bool post();
    void ring_doorbell();
    void check(std::uint64_t index, const dma_request& request, std::span<const unsigned char> data);

    std::string device_;
    const software_device& d_;
    const software_description& s_;
    std::uint64_t buffers_;
    sw::dma_api& dma_;
    exposure& tries_;
    hardware hardware_;
    sw::device* dev_ = nullptr;
    sw::dma_api::coherent_memory ring_, completions_, lists_;
    std::uint64_t posted_ = 0, rung_ = 0, limit_;
    std::deque<unit> units_; ///< mapped, oldest first
    statistics counted_;
};

} // namespace iommulab::scenarios
