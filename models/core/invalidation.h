// SPDX-License-Identifier: Apache-2.0
// What software takes back: by whose translations they are, by address range, or by requester.
#pragma once

#include "models/core/translation.h"

#include <cstdint>
#include <limits>

namespace iommulab {

/// Everything that matches all its conditions goes. A condition that is not set matches everything.
struct invalidation {
    enum class what : std::uint8_t {
        translations,  ///< TLB entries and walk caches
        configuration, ///< configuration of requesters, and what was derived from it
    };
    what kind = what::translations;

    bool by_regime = false, by_vm = false, by_space = false;
    translation_tag tag;
    std::uint8_t regime_mask = 0xff; ///< bits of the regime that by_regime compares
    bool spare_global = false;       ///< by_space leaves global entries alone
    bool leaf_only = false;          ///< walk caches (entries that point to tables) may stay
    std::uint8_t stage =
        0; ///< 0: stage 1 and combined; 2: entries of second-stage tables alone, by intermediate address
    std::uint64_t first = 0, last = std::numeric_limits<std::uint64_t>::max(); ///< input addresses, inclusive

    bool by_source = false; ///< configuration: requesters first_source..last_source
    std::uint32_t first_source = 0, last_source = std::numeric_limits<std::uint32_t>::max();
    bool by_pasid = false;
    std::uint32_t pasid = 0;

    [[nodiscard]] bool whole_range() const { return first == 0 && last == std::numeric_limits<std::uint64_t>::max(); }

    /// Does an entry that covers [base, base+mask] under `t` go?
    [[nodiscard]] bool matches(const translation_tag& t, bool global, std::uint64_t base, std::uint64_t mask) const {
        if (by_regime && ((t.regime ^ tag.regime) & regime_mask) != 0)
            return false;
        if (by_vm && t.vm != tag.vm)
            return false;
        if (by_space && (global ? spare_global : t.space != tag.space))
            return false;
        return base <= last && (base | mask) >= first;
    }
    [[nodiscard]] bool matches(const translation& t) const {
        return matches(t.tag, t.global, t.leaf_base(), t.leaf_mask());
    }
    [[nodiscard]] bool matches_requester(std::uint32_t source_id, bool has_pasid, std::uint32_t its_pasid) const {
        return (!by_source || (source_id >= first_source && source_id <= last_source)) &&
               (!by_pasid || (has_pasid ? its_pasid : 0) == pasid);
    }
};

} // namespace iommulab
