// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/configuration_words.h"

namespace iommulab::reference {
namespace {

std::uint64_t at(std::uint64_t value, unsigned position) {
    return value << position;
}

// CD.IPS, STE.S2PS.
std::uint64_t size_code(unsigned size_bits) {
    constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52};
    for (unsigned code = 0; code < 7; ++code) {
        if (sizes[code] >= size_bits)
            return code;
    }
    return 6;
}

// CD.TG0 and STE.S2TG share an encoding; CD.TG1 has its own.
std::uint64_t tg0_code(granule_size granule) {
    return granule == granule_size::kib4 ? 0 : granule == granule_size::kib64 ? 1 : 2;
}
std::uint64_t tg1_code(granule_size granule) {
    return granule == granule_size::kib16 ? 1 : granule == granule_size::kib4 ? 2 : 3;
}

} // namespace

configuration_words encode_context_descriptor(const stage1_context& c, bool stall, bool record) {
    configuration_words words{};
    constexpr std::uint64_t write_back = 1;
    constexpr std::uint64_t inner_shareable = 3;
    words[0] = at(c.t0sz, 0) | at(tg0_code(c.tg0), 6) | at(write_back, 8) | at(write_back, 10) |
               at(inner_shareable, 12) | at(c.epd0, 14) | at(c.t1sz, 16) | at(tg1_code(c.tg1), 22) |
               at(write_back, 24) | at(write_back, 26) | at(inner_shareable, 28) | at(c.epd1, 30) | at(1, 31) |
               at(size_code(c.ips_bits), 32) | at(c.affd, 35) | at(c.wxn, 36) | at(c.tbi0, 38) | at(c.tbi1, 39) |
               at(c.pan, 40) | at(1, 41) | at(c.hd, 42) | at(c.ha, 43) | at(stall, 44) | at(record, 45) | at(1, 46) |
               at(1, 47) | at(c.asid, 48);
    words[1] = at(c.had0, 1) | (c.ttb0 & 0x000f'ffff'ffff'fff0);
    words[2] = at(c.had1, 1) | (c.ttb1 & 0x000f'ffff'ffff'fff0);
    words[3] = ~std::uint64_t{0};
    return words;
}

configuration_words encode_stream_table_entry(const stage1_context* stage1, std::uint64_t cd_address,
                                              const stage2_context* stage2, bool stall, bool record) {
    configuration_words words{};
    words[0] = at(1, 0) | at(0b100 | (stage2 ? 0b010 : 0) | (stage1 ? 0b001 : 0), 1);
    words[1] = at(0b01, 44); // SHCFG: use incoming
    if (stage1) {
        words[0] |= cd_address & 0x000f'ffff'ffff'ffc0;
        words[1] |= at(1, 2) | at(1, 4) | at(3, 6) | at(stage1->one_va_range ? 0b10 : 0, 30);
    }
    if (stage2) {
        words[2] = at(stage2->vmid, 0) | at(stage2->s2t0sz, 32) | at(stage2->s2sl0, 38) | at(1, 40) | at(1, 42) |
                   at(3, 44) | at(tg0_code(stage2->s2tg), 46) | at(size_code(stage2->s2ps_bits), 48) | at(1, 51) |
                   at(stage2->s2affd, 53) | at(stage2->s2ptw, 54) | at(stage2->s2hd, 55) | at(stage2->s2ha, 56) |
                   at(stall, 57) | at(record, 58);
        words[3] = stage2->s2ttb & 0x000f'ffff'ffff'fff0;
    }
    return words;
}

} // namespace iommulab::reference
