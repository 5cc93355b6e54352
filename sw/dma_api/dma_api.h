// SPDX-License-Identifier: Apache-2.0
// The DMA API: what device drivers map their buffers with (drivers/iommu/dma-iommu.c and kernel/dma/direct.c of Linux
// 6.1).
//
// Does: an allocator of IO virtual addresses for each default domain, single buffers, scatter lists, coherent memory,
// strict and lazy invalidation, passthrough. Does not: bounce buffers of untrusted devices and of addresses that a
// device can't send in passthrough (such a mapping fails), windows of host bridges, the cookie of doorbell pages.
#pragma once

#include "sw/dma_api/flush_queue.h"
#include "sw/dma_api/iova_allocator.h"
#include "sw/dma_api/scatter_list.h"
#include "sw/iommu/iommu_core.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace iommulab::sw {

enum class dma_direction : std::uint8_t { bidirectional, to_device, from_device };

struct dma_options {
    bool force_above_32_bits = false; ///< iommu.forcedac=1: PCI devices don't get 32-bit addresses first
    iova_costs costs{};
    /// Asked to call run_timers() at that time; without it somebody has to look at next_timer_ns().
    std::function<void(std::uint64_t at_ns)> on_timer{};
    unmap_observer* observer = nullptr; ///< outlives the API's domains
};

class dma_api {
  public:
    explicit dma_api(iommu_core& core, dma_options options = {});

    /// Gives the default domain of the device's group its allocator, with the device's reserved regions taken out
    /// (iommu_setup_dma_ops()); a lazy domain also its flush queue. Called by itself before a device's first mapping.
    void set_up(device& dev);

    /// `bytes` at the physical `address`, as the device sees them. Nothing (DMA_MAPPING_ERROR): no IO virtual
    /// addresses or no tables are left, or the device can't send the address.
    std::optional<std::uint64_t> map_single(device& dev, std::uint64_t address, std::uint64_t bytes, dma_direction way);
    /// As mapped. Returns when the device can't reach it any more, or, of a lazy domain, when a flush will see to that.
    void unmap_single(device& dev, std::uint64_t dma_address, std::uint64_t bytes, dma_direction way);

    /// A scatter list as the device sees it: at most as many segments. Empty: none of it is mapped.
    std::vector<dma_segment> map_sg(device& dev, std::span<const dma_segment> memory, dma_direction way,
                                    const segment_limits& limits = {});
    /// What map_sg() gave.
    void unmap_sg(device& dev, std::span<const dma_segment> mapped, dma_direction way);

    struct coherent_memory {
        std::uint64_t address = 0, dma_address = 0, bytes = 0;
    };
    /// Zeroed memory that CPU and device both use; uncached when the device does not snoop.
    std::optional<coherent_memory> allocate_coherent(device& dev, std::uint64_t bytes);
    void free_coherent(device& dev, const coherent_memory& memory);

    /// Runs the flush queues whose time has come.
    void run_timers();
    [[nodiscard]] std::optional<std::uint64_t> next_timer_ns() const;

    /// Of a device's default domain; null: it is not translated by the DMA API.
    [[nodiscard]] const iova_allocator* addresses(const device& dev) const;
    [[nodiscard]] const flush_queue* lazy(const device& dev) const;

  private:
    struct state;
    [[nodiscard]] static domain* translated(const device& dev);
    state& state_of(device& dev, domain& d);
    std::optional<std::uint64_t> allocate(const device& dev, domain& d, state& s, std::uint64_t bytes) const;
    void take_back(domain& d, std::uint64_t iova, std::uint64_t bytes);
    [[nodiscard]] static protection protection_for(const device& dev, dma_direction way);
    [[nodiscard]] static bool sends(const device& dev, std::uint64_t address, std::uint64_t bytes);
    void clean(const device& dev, std::uint64_t address, std::uint64_t bytes);

    iommu_core& core_;
    dma_options options_;
    std::shared_ptr<std::vector<state*>> states_; ///< of domains that are still there; they may outlive this
};

} // namespace iommulab::sw
