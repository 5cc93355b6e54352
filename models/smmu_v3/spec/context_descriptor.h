// SPDX-License-Identifier: Apache-2.0
// Context descriptors: Arm IHI 0070, 5.3 and 5.4. Bits are numbered over the whole 64-byte descriptor.
#pragma once

#include "models/core/bit_field.h"

#include <array>

namespace iommulab::smmu_v3 {

/// Level 1 Context Descriptor, 8 bytes (5.3).
namespace l1cd {
inline constexpr unsigned bytes = 8;
inline constexpr bit_field V{"V", 0, 1};
inline constexpr address_field L2Ptr{"L2Ptr", 12, 40};
/// CDs in a level 2 table of 4 KiB and of 64 KiB, as a power of two.
inline constexpr unsigned log2_entries_4k = 6, log2_entries_64k = 10;
} // namespace l1cd

/// Context Descriptor, 64 bytes (5.4).
namespace cd {
inline constexpr unsigned bytes = 64;
inline constexpr bit_field T0SZ{"T0SZ", 0, 6}, TG0{"TG0", 6, 2}, IR0{"IR0", 8, 2}, OR0{"OR0", 10, 2}, SH0{"SH0", 12, 2},
    EPD0{"EPD0", 14, 1}, ENDI{"ENDI", 15, 1}, T1SZ{"T1SZ", 16, 6}, TG1{"TG1", 22, 2}, IR1{"IR1", 24, 2},
    OR1{"OR1", 26, 2}, SH1{"SH1", 28, 2}, EPD1{"EPD1", 30, 1}, V{"V", 31, 1}, IPS{"IPS", 32, 3}, AFFD{"AFFD", 35, 1},
    WXN{"WXN", 36, 1}, UWXN{"UWXN", 37, 1}, TBI0{"TBI0", 38, 1}, TBI1{"TBI1", 39, 1}, PAN{"PAN", 40, 1},
    AA64{"AA64", 41, 1}, HD{"HD", 42, 1}, HA{"HA", 43, 1}, S{"S", 44, 1}, R{"R", 45, 1}, A{"A", 46, 1},
    ASET{"ASET", 47, 1}, ASID{"ASID", 48, 16}, NSCFG0{"NSCFG0", 64, 1}, HAD0{"HAD0", 65, 1}, E0PD0{"E0PD0", 66, 1},
    NSCFG1{"NSCFG1", 128, 1}, HAD1{"HAD1", 129, 1}, E0PD1{"E0PD1", 130, 1}, MAIR{"MAIR", 192, 64},
    AMAIR{"AMAIR", 256, 64};
/// Address fields, in the 64-bit word named beside them.
inline constexpr address_field TTB0{"TTB0", 4, 48}; // word 1
inline constexpr address_field TTB1{"TTB1", 4, 48}; // word 2

/// For documentation and decoding of a whole descriptor.
inline constexpr std::array fields{T0SZ,
                                   TG0,
                                   IR0,
                                   OR0,
                                   SH0,
                                   EPD0,
                                   ENDI,
                                   T1SZ,
                                   TG1,
                                   IR1,
                                   OR1,
                                   SH1,
                                   EPD1,
                                   V,
                                   IPS,
                                   AFFD,
                                   WXN,
                                   UWXN,
                                   TBI0,
                                   TBI1,
                                   PAN,
                                   AA64,
                                   HD,
                                   HA,
                                   S,
                                   R,
                                   A,
                                   ASET,
                                   ASID,
                                   NSCFG0,
                                   HAD0,
                                   E0PD0,
                                   bit_field{"TTB0", 68, 48},
                                   NSCFG1,
                                   HAD1,
                                   E0PD1,
                                   bit_field{"TTB1", 132, 48},
                                   MAIR,
                                   AMAIR};
} // namespace cd

} // namespace iommulab::smmu_v3
