// SPDX-License-Identifier: Apache-2.0
#include "models/amd_vi/device_table.h"

#include "models/amd_vi/faults.h"
#include "models/amd_vi/spec/registers.h"

#include <span>

namespace iommulab::amd_vi {

namespace {

/// Bits that no feature of this model gives a meaning to (2.2.2.1): [6:2], HAD, [63]; [106]; [187] and the upper
/// quarter below AttrV are ignored, as the interrupt part is.
constexpr std::uint64_t reserved_word0 = 0x8000'0000'0000'01fc, reserved_word1 = std::uint64_t{1} << (106 - 64);
/// Those of the guest part, where there is no guest translation.
constexpr std::uint64_t guest_word0 = 0x1fc0'0000'0000'0000, guest_word1 = 0xffff'f800'ffff'0000;

constexpr unsigned GLX_reserved = 3, five_levels = 1;

bool refuse(bad_entry& why, bool reserved_bit) {
    why.reserved_bit = reserved_bit;
    return false;
}

/// The part of a valid entry that says how to translate.
bool decode_translation(std::span<const std::uint64_t, 4> w, const features& f, bool guest_translation,
                        device_configuration& c, bad_entry& why) {
    if ((w[0] & reserved_word0) || (w[1] & reserved_word1))
        return refuse(why, true);
    if (!f.gt && ((w[0] & guest_word0) || (w[1] & guest_word1)))
        return refuse(why, true);
    if ((!f.ppr && (dte::PPR.of(w) || dte::GPRP.of(w))) || (!f.guest_io && dte::GIoV.of(w)))
        return refuse(why, true);
    const auto mode = static_cast<unsigned>(dte::Mode.of(w));
    if (mode > f.host_levels || mode == dte::Mode_reserved)
        return refuse(why, false);
    c.domain = static_cast<std::uint16_t>(dte::DomainID.of(w));
    c.iotlb = dte::I.of(w) != 0;
    c.suppress_more = dte::SE.of(w) != 0;
    c.suppress_all = dte::SA.of(w) != 0;
    c.exclusion = dte::EX.of(w) != 0;
    c.page_requests = dte::PPR.of(w) != 0;
    c.port_io_control = static_cast<std::uint8_t>(dte::IoCtl.of(w));
    c.system_management = static_cast<std::uint8_t>(dte::SysMgt.of(w));
    c.host.root = dte::HostPageTableRootPtr.of(w[0]);
    c.host.levels = static_cast<std::uint8_t>(mode);
    c.host.allowed = amd_v1::rights_of(dte::IR.of(w) != 0, dte::IW.of(w) != 0);
    c.host.tag.vm = c.domain;
    c.host.tag.regime = static_cast<std::uint8_t>(regime::rights_of_entry.make(dte::IR.of(w) | dte::IW.of(w) << 1) |
                                                  regime::Mode.make(mode));
    c.what = mode == dte::Mode_none ? device_configuration::action::check : device_configuration::action::translate;
    if (!guest_translation || !dte::GV.of(w))
        return true;
    const auto levels = static_cast<unsigned>(dte::GLX.of(w)) + 1;
    const auto paging = static_cast<unsigned>(dte::GuestPagingMode.of(w));
    if (dte::GLX.of(w) == GLX_reserved || levels > f.gcr3_levels || paging > five_levels ||
        paging + extended_feature::levels_of_0 > f.guest_levels)
        return refuse(why, false);
    c.guest = true;
    c.guest_always = dte::GIoV.of(w) != 0;
    c.gcr3_levels = static_cast<std::uint8_t>(levels);
    c.guest_levels = static_cast<std::uint8_t>(paging + extended_feature::levels_of_0);
    c.gcr3_table = dte::guest_cr3_table(w);
    return true;
}

} // namespace

bool decode(std::span<const std::uint64_t, 4> w, const features& f, bool guest_translation, device_configuration& c,
            bad_entry& why) {
    c = {};
    if (!dte::V.of(w))
        return true;
    c.interrupts_mapped = dte::IV.of(w) != 0;
    c.interrupt_control = static_cast<std::uint8_t>(dte::IntCtl.of(w));
    c.what = device_configuration::action::no_tables;
    return !dte::TV.of(w) || decode_translation(w, f, guest_translation, c, why);
}

device_table device_table::of(std::uint64_t r) {
    return {.base = device_table_base::DevTabBase.of(r),
            .bytes = (device_table_base::Size.of(r) + 1) * device_table_base::size_unit_bytes};
}

walk<bool> fetch_configuration(walk_context& context, const configuration_source& source, const access& a,
                               device_configuration& into, fault& why) {
    if (!source.table.holds(a.source_id)) {
        why = illegal_device_table_entry(a, {});
        co_return false;
    }
    const std::uint64_t address = source.table.base + std::uint64_t{a.source_id} * dte::bytes;
    const auto words = co_await context.read_words(time_part::configuration_fetch, address, dte::bytes);
    if (!words) {
        why = device_table_error(a, address);
        co_return false;
    }
    bad_entry bad;
    if (!decode(std::span(*words).first<4>(), source.feature, source.guest_translation, into, bad)) {
        why = illegal_device_table_entry(a, bad);
        co_return false;
    }
    co_return true;
}

} // namespace iommulab::amd_vi
