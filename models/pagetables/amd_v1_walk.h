// SPDX-License-Identifier: Apache-2.0
// The walk of AMD's host page tables ("v1"): publication 48882, 2.2.3. One to six levels, pages of the level's size and
// of every power of two between levels (NextLevel 0 and 7), levels that are skipped, rights that accumulate on the way.
// It reports faults as plain values; an IOMMU turns them into its events.
//
// It does not: update A and D (HASup, HDSup), and U and FC have no effect.
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_cache.h"
#include "models/core/walk_context.h"
#include "models/pagetables/amd_v1_format.h"

#include <cstdint>

namespace iommulab::amd_v1 {

/// One domain's tables, as a device table entry names them.
struct host_tables {
    std::uint64_t root = 0;             ///< address of the first table
    std::uint8_t levels = 0;            ///< Mode: 1 to 6
    std::uint8_t allowed = rights::all; ///< what the entry itself allows: IR and IW, see rights_of()
    translation_tag tag;                ///< for the walk caches, and copied into the result
};

/// IR allows reads, of instructions too; IW writes.
constexpr std::uint8_t rights_of(bool ir, bool iw) {
    return static_cast<std::uint8_t>((ir ? rights::reads | rights::executes : 0) | (iw ? rights::writes : 0));
}

enum class fault_kind : std::uint8_t {
    none,
    not_present,    ///< PR = 0, or the address has ones above the first table's range or in a skipped level's index
    permission,     ///< the page is there, the right is not
    level_encoding, ///< NextLevel is not below the table's level, or a page size does not belong to it
    reserved_bit,   ///< a bit that must be zero is not
    external_abort, ///< an entry could not be read
};

struct walk_fault {
    fault_kind kind = fault_kind::none;
    std::uint8_t level = 0;          ///< of the table at fault; 0 when no entry was read
    std::uint64_t fetch_address = 0; ///< external_abort: address of the entry
};

/// The end of a walk. `page.allowed` are the rights of all entries on the way and of host_tables::allowed.
struct walk_result {
    translation page;
    walk_fault fault;
    [[nodiscard]] bool ok() const { return fault.kind == fault_kind::none; }
};

struct host_request {
    std::uint64_t address = 0; ///< input address
    std::uint8_t needed = 0;   ///< rights bits; 0 checks none
    std::uint8_t stage = 1;    ///< for time sheets: 2 for the tables behind a guest's
};

/// Levels of the walk caches of these tables: level n of the set holds pointers to tables of level 5 - n.
inline constexpr unsigned walk_cache_levels = most_levels - 1;
constexpr unsigned walk_cache_level(unsigned table_level) {
    return walk_cache_levels - table_level;
}

/// Walks. The value is that of ok(). `tables`, `page` and `why`, fresh from their constructors, must outlive the walk.
/// `caches` may be null. Depths in time sheets count from the first table, 0. Reads that are answered at once are made
/// by the call itself; if all are, the walk has ended when it returns.
walk<bool> walk_host(walk_context& context, const host_tables& tables, host_request request, translation& page,
                     walk_fault& why, walk_cache_set* caches);

const char* name_of(fault_kind kind); ///< "not_present", "permission"

} // namespace iommulab::amd_v1
