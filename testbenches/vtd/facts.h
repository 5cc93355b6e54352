// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// What the replay of recordings has to know of the programmer's view of Intel VT-d. Written from the specification
// ("Register Descriptions", "Translation Structure Formats", "Queued Invalidation Interface") and not taken from the
// model: the replay is to find out when the model has it wrong.
namespace iommulab::conformance::vtd {

constexpr std::uint64_t VER = 0x00;
constexpr std::uint64_t CAP = 0x08;
constexpr std::uint64_t ECAP = 0x10;
constexpr std::uint64_t GCMD = 0x18;
constexpr std::uint64_t GSTS = 0x1c;
constexpr std::uint64_t RTADDR = 0x20;
constexpr std::uint64_t FSTS = 0x34;
constexpr std::uint64_t FECTL = 0x38;
constexpr std::uint64_t FEDATA = 0x3c;
constexpr std::uint64_t FEADDR = 0x40;
constexpr std::uint64_t FEUADDR = 0x44;
constexpr std::uint64_t IQH = 0x80;
constexpr std::uint64_t IQT = 0x88;
constexpr std::uint64_t IQA = 0x90;
constexpr std::uint64_t IRTA = 0xb8;
constexpr std::uint64_t FRCD_bytes = 16; ///< of one fault recording register

// GCMD and GSTS
constexpr std::uint32_t TE = 1U << 31;
constexpr std::uint32_t SRTP = 1U << 30;
constexpr std::uint32_t QIE = 1U << 26;
constexpr std::uint32_t IRE = 1U << 25;
constexpr std::uint32_t SIRTP = 1U << 24;

constexpr std::uint32_t FSTS_PFO = 1;
constexpr std::uint32_t FSTS_errors = 0x71; ///< PFO, IQE, ICE, ITE
constexpr std::uint32_t FRCD_F = 1U << 31;  ///< in the last of its four words

// Structures and entries
constexpr std::uint64_t root_entry_bytes = 16, context_entry_bytes = 16, sm_context_entry_bytes = 32;
constexpr std::uint64_t directory_entry_bytes = 8, pasid_entry_bytes = 64;
constexpr std::uint64_t context_TT_pass_through = 2U << 2;
constexpr std::uint64_t context_TT_mask = 3U << 2;
constexpr std::uint64_t PGTT_mask = 7U << 6, PGTT_second_stage = 2U << 6, PGTT_pass_through = 4U << 6;
constexpr std::uint64_t PTE_R = 1, PTE_W = 2, PTE_PS = 0x80;

// Descriptors: type, and G where it has the places of invalidations
constexpr std::uint64_t descriptor_context_cache = 1, descriptor_iotlb = 2, descriptor_pasid_iotlb = 6;
constexpr std::uint64_t descriptor_pasid_cache_global = 7 | 3U << 4;

constexpr std::uint64_t address_mask = ~std::uint64_t{0xfff};
constexpr std::uint64_t RTADDR_scalable = 0x400; ///< TTM = 01b
constexpr std::uint64_t IQA_QS_mask = 7;
constexpr std::uint64_t IQA_DW = 0x800;

constexpr unsigned fault_records(std::uint64_t cap) {
    return static_cast<unsigned>(cap >> 40 & 0xff) + 1;
}
constexpr std::uint64_t fault_record_offset(std::uint64_t cap) {
    return (cap >> 24 & 0x3ff) * 16;
}

} // namespace iommulab::conformance::vtd
