// SPDX-License-Identifier: Apache-2.0
// The checks that make a Context descriptor or the stage 2 half of a Stream table entry ILLEGAL.
#include "testbenches/pagetables/vmsa_reference.h"

#include <algorithm>

namespace iommulab::reference {
namespace {

// IHI 0070 5.4 CD.T0SZ and 5.2 STE.S2T0SZ; the upper bound grows with IDR3.STT.
unsigned largest_tsz(granule_size granule, const features& implemented) {
    if (!implemented.small_translation_tables)
        return 39;
    return granule == granule_size::kib64 ? 47 : 48;
}

bool beyond(std::uint64_t address, unsigned size_bits) {
    return (address >> size_bits) != 0;
}

std::string range_error(const char* name, std::uint64_t ttb, unsigned tsz, granule_size granule, unsigned ips_bits,
                        const features& implemented) {
    const unsigned smallest = granule == granule_size::kib64 && implemented.va_52 ? 12 : 16;
    if (tsz < smallest || tsz > largest_tsz(granule, implemented))
        return std::string(name) + ": T0SZ or T1SZ out of range: " + std::to_string(tsz);
    if (beyond(ttb, effective_output_bits(ips_bits, granule, implemented)))
        return std::string(name) + " beyond the effective IPS";
    return {};
}

} // namespace

unsigned effective_output_bits(unsigned configured_bits, granule_size granule, const features& implemented) {
    const unsigned capped = std::min(configured_bits, implemented.oas_bits);
    return granule == granule_size::kib64 ? capped : std::min(capped, 48u);
}

unsigned stage1_start_level(granule_size granule, unsigned tsz) {
    const unsigned page = static_cast<unsigned>(granule);
    const unsigned per_level = page - 3;
    const unsigned to_resolve = 64 - tsz - page;
    const unsigned levels = (to_resolve + per_level - 1) / per_level;
    return 4 - levels;
}

std::optional<unsigned> stage2_start_level(granule_size granule, unsigned s2sl0, const features& implemented) {
    if (granule == granule_size::kib4) {
        if (s2sl0 == 3)
            return implemented.small_translation_tables ? std::optional<unsigned>(3) : std::nullopt;
        if (s2sl0 == 2 && implemented.oas_bits < 44)
            return std::nullopt;
        return 2 - s2sl0;
    }
    const unsigned needed_oas = granule == granule_size::kib16 ? 42 : 44;
    if (s2sl0 >= 3 || (s2sl0 == 2 && implemented.oas_bits < needed_oas))
        return std::nullopt;
    return 3 - s2sl0;
}

std::string configuration_error(const stage1_context& context, const features& implemented) {
    // The fields of a range whose walks are disabled are IGNORED.
    if (!context.epd0) {
        auto error = range_error("TTB0", context.ttb0, context.t0sz, context.tg0, context.ips_bits, implemented);
        if (!error.empty())
            return error;
    }
    if (!context.epd1 && !context.one_va_range)
        return range_error("TTB1", context.ttb1, context.t1sz, context.tg1, context.ips_bits, implemented);
    return {};
}

std::string configuration_error(const stage2_context& context, const features& implemented) {
    const granule_size granule = context.s2tg;
    const unsigned absolute = granule == granule_size::kib64 && implemented.oas_bits == 52 ? 12u : 16u;
    const unsigned smallest = std::max(absolute, 64 - implemented.ias_bits);
    if (context.s2t0sz < smallest || context.s2t0sz > largest_tsz(granule, implemented))
        return "S2T0SZ out of range: " + std::to_string(context.s2t0sz);
    const auto level = stage2_start_level(granule, context.s2sl0, implemented);
    if (!level)
        return "S2SL0 reserved for this granule and OAS: " + std::to_string(context.s2sl0);
    // Arm ARM D8.2: at least one bit for the first table, at most a full table and 16 of them side by side.
    const unsigned page = static_cast<unsigned>(granule);
    const unsigned below = page + (3 - *level) * (page - 3);
    const unsigned input_bits = 64 - context.s2t0sz;
    if (input_bits < below + 1 || input_bits > below + (page - 3) + 4)
        return "S2SL0 inconsistent with S2T0SZ";
    if (beyond(context.s2ttb, effective_output_bits(context.s2ps_bits, granule, implemented)))
        return "S2TTB beyond the effective S2PS";
    return {};
}

} // namespace iommulab::reference
