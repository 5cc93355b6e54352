// SPDX-License-Identifier: Apache-2.0
// What the firmware of every IOMMU with tables in memory needs: a place for them, and the maps of a second stage under
// which addresses stay what they are.
#pragma once

#include "sw/pagetables/table_memory.h"
#include "testbenches/firmware/firmware.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace iommulab::firmware {

/// Memory for tables and queues: taken, never given back.
class table_area final : public sw::table_memory {
  public:
    table_area(control_cpu& cpu, std::uint64_t base, std::uint64_t bytes)
        : cpu_(cpu), next_(base), end_(base + bytes) {}

    /// Throws setup_error when nothing is left.
    std::uint64_t take(std::uint64_t bytes, std::uint64_t alignment);

    std::uint64_t read64(std::uint64_t address) override;
    void write64(std::uint64_t address, std::uint64_t value) override;
    void zero(std::uint64_t address, std::uint64_t size_bytes) override;
    std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) override;
    void release(std::uint64_t, std::uint64_t) override {}

  private:
    control_cpu& cpu_;
    std::uint64_t next_, end_;
};

/// Why a builder could not map.
const char* reason(sw::table_status s);

/// Under nested translation intermediate addresses are physical ones: all that the first stage of `a` leads to, and the
/// tables themselves, in pages of 2^granule_log2 bytes.
std::vector<mapping> identity_maps(const firmware_setup& setup, const address_space& a);

} // namespace iommulab::firmware
