// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/image.h"

#include "testbenches/smmu_v3/facts.h"

namespace iommulab::conformance::smmu_v3 {

namespace {

// SMMU_STRTAB_BASE_CFG (6.3.25): LOG2SIZE [5:0], SPLIT [10:6], FMT [17:16].
unsigned log2size(std::uint32_t cfg) {
    return cfg & 0x3f;
}
unsigned split(std::uint32_t cfg) {
    return cfg >> 6 & 0x1f;
}
bool two_levels(std::uint32_t cfg) {
    return (cfg >> 16 & 3) == 1;
}

} // namespace

std::uint64_t stage_1_stream::root() const {
    return cd[1] & CD_TTB_mask;
}

std::uint16_t stage_1_stream::asid() const {
    return static_cast<std::uint16_t>(cd[0] >> 48);
}

snapshot_image::snapshot_image(const traces::snapshot& state)
    : order_(state.order),
      strtab_base_(state.register64(STRTAB_BASE) & strtab_address_mask),
      strtab_base_cfg_(state.register32(STRTAB_BASE_CFG)),
      memory_(state),
      stream_table_pages_(memory_.pages_of("strtab")) {}

eight_words snapshot_image::words(std::uint64_t address) const {
    eight_words values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = word(address + 8 * i);
    }
    return values;
}

std::optional<std::uint64_t> snapshot_image::level_1_address(std::uint32_t source_id) const {
    if (!two_levels(strtab_base_cfg_)) {
        return std::nullopt;
    }
    return strtab_base_ + 8 * (std::uint64_t{source_id} >> split(strtab_base_cfg_));
}

std::optional<std::uint64_t> snapshot_image::ste_address(std::uint32_t source_id) const {
    if (log2size(strtab_base_cfg_) < 32 && source_id >> log2size(strtab_base_cfg_) != 0) {
        return std::nullopt;
    }
    const auto level_1 = level_1_address(source_id);
    if (!level_1) {
        return strtab_base_ + source_id * ste_bytes;
    }
    // Level 1 descriptor (5.1): Span [4:0], 2^(Span-1) entries, and L2Ptr.
    const std::uint64_t descriptor = word(*level_1);
    const unsigned span = descriptor & 0x1f;
    const std::uint64_t index = source_id & ((std::uint64_t{1} << split(strtab_base_cfg_)) - 1);
    if (span == 0 || index >= std::uint64_t{1} << (span - 1)) {
        return std::nullopt;
    }
    return (descriptor & strtab_address_mask) + index * ste_bytes;
}

std::optional<stage_1_stream> snapshot_image::stream(std::uint32_t source_id) const {
    const auto place = ste_address(source_id);
    if (!place) {
        return std::nullopt;
    }
    stage_1_stream found;
    found.ste = words(*place);
    if ((found.ste[0] & STE_V) == 0 || (found.ste[0] >> STE_Config_shift & 7) != STE_Config_s1) {
        return std::nullopt;
    }
    found.cd_address = found.ste[0] & STE_S1ContextPtr_mask;
    // 5.2: with S1CDMax > 0 and S1Fmt != 0 the pointer is to level 1 descriptors, L2Ptr [51:12] (5.3).
    if (found.ste[0] >> 59 != 0 && (found.ste[0] >> 4 & 3) != 0) {
        found.cd_address = word(found.cd_address) & 0x000ffffffffff000;
    }
    found.cd = words(found.cd_address);
    return found;
}

} // namespace iommulab::conformance::smmu_v3
