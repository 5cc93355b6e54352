// SPDX-License-Identifier: Apache-2.0
// Device drivers in the loop: what they do with the DMA API, as data.
#pragma once

#include "platforms/settings/settings_node.h"
#include "sw/iommu/domain.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::scenarios {

struct software_device {
    std::string name;
    settings::place where;
    std::string iommu;
    unsigned port = 0;
    std::uint32_t source_id = 0;
    unsigned count = 1;
    bool nic = true; ///< receive ring of a NIC; else read queue of an NVMe drive
    std::uint64_t page_bytes = 4096;
    std::uint64_t buffer_bytes = 4096, length_bytes = 1500;
    unsigned entries = 256, depth = 8, queues = 1;
    std::uint64_t requests = 0; ///< of each queue
    std::uint64_t link_bytes_per_second = 0, device_ps = 0;
    unsigned outstanding = 16;
    std::uint64_t burst_bytes = 256;

    /// What is mapped and unmapped at once.
    [[nodiscard]] std::uint64_t unit_bytes() const { return page_bytes > buffer_bytes ? page_bytes : buffer_bytes; }
    [[nodiscard]] std::uint64_t buffers_per_unit() const { return unit_bytes() / buffer_bytes; }
    [[nodiscard]] std::uint64_t units() const { return (entries + buffers_per_unit() - 1) / buffers_per_unit() + 1; }
    /// Units of several small pages are not contiguous in memory.
    [[nodiscard]] bool scattered() const { return unit_bytes() > page_bytes; }
    [[nodiscard]] std::uint64_t memory_bytes_of_queue() const { return units() * unit_bytes() * (scattered() ? 2 : 1); }
};

struct software_description {
    settings::place where;
    sw::domain_type domains = sw::domain_type::dma;
    unsigned cpus = 1;
    std::uint64_t work_ns = 0, poll_ns = 0;
    unsigned probe_every = 0; ///< 0: no page is tried
    std::uint64_t probe_interval_ns = 0;
    std::vector<software_device> devices;
    std::uint64_t buffers_base = 0; ///< physical

    struct {
        std::optional<std::uint64_t> max_reach_ps, min_landed, max_landed, min_bytes_per_second, max_mean_unmap_ps;
    } expected;
};

} // namespace iommulab::scenarios
