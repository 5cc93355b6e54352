// SPDX-License-Identifier: Apache-2.0
// The walk of x86-64 long-mode tables of 4 or 5 levels (Intel SDM volume 3, "4-Level Paging and 5-Level Paging"; AMD
// APM volume 2, "Long-Mode Page Translation"), alone or with a second stage behind every address that they hold. It
// knows no IOMMU: what differs between vendors is in the regime, and faults are plain values which an IOMMU turns into
// its own.
//
// It does not: protection keys, SMAP, shadow stacks, memory types (PWT, PCD, PAT are ignored).
#pragma once

#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_cache.h"
#include "models/core/walk_context.h"
#include "models/pagetables/second_stage.h"
#include "models/pagetables/x86_64_format.h"

#include <cstdint>

namespace iommulab::x86_64 {

/// How the tables translate. The caller has refused what its architecture calls illegal; nothing here depends on that
/// for safety.
struct regime {
    std::uint64_t root = 0;                     ///< address of the first table; bits 11:0 don't count
    std::uint8_t levels = 4;                    ///< 4 or 5
    bool sign_extended = true;                  ///< of input: bits above are copies of the highest; else 0
    std::uint8_t physical_bits = 52;            ///< address bits from here to 51 are reserved
    bool pages_1g = true;                       ///< PS at level 3; else reserved
    bool no_execute = true;                     ///< XD counts; else reserved
    bool write_protect = true;                  ///< R/W = 0 binds supervisor's writes too (CR0.WP)
    bool supervisor_execute_prevention = false; ///< supervisors don't execute user pages (SMEP)
    bool update_accessed = true;                ///< hardware sets A in every entry that it uses
    bool update_dirty = true;                   ///< hardware sets D in the leaf of a write
    bool extended_accessed = false;             ///< and EA with A
    bool globals = false;                       ///< G counts: a page serves every `space` of its vm and regime
    std::uint64_t reserved = 0;                 ///< further bits that must be 0 in every entry
    std::uint32_t step_cycles = 0;              ///< a walker's own work for each entry that it has read
    translation_tag tag;                        ///< for the walk caches, and copied into the result
};

enum class fault_kind : std::uint8_t {
    none,
    not_canonical, ///< or beyond the input's bits
    not_present,
    reserved,        ///< a reserved bit is set
    supervisor_page, ///< a user's request, and U/S = 0 in an entry of the walk
    write,           ///< not writable
    execute,         ///< not executable
    external_abort,  ///< an entry could not be read
    update,          ///< an entry's A or D could not be written
    second_stage,    ///< the second stage refused `use`
};

struct walk_fault {
    fault_kind kind = fault_kind::none;
    std::uint8_t level = 0;   ///< of the entry at fault, 1 for the last; 0: the input itself
    bool first_table = false; ///< the entry at fault is in the table that the regime names
    second_stage::use use = second_stage::use::output;
    std::uint64_t address = 0; ///< external_abort, update: physical address of the entry; second_stage: the
                               ///< intermediate address
};

/// The end of a walk. Without a fault `page` is the leaf's page; nested: the part of it over which both stages are
/// linear. A page that is writable but clean is without the rights to write, so that the first write walks and marks
/// it.
struct walk_result {
    translation page;
    walk_fault fault;
};

/// Which of a walk_cache_set's levels holds pointers from entries of `level` (2 to 5): the set counts from the root of
/// the deepest tables.
constexpr unsigned cache_level(unsigned level) {
    return most_levels - level;
}

/// Walks for `a`, whose right is checked. Whatever is passed by reference or pointer must outlive the walk, which
/// writes `result` in place. True: no fault. `caches`, of cache_level()s, and `behind` may be null.
walk<bool> walk_tables(walk_context& context, const regime& r, const access& a, walk_result& result,
                       walk_cache_set* caches = nullptr, second_stage* behind = nullptr);

/// Lost races for one entry after which the walk gives up (assumption: the manuals ask for progress and set no bound).
inline constexpr unsigned update_attempts = 64;

const char* name_of(fault_kind kind); ///< "not_present", "reserved"

} // namespace iommulab::x86_64
