// SPDX-License-Identifier: Apache-2.0
// What entries make of an access: the rules of the PAMU as pure functions.
#pragma once

#include "models/core/translation.h"
#include "models/pamu/spec/paace.h"
#include "models/pamu/spec/registers.h"

#include <array>
#include <cstdint>

namespace iommulab::pamu {

/// Why an access is refused: the status bits of AVS1; 0: it is not.
using refusal = std::uint32_t;
constexpr refusal because(const bit_field& field, std::uint64_t code) {
    return static_cast<refusal>(avs1::AV.make(1) | field.make(code));
}

/// The window of a primary entry, and the part of it in which an address lies.
struct window {
    unsigned log2_bytes = 0;     ///< of the window, or of a subwindow when there are any
    std::uint64_t base = 0;      ///< of that part
    bool divided = false;        ///< into subwindows
    std::uint32_t subwindow = 0; ///< 0: the primary entry itself says what happens
    std::uint32_t secondary = 0; ///< index of the entry of another subwindow
};

/// Is the primary entry valid, and does its window cover the address?
refusal locate(const paace::words& primary, std::uint64_t address, unsigned most_subwindows_log2, window& w);
/// Is it a valid secondary entry of this LIODN?
refusal check_secondary(const paace::words& entry, std::uint32_t liodn);
/// What the entry (primary or secondary) allows and where it leads. `t` gets all but its tag.
refusal authorize(const paace::words& entry, const window& w, const access& a, translation& t);

/// How the operation of an access is mapped.
struct operation_mapping {
    enum class kind : std::uint8_t { pass, mapped, look_up };
    kind what = kind::pass;
    std::uint8_t operation = 0; ///< mapped: towards memory
    std::uint32_t index = 0;    ///< look_up: of the table's entry
};
/// The place of the access' operation in an OME: reads and writes.
constexpr unsigned operation_of(const access& a) {
    return a.write ? ioe::write : ioe::read;
}
refusal map_operation(const paace::words& entry, const access& a, operation_mapping& m);
/// `line`: the first 64 bytes of the OME, as they lie in memory.
refusal look_up_operation(const std::array<std::uint64_t, 8>& line, const access& a, operation_mapping& m);

} // namespace iommulab::pamu
