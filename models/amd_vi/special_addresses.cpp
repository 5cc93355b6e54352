// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/special_addresses.h"

#include <array>

namespace iommulab::amd_vi {

namespace {

using what = special_treatment::what;
using record::invalid_request;

/// Who decides about a part of the reserved range.
enum class owner : std::uint8_t { interrupts, reserved_interrupts, system_management, port_io, nobody };
struct part {
    address_range range;
    owner decides;
};
/// Table 3: special address controls.
constexpr std::array parts{
    part{{0xfd'0000'0000, 0xfd'f7ff'ffff}, owner::reserved_interrupts},
    part{{0xfd'f800'0000, 0xfd'f8ff'ffff}, owner::interrupts},
    part{{0xfd'f900'0000, 0xfd'f90f'ffff}, owner::reserved_interrupts}, // interrupt acknowledge of the legacy PIC
    part{{0xfd'f910'0000, 0xfd'f91f'ffff}, owner::system_management},
    part{{0xfd'f920'0000, 0xfd'fbff'ffff}, owner::nobody},
    part{{0xfd'fc00'0000, 0xfd'fdff'ffff}, owner::port_io},
    part{{0xfd'fe00'0000, 0xff'ffff'ffff}, owner::nobody}, // configuration space, messages, reserved
};

constexpr unsigned log2_smallest_page = 12;

/// IoCtl, IntCtl and SysMgt have like encodings (2.2.2.1).
constexpr unsigned control_denied = 0, control_forwarded = 1, control_other = 2;

special_treatment refusal(invalid_request reason, const address_range& range) {
    return {what::refuse, reason, range};
}

special_treatment interrupt(const access& a, const device_configuration& c, const address_range& range) {
    if (!a.write)
        return refusal(invalid_request::read_of_interrupt_range, range);
    if (c.interrupts_mapped && c.interrupt_control == control_denied)
        return refusal(invalid_request::interrupt_denied, range);
    return {what::forward, {}, range};
}

special_treatment of_part(const part& p, const access& a, const device_configuration& c) {
    switch (p.decides) {
    case owner::interrupts:
        return interrupt(a, c, p.range);
    case owner::reserved_interrupts:
        return refusal(a.write ? invalid_request::reserved_interrupt : invalid_request::read_of_interrupt_range,
                       p.range);
    case owner::system_management:
        if (c.system_management == control_denied || (c.system_management <= control_other && !a.write))
            return refusal(invalid_request::system_management_denied, p.range);
        return {c.system_management <= control_other ? what::forward : what::translate, {}, p.range};
    case owner::port_io:
        if (c.port_io_control != control_forwarded && c.port_io_control != control_other)
            return refusal(invalid_request::port_io, p.range);
        return {c.port_io_control == control_forwarded ? what::forward : what::translate, {}, p.range};
    default:
        return refusal(a.write ? invalid_request::posted_write_to_reserved : invalid_request::invalid_read, p.range);
    }
}

} // namespace

special_treatment treat(const access& a, const device_configuration& c) {
    if (message_range.holds(a.address))
        return interrupt(a, c, message_range);
    if (hypertransport_range.holds(a.address))
        for (const part& p : parts)
            if (p.range.holds(a.address))
                return of_part(p, a, c);
    return {};
}

void clip(translation& page, std::uint64_t address, const address_range& range) {
    const bool inside = range.holds(address);
    const auto fits = [&] {
        const std::uint64_t first = page.input_base, last = first | page.offset_mask();
        return inside ? range.holds(first) && range.holds(last) : !range.touches(first, page.offset_mask());
    };
    while (page.log2_size > log2_smallest_page && !fits())
        page.cut(address, page.log2_size - 1U);
}

void clip_to_special_ranges(translation& page, std::uint64_t address) {
    clip(page, address, message_range);
    if (hypertransport_range.touches(page.input_base, page.offset_mask()))
        for (const part& p : parts)
            clip(page, address, p.range);
}

translation pass_within(std::uint64_t address, const address_range& range, std::uint8_t allowed) {
    translation t;
    const auto fits = [&](unsigned log2_size) {
        const std::uint64_t mask = (std::uint64_t{1} << log2_size) - 1;
        return (address & ~mask) >= range.first && (address | mask) <= range.last;
    };
    while (t.log2_size < 63 && fits(t.log2_size + 1U))
        ++t.log2_size;
    t.input_base = t.output_base = address & ~t.offset_mask();
    t.allowed = allowed;
    t.bypassed = true;
    t.tag.regime = regime::bypass;
    return t;
}

} // namespace iommulab::amd_vi
