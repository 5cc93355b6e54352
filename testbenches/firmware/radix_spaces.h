// SPDX-License-Identifier: Apache-2.0
// Maps of a scenario in tables of 512 entries (x86 and its IOMMUs).
#pragma once

#include "sw/pagetables/radix_tables.h"
#include "testbenches/firmware/firmware.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace iommulab::firmware {

/// Maps all of `maps`, each with its own page size or the largest of `page_bytes` (in descending order) that alignment
/// allows. What cannot be mapped is refused of `space`.
void map_all(sw::radix_tables& tables, std::span<const mapping> maps, std::span<const std::uint64_t> page_bytes,
             bool cacheable, std::size_t space, refusals& refused);

/// A range in naturally aligned pieces, as invalidations name them: address, and log2 of the pages of 4 KiB, at most
/// `most_log2_pages`; of more pieces than `most`, as many and one.
std::vector<std::pair<std::uint64_t, unsigned>> aligned_ranges(std::uint64_t iova, std::uint64_t size_bytes,
                                                               unsigned most_log2_pages, std::size_t most);

} // namespace iommulab::firmware
