// SPDX-License-Identifier: Apache-2.0
// What the Extended Feature Register promises (publication 48882, 3.4.7), decoded once.
#pragma once

#include <cstdint>
#include <string>

namespace iommulab::amd_vi {

/// The feature register of an IOMMU with everything that this model has: PreFSup PPRSup NXSup GTSup IASup HESup,
/// host tables of 6 levels, guest tables of 5, a guest CR3 table of 2 levels, 16 bits of PASID, USSup MsiCapMmioSup
/// GIoSup.
inline constexpr std::uint64_t everything = 0x0001'402f'0000'595b;

struct features {
    bool prefetch, ppr, nx, gt, invalidate_all, hardware_events, user_supervisor, msi_in_mmio, guest_io;
    unsigned host_levels;  ///< HATS
    unsigned guest_levels; ///< GATS: 4 or 5
    unsigned gcr3_levels;  ///< GLXSup: 1 to 3
    unsigned pasid_bits;   ///< PASmax

    static features of(std::uint64_t extended_feature);
    /// Bits of the Control register that software can set.
    std::uint64_t control_bits = 0;
};

/// What of it promises something that this model doesn't do, or is reserved; empty when nothing does.
std::string complaint_about(std::uint64_t extended_feature);

} // namespace iommulab::amd_vi
