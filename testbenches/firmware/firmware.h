// SPDX-License-Identifier: Apache-2.0
// What firmware does for a scenario, whatever the IOMMU: tables at boot, invalidations, fault records.
#pragma once

#include "testbenches/firmware/control_cpu.h"
#include "testbenches/firmware/refusals.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iommulab::firmware {

struct mapping {
    std::uint64_t iova = 0;
    std::uint64_t address = 0; ///< physical
    std::uint64_t size_bytes = 0;
    std::uint64_t page_bytes = 0; ///< the leaf size; 0: the largest that alignment allows
    bool read = true, write = true;
};

enum class translation_kind : std::uint8_t { bypass, stage1, stage2, nested };

/// What one requester (source and PASID) sees.
struct address_space {
    std::uint32_t source_id = 0;
    std::optional<std::uint32_t> pasid;
    translation_kind kind = translation_kind::stage1;
    unsigned granule_log2 = 12; ///< of page tables; 12, 14 or 16
    unsigned levels = 0;        ///< of the tables of `maps`; 0: as usual, or as many as the addresses need
    std::vector<mapping> maps;
};

struct firmware_setup {
    std::uint64_t registers_base = 0;
    std::uint64_t area_base = 0, area_bytes = 0; ///< memory for tables and queues
    std::vector<address_space> spaces;
};

/// All functions but fault_interrupt() block the CPU, and throw std::runtime_error when the IOMMU does not answer.
class firmware {
  public:
    virtual ~firmware() = default;
    /// Builds tables and queues, and switches the IOMMU on. Throws setup_error for what the IOMMU or its firmware does
    /// not allow.
    virtual void boot(control_cpu& cpu) = 0;
    /// Takes back what the IOMMU holds of a range of a space, and waits until it is done.
    virtual void invalidate(control_cpu& cpu, std::size_t space, std::uint64_t iova, std::uint64_t size_bytes) = 0;
    /// Fault records since the last call, as people read them.
    virtual std::vector<std::string> take_faults(control_cpu& cpu) = 0;
    /// The wired interrupt that tells of fault records, by its number.
    [[nodiscard]] virtual std::size_t fault_interrupt() const = 0;
};

/// How fault records that other software left in memory are read: registers (offset, bytes), and memory.
using register_reader = std::function<std::uint64_t(std::uint64_t offset, unsigned bytes)>;
using memory_reader = std::function<bool(std::uint64_t address, std::vector<std::uint8_t>& data)>;

} // namespace iommulab::firmware
