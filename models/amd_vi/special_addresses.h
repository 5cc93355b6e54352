// SPDX-License-Identifier: Apache-2.0
// Addresses that are not memory: the interrupt range, and the range that HyperTransport reserves (publication 48882,
// 2.1.2.1, tables 2 and 3; 2.2.5). And translations that must not reach into them.
#pragma once

#include "models/amd_vi/device_table.h"
#include "models/amd_vi/spec/events.h"
#include "models/core/access.h"
#include "models/core/translation.h"

#include <cstdint>
#include <optional>

namespace iommulab::amd_vi {

struct address_range {
    std::uint64_t first = 0, last = 0; ///< inclusive

    [[nodiscard]] constexpr bool holds(std::uint64_t address) const { return address >= first && address <= last; }
    [[nodiscard]] constexpr bool touches(std::uint64_t base, std::uint64_t mask) const {
        return base <= last && (base | mask) >= first;
    }
};

/// Writes to it are interrupt messages.
inline constexpr address_range message_range{0xfee0'0000, 0xfeef'ffff};
inline constexpr address_range hypertransport_range{0xfd'0000'0000, 0xff'ffff'ffff};

/// What becomes of an access without a PASID by its address.
struct special_treatment {
    enum class what : std::uint8_t {
        translate, ///< nothing special
        forward,   ///< goes on as it is
        refuse,    ///< INVALID_DEVICE_REQUEST
    };
    what decided = what::translate;
    record::invalid_request reason = record::invalid_request::read_of_interrupt_range;
    address_range range{}; ///< for which this holds
};
special_treatment treat(const access& a, const device_configuration& c);

/// Makes `page` smaller, around `address`, until it lies in `range` if `address` does, and beside it otherwise.
void clip(translation& page, std::uint64_t address, const address_range& range);
/// The same for every special range.
void clip_to_special_ranges(translation& page, std::uint64_t address);
/// The largest aligned part of `range` around `address`, passed through as it is with `allowed`.
translation pass_within(std::uint64_t address, const address_range& range, std::uint8_t allowed);

} // namespace iommulab::amd_vi
