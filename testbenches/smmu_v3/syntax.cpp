// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/syntax.h"

#include <cstddef>

namespace iommulab::conformance::smmu_v3 {

command_effect syntax::decode(const traces::command_row& row) const {
    const std::uint64_t qword0 = row.qword0, qword1 = row.qword1;
    command_effect effect;
    const auto source = static_cast<std::uint32_t>(qword0 >> 32);
    const auto asid = static_cast<std::uint16_t>(qword0 >> 48);
    const auto one_page = [&] {
        // 4.4.1: Leaf [64], TTL [73:72], TG [75:74]; with TG, range invalidation: (NUM [16:12] + 1) * 2^SCALE [24:20]
        // granules.
        const unsigned tg = qword1 >> 10 & 3;
        const std::uint64_t granule = tg == 0 || tg == 1 ? 4096 : tg == 2 ? 16384 : 65536;
        effect.all_addresses = false;
        effect.leaf_only = (qword1 & 1) != 0;
        effect.address = qword1 & ~(granule - 1);
        effect.size_bytes = tg == 0 ? granule : ((qword0 >> 12 & 0x1f) + 1) * granule << (qword0 >> 20 & 0x1f);
    };
    effect.what = command_effect::kind::invalidation;
    switch (qword0 & 0xff) {
    case 0x03: // CMD_CFGI_STE
    case 0x05: // CMD_CFGI_CD
    case 0x06: // CMD_CFGI_CD_ALL
        effect.what = command_effect::kind::configuration;
        effect.first_source = effect.last_source = source;
        break;
    case 0x04: { // CMD_CFGI_STE_RANGE: 2^(Range + 1) entries around the StreamID; 31 is CMD_CFGI_ALL
        effect.what = command_effect::kind::configuration;
        const std::uint64_t mask = (std::uint64_t{2} << (qword1 & 0x1f)) - 1;
        effect.first_source = static_cast<std::uint32_t>(source & ~mask);
        effect.last_source = static_cast<std::uint32_t>(effect.first_source | mask);
        break;
    }
    case 0x10: // CMD_TLBI_NH_ALL
    case 0x20: // CMD_TLBI_EL2_ALL
    case 0x28: // CMD_TLBI_S12_VMALL
    case 0x30: // CMD_TLBI_NSNH_ALL
        break;
    case 0x11: // CMD_TLBI_NH_ASID
    case 0x21: // CMD_TLBI_EL2_ASID
        effect.space = asid;
        break;
    case 0x12: // CMD_TLBI_NH_VA
    case 0x22: // CMD_TLBI_EL2_VA
        effect.space = asid;
        one_page();
        break;
    case 0x13: // CMD_TLBI_NH_VAA
    case 0x23: // CMD_TLBI_EL2_VAA
        one_page();
        break;
    default:
        effect.what = command_effect::kind::other;
        break;
    }
    return effect;
}

/// What comes before the last 64-byte read (of a stream table entry or a context descriptor), and that; a walk that
/// shows only a stream table's level 1 has no more of it.
std::size_t syntax::configuration_reads(const std::vector<traces::table_read>& reads) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < reads.size(); ++i) {
        if (reads[i].size_bytes == 64) {
            count = i + 1;
        }
    }
    return count;
}

/// C_..., or without a record: the faults of translations are F_...
bool syntax::refused_by_configuration(const traces::dma_row& row) const {
    return row.fault_code.find("_F_") == std::string::npos;
}

} // namespace iommulab::conformance::smmu_v3
