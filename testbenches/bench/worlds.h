// SPDX-License-Identifier: Apache-2.0
// What is measured: an IOMMU between one of the baselines' masters and one of their memories.
#pragma once

#include "models/core/registers.h"
#include "models/core/sideband.h"
#include "models/memory/memory.h"

#include <cstdint>
#include <memory>
#include <string>

namespace iommulab {
class iommu_module;
}

namespace iommulab::bench {

/// The window of the baselines' masters, in pages of 4 KiB: what the tables map, to the same addresses.
inline constexpr unsigned window_pages = 64;
/// The source that the tables are for, and where they lie.
inline constexpr std::uint32_t stream = 5;
inline constexpr std::uint64_t tables_base = 0x1000'0000, tables_bytes = 0x100'0000;

struct world_options {
    bool loosely_timed = true;
    bool nested = false;
    bool misses = false; ///< no cache but that of the configuration: every access to another page walks all levels
};

/// An IOMMU with its tables set up; the sockets are the caller's to bind.
class translating_world {
  public:
    explicit translating_world(const std::string& name);
    virtual ~translating_world();

    /// Makes a payload one of the stream.
    static void identify(tlm::tlm_generic_payload& payload);
    virtual iommu_module& model() = 0;
    /// Writes the registers; once, before the first access.
    virtual void program() = 0;

  protected:
    /// For the derived constructor.
    void connect();
    void write(const register_declaration& r, std::uint64_t value);
    sparse_store& tables() { return tables_->store(); }

  private:
    struct register_writer;
    std::unique_ptr<memory> tables_;
    std::unique_ptr<register_writer> writer_;
};

/// An IOMMU whose speed is measured.
struct contestant {
    const char* title;
    const char* prefix;      ///< of the names of its cases
    const char* nested_walk; ///< what a nested miss walks, in words
    std::unique_ptr<translating_world> (*make_world)(const std::string& name, const world_options& options);
};

} // namespace iommulab::bench
