// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/recording.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace iommulab::conformance::smmu_v3 {

/// The fields of a command that the replay needs (IHI 0070, chapter 4).
struct command_fields {
    enum class kind { configuration, invalidation, sync, other };
    kind what = kind::other;
    // Configuration: the sources from first to last.
    std::uint32_t first_source = 0;
    std::uint32_t last_source = 0;
    // Invalidation of translations: of one ASID or of all, of a range of addresses or of all.
    std::optional<std::uint16_t> asid;
    bool all_addresses = true;
    std::uint64_t address = 0;
    std::uint64_t size_bytes = 0;
    bool leaf_only = false;
};

command_fields decode_command(std::uint64_t qword0, std::uint64_t qword1);

/// A stretch of a recording in which one source's configuration stays the same: from one command that invalidates the
/// configuration to the next.
struct stream_phase {
    bool used = false;       ///< the source makes accesses in it
    bool translated = false; ///< else they bypass translation
    std::uint64_t first_order = 0;
    std::uint64_t last_order = 0;
    std::optional<std::uint64_t> root;             ///< the level 0 (or start level) table, as a recorded walk shows it
    std::vector<traces::table_read> configuration; ///< the reads before it, of the first walk that has them
};

/// All phases of all sources, from one pass over a recording's commands and accesses.
std::map<std::uint32_t, std::vector<stream_phase>> find_phases(const traces::recording& record);

/// The part of a walk's reads that is of translation tables: what follows the last 64-byte read (of a stream table
/// entry or a context descriptor); a walk that shows only a stream table's level 1 has none.
std::vector<traces::table_read> translation_reads(const std::vector<traces::table_read>& reads);

/// How often the commands in an interval of order name each ASID.
struct named_asids {
    std::map<std::uint16_t, std::uint64_t> with_address;    ///< invalidations of addresses
    std::map<std::uint16_t, std::uint64_t> without_address; ///< invalidations of all that an ASID has
};
named_asids asids_in_commands(const traces::recording& record, std::uint64_t first_order, std::uint64_t last_order);

} // namespace iommulab::conformance::smmu_v3
