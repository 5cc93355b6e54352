// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/conformance/snapshot_memory.h"
#include "traces/recording.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace iommulab::conformance::smmu_v3 {

using eight_words = std::array<std::uint64_t, 8>;

/// How one source was translated at the time of a snapshot: its stream table entry and its context descriptor.
struct stage_1_stream {
    eight_words ste{};
    eight_words cd{};
    std::uint64_t cd_address = 0;

    std::uint64_t root() const;
    std::uint16_t asid() const;
};

/// The memory of a snapshot as its pages file has it, read as an SMMUv3 reads it.
class snapshot_image {
  public:
    /// Throws input_error for a damaged file.
    explicit snapshot_image(const traces::snapshot& state);

    /// The pages of the stream table, address to contents.
    const std::map<std::uint64_t, std::vector<std::uint8_t>>& stream_table_pages() const { return stream_table_pages_; }
    /// A doubleword; what no page holds is zero.
    std::uint64_t word(std::uint64_t address) const { return memory_.word(address); }
    /// The place of a source's stream table entry (IHI 0070, 5.1 and 6.3.24); empty when the table has none.
    std::optional<std::uint64_t> ste_address(std::uint32_t source_id) const;
    /// The place of the level 1 descriptor on the way to it; empty for a linear table.
    std::optional<std::uint64_t> level_1_address(std::uint32_t source_id) const;
    /// Empty when the source is not translated by stage 1 alone.
    std::optional<stage_1_stream> stream(std::uint32_t source_id) const;
    std::uint64_t order() const { return order_; }

  private:
    eight_words words(std::uint64_t address) const;

    std::uint64_t order_ = 0;
    std::uint64_t strtab_base_ = 0;
    std::uint32_t strtab_base_cfg_ = 0;
    snapshot_memory memory_;
    std::map<std::uint64_t, std::vector<std::uint8_t>> stream_table_pages_;
};

} // namespace iommulab::conformance::smmu_v3
