// SPDX-License-Identifier: Apache-2.0
#include "testbenches/amd_vi/syntax.h"

#include "testbenches/amd_vi/facts.h"

#include <bit>

namespace iommulab::conformance::amd_vi {

command_effect syntax::decode(const traces::command_row& row) const {
    command_effect effect;
    const std::uint64_t address = row.qword1 & ~std::uint64_t{0xfff};
    const bool sized = (row.qword1 & 1) != 0, directories = (row.qword1 & 2) != 0;
    switch (row.qword0 >> 60) {
    case 2: // INVALIDATE_DEVTAB_ENTRY
        effect.what = command_effect::kind::configuration;
        effect.first_source = effect.last_source = static_cast<std::uint32_t>(row.qword0 & 0xffff);
        break;
    case 3: { // INVALIDATE_IOMMU_PAGES (2.4.3): with S the lowest zero of the address, from bit 12, tells the size
        effect.what = command_effect::kind::invalidation;
        effect.space = static_cast<std::uint32_t>(row.qword0 >> 32 & 0xffff);
        effect.leaf_only = !directories;
        const unsigned size_log2 = sized ? 13 + static_cast<unsigned>(std::countr_one(address >> 12)) : 12;
        effect.all_addresses = size_log2 >= 64;
        if (!effect.all_addresses) {
            effect.size_bytes = std::uint64_t{1} << size_log2;
            effect.address = address & ~(effect.size_bytes - 1);
        }
        break;
    }
    default: // INVALIDATE_IOMMU_ALL comes when nothing is mapped yet
        break;
    }
    return effect;
}

/// The device table entry, read as a whole.
std::size_t syntax::configuration_reads(const std::vector<traces::table_read>& reads) const {
    return !reads.empty() && reads.front().size_bytes == dte_bytes ? 1 : 0;
}

/// Recorded faults have no code: those whose walk reached no table.
bool syntax::refused_by_configuration(const traces::dma_row& row) const {
    return table_reads(row.walk_reads).empty();
}

/// Mode 0: at most the entry is read, and the address stays what it is.
bool syntax::untranslated(const traces::dma_row& row) const {
    return row.result == traces::recorded_result::bypass ||
           (row.result == traces::recorded_result::ok && row.pa == row.iova && table_reads(row.walk_reads).empty());
}

} // namespace iommulab::conformance::amd_vi
