// SPDX-License-Identifier: Apache-2.0
// Descriptors of the invalidation queue: Intel VT-d specification, "Queued Invalidation Interface". 16 bytes each, or
// 32 with IQA.DW = 1; bits are numbered over the whole descriptor.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>

namespace iommulab::vtd {

/// Type: bits 3:0, and above them bits 11:9.
enum class descriptor_type : std::uint8_t {
    context_cache = 0x1,         ///< cc_inv_dsc
    iotlb = 0x2,                 ///< iotlb_inv_dsc
    device_tlb = 0x3,            ///< dev_tlb_inv_dsc
    interrupt_entry_cache = 0x4, ///< iec_inv_dsc
    wait = 0x5,                  ///< inv_wait_dsc
    pasid_iotlb = 0x6,           ///< p_iotlb_inv_dsc
    pasid_cache = 0x7,           ///< pc_inv_dsc
    pasid_device_tlb = 0x8,      ///< p_dev_tlb_inv_dsc
    page_group_response = 0x9,   ///< page_grp_resp_dsc
};

/// The specification's name of a type, or nullptr.
const char* name_of(descriptor_type t);

namespace descriptor {
inline constexpr unsigned bytes = 16, wide_bytes = 32;
inline constexpr bit_field Type{"Type", 0, 4}, Type_high{"Type", 9, 3};

inline constexpr bit_field G{"G", 4, 2}, DID{"DID", 16, 16};    // all but device TLBs and wait
inline constexpr bit_field SID{"SID", 32, 16}, FM{"FM", 48, 2}; // context_cache
inline constexpr bit_field DW{"DW", 6, 1}, DR{"DR", 7, 1};      // iotlb
inline constexpr bit_field AM{"AM", 64, 6}, IH{"IH", 70, 1};    // iotlb, pasid_iotlb
inline constexpr address_field ADDR{"ADDR", 12, 52};            // word 1: iotlb, pasid_iotlb, device TLBs
inline constexpr bit_field PASID{"PASID", 32, 20};              // pasid_iotlb, pasid_cache, pasid_device_tlb
inline constexpr bit_field MIP{"MIP", 16, 5}, device_SID{"SID", 32, 16}, S{"S", 64, 1}; // device_tlb
inline constexpr std::uint64_t PFSID = 0xfff0'0000'0000'f000; ///< word 0: device_tlb, pasid_device_tlb; in two parts
inline constexpr bit_field p_MIP{"MIP", 4, 5}, p_SID{"SID", 16, 16}, p_G{"G", 64, 1},
    p_S{"S", 75, 1};                                              // pasid_device_tlb
inline constexpr bit_field IM{"IM", 27, 5}, IIDX{"IIDX", 32, 16}; // interrupt_entry_cache
inline constexpr bit_field IF{"IF", 4, 1}, SW{"SW", 5, 1}, FN{"FN", 6, 1}, PD{"PD", 7, 1},
    STDATA{"STDATA", 32, 32};                           // wait
inline constexpr address_field STADDR{"STADDR", 2, 62}; // word 1: wait
} // namespace descriptor

/// G of pasid_cache.
enum class pasid_cache_granularity : std::uint8_t { domain = 0, pasid_selective = 1, reserved = 2, global = 3 };
/// G of pasid_iotlb; 0 and 1 are reserved.
enum class pasid_iotlb_granularity : std::uint8_t { pasid_selective = 2, page_selective = 3 };

constexpr descriptor_type type_of(std::uint64_t word) {
    return static_cast<descriptor_type>(descriptor::Type.of(word) | descriptor::Type_high.of(word) << 4);
}

/// Bits that a descriptor of this type may have set, in its first two words; those of 32 bytes have no others.
struct descriptor_bits {
    std::array<std::uint64_t, 2> allowed;
};
/// The bits of `t`; all zero for a type that is none.
descriptor_bits allowed_bits(descriptor_type t);

} // namespace iommulab::vtd
