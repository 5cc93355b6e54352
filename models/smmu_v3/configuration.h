// SPDX-License-Identifier: Apache-2.0
// What software says of a stream: from StreamID and SubstreamID through STE and CD to the regimes that a walk takes
// (Arm IHI 0070, 3.3, 3.4, chapter 5). No SystemC.
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_context.h"
#include "models/pagetables/arm_vmsa_walk.h"
#include "models/smmu_v3/features.h"
#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/stream_table_entry.h"

#include <cstdint>
#include <span>

namespace iommulab::smmu_v3 {

/// Values of translation_tag::regime. Bit 1 tells the EL2 regimes from those of a guest; the bits above are set where
/// translations that share ASID and VMID must not share TLB entries all the same.
namespace regime {
inline constexpr std::uint8_t ns_el1 = 0, stage2 = 1, el2 = 2, el2_e2h = 3;
inline constexpr std::uint8_t bypass = 0x80; ///< of translations that no table made: no TLB invalidation means them
inline constexpr std::uint8_t world_mask = bypass | 3, el2_mask = bypass | 2;
inline constexpr bit_field nested{"nested", 2, 1}, PRIVCFG{"PRIVCFG", 3, 2}, INSTCFG{"INSTCFG", 5, 2};
} // namespace regime

/// A stream's, and with stage 1 a substream's, configuration: what a configuration cache holds.
struct stream_configuration {
    enum class action : std::uint8_t { abort, bypass, translate };
    translation_tag tag; ///< of the translations that come of it
    action what = action::abort;
    bool stage1 = false, stage2 = false;
    bool a = true, r = false, s = false;   ///< CD.A, CD.R, CD.S: what becomes of stage 1 faults (5.5)
    bool s2r = false, s2s = false;         ///< STE.S2R, STE.S2S: and of stage 2 faults
    std::uint8_t privcfg = 0, instcfg = 0; ///< 0, 1: as it comes; 2: unprivileged, data; 3: privileged, instruction
    std::uint8_t eats = 0;
    arm_vmsa::stage1_tables s1;
    arm_vmsa::stage2_regime s2;

    /// Do PRIVCFG and INSTCFG make accesses others than they came?
    [[nodiscard]] bool overrides() const { return privcfg > 1 || instcfg > 1; }
    /// By stage 1 alone, as the access comes?
    [[nodiscard]] bool translates_plainly() const {
        return what == action::translate && stage1 && !stage2 && !overrides();
    }
};

/// An STE, checked, before its CD is known.
struct stream_table_entry {
    stream_configuration base;
    bool substreams = false; ///< S1CDMax is not 0
    ste::s1_format format = ste::s1_format::linear;
    ste::s1dss dss = ste::s1dss::terminate;
    unsigned log2_contexts = 0; ///< S1CDMax
    bool s1stalld = false;
    ste::stream_world world = ste::stream_world::ns_el1;
    std::uint64_t context_pointer = 0; ///< S1ContextPtr, aligned as its table must be
};

/// Checks and decodes an STE (5.2.2, and the field descriptions): event::none, or C_BAD_STE. `e2h`: CR2.E2H.
event decode(std::span<const std::uint64_t, 8> words, const features& f, bool e2h, stream_table_entry& into);
/// Checks and decodes a CD (5.4.1) for a stream: event::none, or C_BAD_CD.
event decode(std::span<const std::uint64_t, 8> words, const features& f, const stream_table_entry& s, bool e2h,
             stream_configuration& into);

/// Where the Stream table is: STRTAB_BASE and STRTAB_BASE_CFG (6.3.23, 6.3.24), decoded.
struct stream_table {
    bool two_level = false;
    unsigned log2_size = 0, split = 0;
    std::uint64_t base = 0; ///< aligned as its table must be

    static stream_table of(std::uint64_t strtab_base, std::uint64_t strtab_base_cfg, const features& f);
};

/// All that finding a configuration depends on.
struct configuration_source {
    const features& feature;
    stream_table table;
    bool e2h = false;       ///< CR2.E2H
    bool recinvsid = false; ///< CR2.RECINVSID
    arm_vmsa::walk_caches caches;
};

/// Reads the configuration of `a`'s stream from memory. False: refused, `why` says what to record.
walk<bool> fetch_configuration(walk_context& context, const configuration_source& source, const access& a,
                               stream_configuration& into, fault& why);

} // namespace iommulab::smmu_v3
