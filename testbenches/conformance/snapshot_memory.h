// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/recording.h"

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace iommulab::conformance {

/// The memory of a snapshot as its pages file has it.
class snapshot_memory {
  public:
    /// Throws input_error for a damaged file.
    explicit snapshot_memory(const traces::snapshot& state);

    /// The pages whose kind begins so, address to contents.
    std::map<std::uint64_t, std::vector<std::uint8_t>> pages_of(std::string_view kind) const;
    /// A doubleword; what no page holds is zero.
    std::uint64_t word(std::uint64_t address) const;
    /// Several, one after the other.
    std::vector<std::uint64_t> words(std::uint64_t address, std::size_t count) const;

  private:
    std::map<std::uint64_t, traces::table_page> pages_;
};

} // namespace iommulab::conformance
