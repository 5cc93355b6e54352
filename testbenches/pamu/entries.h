// SPDX-License-Identifier: Apache-2.0
// Table entries of a PAMU for tests: made of what they mean.
#pragma once

#include "models/pamu/spec/paace.h"

#include <cstdint>

namespace iommulab::harness {

/// A valid primary entry: reads and writes of a window that leads to `to`.
inline pamu::paace::words primary_entry(std::uint64_t base, unsigned log2_bytes, std::uint64_t to,
                                        std::uint64_t allowed = pamu::paace::all) {
    namespace paace = pamu::paace;
    paace::words w{};
    paace::V.put(w, 1);
    paace::AP.put(w, allowed);
    paace::WSE.put(w, paace::size_code_of(log2_bytes));
    paace::WBAL.put(w, base >> 12);
    paace::WBAH.put(w, base >> 32);
    paace::ATM.put(w, paace::window);
    paace::TWBAL.put(w, to >> 12);
    paace::TWBAH.put(w, to >> 32);
    paace::CR.put(w, 1);
    return w;
}

/// The same, divided into 2^count_log2 subwindows, of which the first leads to `to`.
inline pamu::paace::words divided_entry(std::uint64_t base, unsigned log2_bytes, unsigned count_log2,
                                        std::uint32_t first_secondary, std::uint64_t to, unsigned used_log2) {
    namespace paace = pamu::paace;
    paace::words w = primary_entry(base, log2_bytes, to);
    paace::MW.put(w, 1);
    paace::WCE.put(w, count_log2 - 1);
    paace::FSPI.put(w, first_secondary);
    paace::SWSE.put(w, paace::size_code_of(used_log2));
    return w;
}

inline pamu::paace::words secondary_entry(std::uint32_t liodn, std::uint64_t to, unsigned used_log2,
                                          std::uint64_t allowed = pamu::paace::all) {
    namespace paace = pamu::paace;
    paace::words w{};
    paace::V.put(w, 1);
    paace::PT.put(w, paace::secondary);
    paace::LIODN.put(w, liodn);
    paace::AP.put(w, allowed);
    paace::ATM.put(w, paace::window);
    paace::TWBAL.put(w, to >> 12);
    paace::TWBAH.put(w, to >> 32);
    paace::SWSE.put(w, paace::size_code_of(used_log2));
    paace::CR.put(w, 1);
    return w;
}

} // namespace iommulab::harness
