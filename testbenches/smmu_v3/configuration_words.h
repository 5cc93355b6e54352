// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testbenches/pagetables/vmsa_reference.h"

#include <array>
#include <cstdint>

namespace iommulab::reference {

using configuration_words = std::array<std::uint64_t, 8>; // little-endian doublewords, lowest first

// Context descriptor (IHI 0070 5.4) for an AArch64 context: V = 1, AA64 = 1, ASET = 1, and fault behaviour A =
// terminate with abort, R = record as given, S = `stall`. All MAIR attributes are Normal write-back.
configuration_words encode_context_descriptor(const stage1_context& context, bool stall = false, bool record = true);

// Stream table entry (IHI 0070 5.2), V = 1, one Context descriptor (S1CDMax = 0) at cd_address.
// Either stage may be null: no stage 1 ignores cd_address; neither gives bypass. S2R = record, S2S = stall.
configuration_words encode_stream_table_entry(const stage1_context* stage1, std::uint64_t cd_address,
                                              const stage2_context* stage2, bool stall = false, bool record = true);

} // namespace iommulab::reference
