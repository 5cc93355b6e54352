// SPDX-License-Identifier: Apache-2.0
// What software says of a device: its device table entry, checked and decoded (publication 48882, 2.2.2). No SystemC.
#pragma once

#include "models/amd_vi/features.h"
#include "models/amd_vi/spec/device_table_entry.h"
#include "models/amd_vi/spec/events.h"
#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/core/walk.h"
#include "models/core/walk_context.h"
#include "models/pagetables/amd_v1_walk.h"

#include <cstdint>
#include <span>

namespace iommulab::amd_vi {

/// Values of translation_tag::regime. Translations of one domain whose entries grant different rights, or have tables
/// of other depths, must not share TLB entries, though the architecture asks software for equal ones (2.2.2.1,
/// DomainID). The bits above `guest` tell them apart; commands know only `guest`.
namespace regime {
inline constexpr std::uint8_t bypass = 0x80; ///< of translations that no table made: no page invalidation means them
inline constexpr std::uint8_t guest = 0x01;  ///< by a PASID: guest virtual addresses
inline constexpr std::uint8_t kind_mask = bypass | guest;
inline constexpr bit_field rights_of_entry{"IR, IW", 1, 2}, Mode{"Mode", 3, 3};
} // namespace regime

/// What a cache of device table entries holds.
struct device_configuration {
    enum class action : std::uint8_t {
        pass,      ///< V = 0: everything goes through
        no_tables, ///< V = 1, TV = 0: what would need a walk is refused
        check,     ///< Mode = 0: no translation, rights of the entry
        translate,
    };
    action what = action::pass;
    bool guest = false;                 ///< GV: requests with a PASID are guest virtual
    bool guest_always = false;          ///< GIoV: those without one are, of PASID 0
    bool iotlb = false;                 ///< I
    bool suppress_more = false;         ///< SE
    bool suppress_all = false;          ///< SA
    bool exclusion = false;             ///< EX
    bool page_requests = false;         ///< PPR
    bool interrupts_mapped = false;     ///< IV
    std::uint8_t interrupt_control = 0; ///< IntCtl
    std::uint8_t port_io_control = 0;   ///< IoCtl
    std::uint8_t system_management = 0; ///< SysMgt
    std::uint8_t gcr3_levels = 1;       ///< GLX + 1
    std::uint8_t guest_levels = 4;      ///< GuestPagingMode
    std::uint16_t domain = 0;
    std::uint64_t gcr3_table = 0;
    amd_v1::host_tables host;

    /// By host tables alone, when a request has no PASID?
    [[nodiscard]] bool translates_plainly() const { return what == action::translate && !(guest && guest_always); }
};

/// An entry that can't be used: whether a reserved bit was at fault (RZ), or an encoding.
struct bad_entry {
    bool reserved_bit = false;
};

/// Checks and decodes an entry. False: ILLEGAL_DEV_TABLE_ENTRY (2.5.2), `why` says of what kind. `guest_translation`:
/// Control.GTEn.
bool decode(std::span<const std::uint64_t, 4> words, const features& f, bool guest_translation,
            device_configuration& into, bad_entry& why);

/// Where the table is: DeviceTableBase, decoded (3.4.1).
struct device_table {
    std::uint64_t base = 0;
    std::uint64_t bytes = 0;

    static device_table of(std::uint64_t register_value);
    [[nodiscard]] bool holds(std::uint32_t device_id) const {
        return (std::uint64_t{device_id} + 1) * dte::bytes <= bytes;
    }
};

/// All that finding a configuration depends on.
struct configuration_source {
    const features& feature;
    device_table table;
    bool guest_translation = false; ///< Control.GTEn
};

/// Reads the configuration of `a`'s device from memory. False: refused, `why` says what to record.
walk<bool> fetch_configuration(walk_context& context, const configuration_source& source, const access& a,
                               device_configuration& into, fault& why);

} // namespace iommulab::amd_vi
