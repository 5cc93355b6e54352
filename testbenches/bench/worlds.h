// SPDX-License-Identifier: Apache-2.0
// What is measured: an SMMUv3 between one of the baselines' masters and one of their memories.
#pragma once

#include "models/core/sideband.h"
#include "models/memory/memory.h"
#include "models/smmu_v3/smmu_v3.h"
#include "testbenches/bench/raw_baseline.h"

#include <memory>
#include <string>

namespace iommulab::bench {

/// The window of the baselines' masters, in pages of 4 KiB: what the tables map, to the same addresses.
inline constexpr unsigned window_pages = 64;

struct world_options {
    bool loosely_timed = true;
    bool nested = false;
    bool misses = false; ///< no cache but that of the configuration: every access to another page walks all levels
};

/// The SMMUv3 with its tables and registers set up; the sockets are the caller's to bind.
class translating_world {
  public:
    translating_world(const std::string& name, const world_options& options);
    ~translating_world();

    /// The stream that the tables are for: give it to each payload.
    static void identify(tlm::tlm_generic_payload& payload);
    /// Writes the registers; once, before the first access.
    void program();

    smmu_v3::smmu& smmu() { return *smmu_; }

  private:
    struct register_writer;
    void build_tables(bool nested);

    std::unique_ptr<smmu_v3::smmu> smmu_;
    std::unique_ptr<memory> tables_;
    std::unique_ptr<register_writer> writer_;
};

} // namespace iommulab::bench
