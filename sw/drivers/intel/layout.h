// SPDX-License-Identifier: Apache-2.0
// Sizes that the driver of Linux 6.1 chose, and the encodings that several of its parts share.
#pragma once

#include <cstdint>

namespace iommulab::sw::intel {

inline constexpr std::uint64_t page_bytes = 4096; ///< VTD_PAGE_SIZE: every structure is made of such pages
inline constexpr unsigned page_shift = 12;
inline constexpr unsigned queue_descriptors = 256;         ///< QI_LENGTH
inline constexpr unsigned default_domain_width = 57;       ///< DEFAULT_DOMAIN_ADDRESS_WIDTH
inline constexpr std::uint32_t rid_pasid = 0;              ///< PASID_RID2PASID: what requests without PASID use
inline constexpr std::uint32_t null_domain_id = 0;         ///< tags what a unit with caching mode caches of nothing
inline constexpr std::uint32_t pass_through_domain_id = 1; ///< FLPT_DEFAULT_DID
/// How long Linux waits for a register to change before it panics: DMAR_OPERATION_TIMEOUT.
inline constexpr std::uint64_t register_timeout_ns = 10'000'000'000;
/// How long the driver waits for the invalidation queue before it takes the unit for dead, where Linux waits for ever:
/// assumption.
inline constexpr std::uint64_t queue_timeout_ns = 100'000'000;

/// "Adjusted guest address width" as SAGAW, the AW fields and Linux count it: 0 is 30 bits and two levels.
constexpr unsigned levels_of_agaw(unsigned agaw) {
    return agaw + 2;
}
constexpr unsigned width_of_agaw(unsigned agaw) {
    return 30 + 9 * agaw < 64 ? 30 + 9 * agaw : 64;
}
constexpr unsigned agaw_of_width(unsigned width) {
    return (width - 30 + 8) / 9;
}

} // namespace iommulab::sw::intel
