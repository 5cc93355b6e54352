// SPDX-License-Identifier: Apache-2.0
// Legal STEs and CDs for tests to spoil.
#pragma once

#include "models/smmu_v3/features.h"
#include "models/smmu_v3/spec/context_descriptor.h"
#include "models/smmu_v3/spec/stream_table_entry.h"

#include <array>
#include <cstdint>

namespace iommulab::smmu_v3 {

using entry_words = std::array<std::uint64_t, 8>;

inline id_registers everything() {
    return {};
}

inline entry_words stage1_ste(std::uint64_t context_pointer) {
    entry_words w{};
    ste::V.put(w, 1);
    ste::Config.put(w, 5);
    w[0] = ste::S1ContextPtr.put(w[0], context_pointer);
    return w;
}

/// 4K granule, 40 bits of IPA from level 1.
inline void add_stage2(entry_words& w, std::uint64_t ttb) {
    ste::Config.put(w, ste::Config.of(w) | ste::Config_stage2);
    ste::S2T0SZ.put(w, 24);
    ste::S2SL0.put(w, 1);
    ste::S2PS.put(w, 5);
    ste::S2AA64.put(w, 1);
    ste::S2R.put(w, 1);
    w[3] = ste::S2TTB.put(w[3], ttb);
}

inline entry_words stage2_ste(std::uint64_t ttb) {
    entry_words w{};
    ste::V.put(w, 1);
    ste::Config.put(w, 4);
    add_stage2(w, ttb);
    return w;
}

inline entry_words plain_cd(std::uint64_t ttb0 = 0x100000) {
    entry_words w{};
    cd::V.put(w, 1);
    cd::AA64.put(w, 1);
    cd::T0SZ.put(w, 16);
    cd::EPD1.put(w, 1);
    cd::IPS.put(w, 5);
    cd::A.put(w, 1);
    cd::R.put(w, 1);
    cd::ASID.put(w, 7);
    w[1] = cd::TTB0.put(w[1], ttb0);
    return w;
}

inline id_registers with(std::uint32_t id_registers::*word, const bit_field& f, std::uint64_t value) {
    id_registers id;
    id.*word = static_cast<std::uint32_t>(f.put(id.*word, value));
    return id;
}

template <class Words>
Words changed(Words w, const bit_field& f, std::uint64_t value) {
    f.put(w, value);
    return w;
}

} // namespace iommulab::smmu_v3
