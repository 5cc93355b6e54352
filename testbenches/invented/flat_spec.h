// SPDX-License-Identifier: Apache-2.0
// The invented IOMMU's manual as declarations: all that its driver may know of it.
#pragma once

#include "models/core/registers.h"

#include <array>

namespace iommulab::flat {

inline constexpr unsigned page_bytes = 4096, entry_bytes = 8;

/// Entry n of the table translates page n. Bit 0: valid; bit 1: writable; bit 2: faults stall; bits 63:12: the output
/// page.
inline constexpr bit_field VALID{"VALID", 0, 1}, WRITABLE{"WRITABLE", 1, 1}, STALL{"STALL", 2, 1};
inline constexpr address_field PAGE{"PAGE", 12, 52};

inline constexpr register_declaration TABLE{.name = "TABLE", .offset = 0, .bytes = 8, .writable = ~0ULL};
/// Writing drops the translation of the page of the written address; ~0: of all. SYNC counts completed invalidations.
inline constexpr register_declaration INVALIDATE{.name = "INVALIDATE", .offset = 8, .bytes = 8, .writable = ~0ULL};
inline constexpr register_declaration SYNC{.name = "SYNC", .offset = 16, .bytes = 4};
inline constexpr register_declaration FAULTS{.name = "FAULTS", .offset = 20, .bytes = 4};
inline constexpr std::array registers{TABLE, INVALIDATE, SYNC, FAULTS};

} // namespace iommulab::flat
