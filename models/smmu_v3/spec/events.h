// SPDX-License-Identifier: Apache-2.0
// Event records: Arm IHI 0070, 7.3. 32 bytes each, bits numbered over the whole record.
#pragma once

#include "models/core/bit_field.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace iommulab::smmu_v3 {

/// The first byte of a record (7.3.1).
enum class event : std::uint8_t {
    none = 0,
    F_UUT = 0x01,
    C_BAD_STREAMID = 0x02,
    F_STE_FETCH = 0x03,
    C_BAD_STE = 0x04,
    F_BAD_ATS_TREQ = 0x05,
    F_STREAM_DISABLED = 0x06,
    F_TRANSL_FORBIDDEN = 0x07,
    C_BAD_SUBSTREAMID = 0x08,
    F_CD_FETCH = 0x09,
    C_BAD_CD = 0x0a,
    F_WALK_EABT = 0x0b,
    F_TRANSLATION = 0x10,
    F_ADDR_SIZE = 0x11,
    F_ACCESS = 0x12,
    F_PERMISSION = 0x13,
    F_TLB_CONFLICT = 0x20,
    F_CFG_CONFLICT = 0x21,
    E_PAGE_REQUEST = 0x24,
    F_VMS_FETCH = 0x25,
};

/// The manual's name of an event, or nullptr.
const char* name_of(event e);

namespace record {
inline constexpr unsigned bytes = 32;
inline constexpr bit_field EventID{"EventID", 0, 8}, SSV{"SSV", 11, 1}, SubstreamID{"SubstreamID", 12, 20},
    StreamID{"StreamID", 32, 32}, STAG{"STAG", 64, 16}, Stall{"Stall", 95, 1}, PnU{"PnU", 97, 1}, InD{"InD", 98, 1},
    RnW{"RnW", 99, 1}, NSIPA{"NSIPA", 100, 1}, S2{"S2", 103, 1}, CLASS{"CLASS", 104, 2}, TTRnW{"TTRnW", 108, 1},
    Span{"Span", 64, 4}, InputAddr{"InputAddr", 128, 64};
/// In word 3.
inline constexpr address_field IPA{"IPA", 12, 40};            // F_TRANSLATION and its like, when S2 is set
inline constexpr address_field FetchAddr{"FetchAddr", 3, 49}; // F_STE_FETCH, F_CD_FETCH, F_WALK_EABT

/// CLASS: what was being translated when the fault came (7.3.12).
enum class fault_class : std::uint8_t { CD = 0, TT = 1, IN = 2 };
} // namespace record

/// A record in words: "F_TRANSLATION StreamID=0x10 RnW=1 CLASS=IN InputAddr=0x5000"; for logs and results.
std::string describe_event(std::span<const std::uint64_t> words);

} // namespace iommulab::smmu_v3
