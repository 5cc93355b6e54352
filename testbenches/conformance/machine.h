// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/recording.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace iommulab::conformance {

/// How accesses are made: cycle-approximate, loosely timed, or by debug transport (no time and no side effect).
enum class machine_mode { at, lt, debug };

/// One DMA access of a master.
struct dma_access {
    std::uint32_t source_id = 0; ///< StreamID, requester id, device id, endpoint
    std::uint64_t iova = 0;
    bool write = false;
    std::uint64_t size_bytes = 0;   ///< at least 1
    std::vector<std::uint8_t> data; ///< of a write: size_bytes of them
};

/// What the master got back, and what the machine can say about the translation.
struct dma_response {
    bool ok = false; ///< false: the master got an error (refused, or no memory behind the output address)
    std::vector<std::uint8_t> data; ///< of a read that is ok
    /// Where the first byte went, and what the translation allows; empty where the machine does not know.
    std::optional<std::uint64_t> output_address;
    std::optional<std::uint64_t> page_bytes; ///< the leaf entry's reach; empty for an untranslated access
    std::optional<bool> readable;
    std::optional<bool> writable;
    /// The reads of tables and configuration that each of its walks made, in order. Empty without walks, or where the
    /// machine does not watch them.
    std::vector<std::vector<traces::table_read>> walks;
};

struct dma_completion {
    std::uint64_t token = 0;
    dma_response response;
};

/// What a machine has to be for a vector or a recording.
struct machine_configuration {
    std::string iommu;   ///< as recordings call it (platforms::iommu_model::recorded_name)
    std::string variant; ///< a vector's `machine`; for a recording "recording"
    machine_mode mode = machine_mode::at;
    std::map<std::uint64_t, std::uint64_t>
        id_registers; ///< offset to value at reset; more registers than only those of identification
    std::vector<traces::memory_range> memory; ///< elsewhere there is nothing: accesses get an error

    friend bool operator<(const machine_configuration& a, const machine_configuration& b) {
        return std::tie(a.iommu, a.variant, a.mode, a.id_registers, a.memory) <
               std::tie(b.iommu, b.variant, b.mode, b.id_registers, b.memory);
    }
};

/// An IOMMU between DMA masters and memory, as vectors and recordings see it. What is behind it (which models, which
/// mode of simulation) they do not know. No function throws for what the IOMMU or the memory refuses.
class machine {
  public:
    virtual ~machine() = default;

    virtual std::string name() const = 0;
    /// The model and its preset, for people; empty where there is nothing to say.
    virtual std::string hardware() const { return {}; }
    /// Back to the state after power-on: registers at their reset values, caches and queues empty, memory all zero.
    virtual void reset() = 0;

    // Physical memory, without time and past the IOMMU. False when there is no memory at a byte of the range; what was
    // written before that byte stays written.
    virtual bool write_memory(std::uint64_t address, const std::vector<std::uint8_t>& data) = 0;
    virtual bool read_memory(std::uint64_t address,
                             std::vector<std::uint8_t>& data) = 0; ///< as many bytes as `data` has
    virtual bool fill_memory(std::uint64_t address, std::uint64_t size_bytes, std::uint8_t byte) = 0;

    // The IOMMU's registers, by accesses of a CPU. `space` is empty where the IOMMU has one register space.
    virtual void write_register(const std::string& space, std::uint64_t offset, unsigned width_bytes,
                                std::uint64_t value) = 0;
    virtual std::uint64_t read_register(const std::string& space, std::uint64_t offset, unsigned width_bytes) = 0;

    /// Makes an access and waits for its end.
    virtual dma_response dma(const dma_access& access) = 0;
    /// Starts an access and returns its token. Returns before the access has ended where the machine can have several
    /// under way (mode at); a machine that has no room waits until it has.
    virtual std::uint64_t issue(const dma_access& access);
    /// The accesses that have ended since the last call. With `wait` and none, simulates until one ends; returns none
    /// then only when none is under way.
    virtual std::vector<dma_completion> collect(bool wait);

    /// Simulates until nothing is under way: accesses done, commands processed, event records written.
    virtual void settle() = 0;
    /// Simulates for a while (a time of the order of 1 us), for those who poll a register; false when nothing was under
    /// way.
    virtual bool advance() = 0;

  private:
    std::vector<dma_completion> completed_;
    std::uint64_t last_token_ = 0;
};

/// Makes the machine for a configuration. All machines of a process are made before any of them is used: a SystemC
/// simulation can not be elaborated twice. May throw traces' input_error or std::exception for a configuration that it
/// can not meet.
using machine_factory = std::function<std::unique_ptr<machine>(const machine_configuration&)>;

} // namespace iommulab::conformance
