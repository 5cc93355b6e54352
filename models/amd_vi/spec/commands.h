// SPDX-License-Identifier: Apache-2.0
// Commands: publication 48882, 2.4. 16 bytes each, bits numbered over the whole command.
#pragma once

#include "models/core/bit_field.h"

#include <cstdint>

namespace iommulab::amd_vi {

/// Bits 63:60 of a command.
enum class opcode : std::uint8_t {
    COMPLETION_WAIT = 0x1,
    INVALIDATE_DEVTAB_ENTRY = 0x2,
    INVALIDATE_IOMMU_PAGES = 0x3,
    INVALIDATE_IOTLB_PAGES = 0x4,
    INVALIDATE_INTERRUPT_TABLE = 0x5,
    PREFETCH_IOMMU_PAGES = 0x6,
    COMPLETE_PPR_REQUEST = 0x7,
    INVALIDATE_IOMMU_ALL = 0x8,
};

/// The manual's name of an opcode, or nullptr.
const char* name_of(opcode code);

namespace command {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field Opcode{"Opcode", 60, 4};
inline constexpr bit_field s{"s", 0, 1}, i{"i", 1, 1}, f{"f", 2, 1}, StoreData{"StoreData", 64, 64}; // COMPLETION_WAIT
inline constexpr address_field StoreAddress{"StoreAddress", 3, 49};                                  // in word 0
inline constexpr bit_field DeviceID{"DeviceID", 0, 16};                       // of all commands that name a device
inline constexpr bit_field PASID{"PASID", 0, 20},                             // INVALIDATE_IOMMU_PAGES (2.4.3)
    DomainID{"DomainID", 32, 16};                                             //
inline constexpr bit_field S{"S", 64, 1}, PDE{"PDE", 65, 1}, GN{"GN", 66, 1}; // 2.4.3, 2.4.4, 2.4.6
inline constexpr address_field Address{"Address", 12, 52};                    // in word 1
inline constexpr bit_field PASID_15_8{"PASID[15:8]", 16, 8}, Maxpend{"Maxpend", 24, 8}, QueueID{"QueueID", 32, 16},
    PASID_7_0{"PASID[7:0]", 48, 8}, PASID_19_16{"PASID[19:16]", 56, 4}, Type{"Type", 68, 2}; // INVALIDATE_IOTLB_PAGES
inline constexpr bit_field PFCount{"PFCount", 24, 8}, PrefetchPASID{"PASID", 32, 20},
    Inval{"Inval", 68, 1}; // PREFETCH_IOMMU_PAGES (2.4.6)
inline constexpr bit_field PPR_PASID{"PASID", 32, 20}, CompletionTag{"CompletionTag", 96, 9},
    PPRCode{"PPRCode", 108, 4}; // COMPLETE_PPR_REQUEST (2.4.7)

/// Address with S = 1 that means every page (2.4.3, table 14): all bits but the highest are ones.
inline constexpr std::uint64_t all_pages = 0x7fff'ffff'ffff'f000;
} // namespace command

} // namespace iommulab::amd_vi
