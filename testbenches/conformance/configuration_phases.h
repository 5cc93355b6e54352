// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "traces/recording.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace iommulab::conformance {

/// What a command does, as far as the replay needs to know.
struct command_effect {
    enum class kind { configuration, invalidation, other };
    kind what = kind::other;
    // Configuration: the sources from first to last.
    std::uint32_t first_source = 0;
    std::uint32_t last_source = 0;
    // Invalidation of translations: of one address space (ASID, domain) or of all, of a range of addresses or of all.
    std::optional<std::uint32_t> space;
    bool all_addresses = true;
    std::uint64_t address = 0;
    std::uint64_t size_bytes = 0;
    bool leaf_only = false;
};

/// How a recording of one IOMMU is to be read.
class recording_syntax {
  public:
    virtual ~recording_syntax() = default;
    virtual command_effect decode(const traces::command_row& row) const = 0;
    /// How many reads at the beginning of a walk are of the configuration.
    virtual std::size_t configuration_reads(const std::vector<traces::table_read>& reads) const = 0;
    /// A fault that the configuration decided, and no table.
    virtual bool refused_by_configuration(const traces::dma_row& row) const = 0;
    /// The access went through without tables.
    virtual bool untranslated(const traces::dma_row& row) const {
        return row.result == traces::recorded_result::bypass;
    }

    /// The part of a walk's reads that is of translation tables: all after those of the configuration.
    virtual std::vector<traces::table_read> table_reads(const std::vector<traces::table_read>& reads) const {
        return {reads.begin() + static_cast<std::ptrdiff_t>(configuration_reads(reads)), reads.end()};
    }
};

/// A stretch of a recording in which one source's configuration stays the same: from one command that invalidates the
/// configuration to the next.
struct configuration_phase {
    bool used = false;       ///< the source makes accesses in it
    bool translated = false; ///< else they bypass translation
    std::uint64_t first_order = 0;
    std::uint64_t last_order = 0;
    std::optional<std::uint64_t> root;             ///< the first table, as a recorded walk shows it
    std::vector<traces::table_read> configuration; ///< the reads before it, of the first walk that has them
};

/// All phases of all sources, from one pass over a recording's commands and accesses.
std::map<std::uint32_t, std::vector<configuration_phase>> find_phases(const traces::recording& record,
                                                                      const recording_syntax& syntax);

/// How often the commands in an interval of order name each address space.
struct named_spaces {
    std::map<std::uint32_t, std::uint64_t> with_address;    ///< invalidations of addresses
    std::map<std::uint32_t, std::uint64_t> without_address; ///< invalidations of all that a space has
};
named_spaces spaces_in_commands(const traces::recording& record, const recording_syntax& syntax,
                                std::uint64_t first_order, std::uint64_t last_order);

} // namespace iommulab::conformance
