// SPDX-License-Identifier: Apache-2.0
// The walk of Intel VT-d second-stage tables (VT-d specification, "Second-Stage Translation" and "Second-Stage Paging
// Entries"): of legacy mode, and of scalable mode alone or behind a first stage. Faults are plain values.
//
// It does not: memory types (EMT, IPAT are ignored).
#pragma once

#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_cache.h"
#include "models/core/walk_context.h"
#include "models/pagetables/vtd_second_stage_format.h"

#include <cstdint>

namespace iommulab::vtd_second_stage {

/// How the tables translate. The caller has refused what the specification calls illegal; nothing here depends on that
/// for safety.
struct regime {
    std::uint64_t root = 0;                ///< address of the first table; bits 11:0 don't count
    std::uint8_t levels = 4;               ///< 3, 4 or 5
    std::uint8_t physical_bits = 52;       ///< address bits from here to 51 are reserved
    bool pages_2m = true, pages_1g = true; ///< PS at level 2, at level 3; else reserved
    bool snoop_control = false;            ///< SNP in leaves; else reserved
    bool transient_mapping = false;        ///< TM in leaves; else reserved
    bool execute_enable = false;           ///< X counts; else what is readable is executable
    bool accessed_dirty = false;           ///< hardware keeps A and D
    std::uint32_t step_cycles = 0;         ///< a walker's own work for each entry that it has read
    translation_tag tag;                   ///< for the caches, and copied into the result
};

enum class fault_kind : std::uint8_t {
    none,
    beyond_width,   ///< input bits that the tables don't take
    reserved,       ///< a reserved bit is set
    permission,     ///< a right that is needed is missing, or no entry is there
    external_abort, ///< an entry could not be read
    update,         ///< an entry's A or D could not be written
};

struct walk_fault {
    fault_kind kind = fault_kind::none;
    std::uint8_t level = 0;    ///< of the entry at fault, 1 for the last; 0: the input itself
    bool first_table = false;  ///< the entry at fault is in the table that the regime names
    std::uint64_t address = 0; ///< physical address of the entry
};

/// The end of a walk. A page that is writable but clean is without the rights to write while A and D are kept.
struct walk_result {
    translation page;
    walk_fault fault;
};

/// Which of a walk_cache_set's levels holds pointers from entries of `level` (2 to 5): the set counts from the root of
/// the deepest tables.
constexpr unsigned cache_level(unsigned level) {
    return most_levels - level;
}

struct walk_caches {
    walk_cache_set* tables = nullptr;           ///< of cache_level()s
    second_stage_cache* translations = nullptr; ///< whole translations, for nested walks
};

struct request {
    std::uint64_t address = 0;
    std::uint8_t needed = 0; ///< rights bits
    bool only_stage = true;  ///< for time sheets: levels count as walk_level_n, else as stage2_level_n
};

/// Whatever is passed by reference or pointer must outlive the walk, which writes `page` and `why`, fresh from their
/// constructors, in place. True: no fault. Reads that are answered at once are made by the call itself; if all are, the
/// walk has ended when it returns.
walk<bool> walk_tables(walk_context& context, const regime& r, request what, translation& page, walk_fault& why,
                       walk_caches caches = {});

/// Lost races for one entry after which the walk gives up (assumption: the specification asks for progress and sets no
/// bound).
inline constexpr unsigned update_attempts = 64;

const char* name_of(fault_kind kind); ///< "permission", "reserved"

} // namespace iommulab::vtd_second_stage
