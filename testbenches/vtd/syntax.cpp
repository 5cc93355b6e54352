// SPDX-License-Identifier: Apache-2.0
#include "testbenches/vtd/syntax.h"

#include "testbenches/vtd/facts.h"

namespace iommulab::conformance::vtd {

command_effect syntax::decode(const traces::command_row& row) const {
    command_effect effect;
    const auto granularity = row.qword0 >> 4 & 3;
    switch (row.qword0 & 0xf) {
    case descriptor_context_cache: {
        effect.what = command_effect::kind::configuration;
        if (granularity != 3) { // global; of a domain: whose sources are not named
            effect.last_source = 0xffff;
            break;
        }
        const auto source = static_cast<std::uint32_t>(row.qword0 >> 32 & 0xffff);
        const std::uint32_t functions = (row.qword0 >> 48 & 3) != 0 ? 7 : 0; // FM
        effect.first_source = source & ~functions;
        effect.last_source = source | functions;
        break;
    }
    case descriptor_iotlb:
    case descriptor_pasid_iotlb:
        effect.what = command_effect::kind::invalidation;
        if (granularity != 1) {
            effect.space = static_cast<std::uint32_t>(row.qword0 >> 16 & 0xffff);
        }
        if (granularity == 3) {
            effect.all_addresses = false;
            effect.size_bytes = std::uint64_t{0x1000} << (row.qword1 & 0x3f); // AM
            effect.address = row.qword1 & address_mask & ~(effect.size_bytes - 1);
            effect.leaf_only = (row.qword1 >> 6 & 1) != 0; // IH
        }
        break;
    default:
        break;
    }
    return effect;
}

/// Paging entries are read one by one, each 8 bytes; so are PASID directory entries, and there a PASID table entry
/// follows. The emulator that made the recordings looks at these again and again, after the tables too.
std::vector<traces::table_read> syntax::table_reads(const std::vector<traces::table_read>& reads) const {
    std::vector<traces::table_read> tables;
    for (std::size_t n = 0; n < reads.size(); ++n) {
        const bool directory = n + 1 < reads.size() && reads[n + 1].size_bytes == pasid_entry_bytes;
        if (reads[n].size_bytes == 8 && !directory) {
            tables.push_back(reads[n]);
        }
    }
    return tables;
}

std::size_t syntax::configuration_reads(const std::vector<traces::table_read>& reads) const {
    return reads.size() - table_reads(reads).size();
}

/// Reasons of the root and context entries.
bool syntax::refused_by_configuration(const traces::dma_row& row) const {
    return table_reads(row.walk_reads).empty();
}

} // namespace iommulab::conformance::vtd
