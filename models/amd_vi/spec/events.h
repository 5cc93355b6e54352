// SPDX-License-Identifier: Apache-2.0
// Event log entries: publication 48882, 2.5; PPR log entries: 2.6. 16 bytes each, bits numbered over the whole entry.
#pragma once

#include "models/core/bit_field.h"

#include <cstdint>
#include <span>
#include <string>

namespace iommulab::amd_vi {

/// Bits 63:60 of an event.
enum class event : std::uint8_t {
    none = 0,
    ILLEGAL_DEV_TABLE_ENTRY = 0x1,
    IO_PAGE_FAULT = 0x2,
    DEV_TAB_HARDWARE_ERROR = 0x3,
    PAGE_TAB_HARDWARE_ERROR = 0x4,
    ILLEGAL_COMMAND_ERROR = 0x5,
    COMMAND_HARDWARE_ERROR = 0x6,
    IOTLB_INV_TIMEOUT = 0x7,
    INVALID_DEVICE_REQUEST = 0x8,
    INVALID_PPR_REQUEST = 0x9,
    EVENT_COUNTER_ZERO = 0xa,
};

/// The manual's name of an event, or nullptr.
const char* name_of(event e);

namespace record {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field EventCode{"EventCode", 60, 4}, DeviceID{"DeviceID", 0, 16},
    PASID_19_16{"PASID[19:16]", 16, 4}, DomainID{"DomainID", 32, 16}, ///< or PASID[15:0], with GN
    PASID_15_0{"PASID[15:0]", 32, 16};
/// Flags; which of them an event has is in its section.
inline constexpr bit_field GN{"GN", 48, 1},            ///< the address is a guest virtual one, and there is a PASID
    NX{"NX", 49, 1},                                   ///< execute was requested
    US{"US", 50, 1},                                   ///< user privileges
    I{"I", 51, 1},                                     ///< an interrupt request
    PR{"PR", 52, 1},                                   ///< the translation was present
    RW{"RW", 53, 1},                                   ///< 1: write
    PE{"PE", 54, 1},                                   ///< the device does not have the right
    RZ{"RZ", 55, 1},                                   ///< 1: a reserved bit was not zero; 0: an illegal level encoding
    TR{"TR", 56, 1};                                   ///< a translation request
inline constexpr bit_field ErrorType{"Type", 57, 2};   ///< of the three hardware errors
inline constexpr bit_field RequestType{"Type", 57, 3}; ///< of INVALID_DEVICE_REQUEST
inline constexpr bit_field Address{"Address", 64, 64};
/// The flags' places among bits 59:48, as logs print them.
inline constexpr bit_field Flags{"Flags", 48, 12};

/// ErrorType (2.5.4).
enum class hardware_error : std::uint8_t { reserved = 0, master_abort = 1, target_abort = 2, data_error = 3 };

/// RequestType (2.5.9).
enum class invalid_request : std::uint8_t {
    read_of_interrupt_range = 0,  ///< or non-posted write
    pretranslated = 1,            ///< and DTE.I = 0 or V = 0
    port_io = 2,                  ///< DTE.IoCtl = 0
    posted_write_to_reserved = 3, ///< invalid address range
    invalid_read = 4,             ///< or non-posted write
    interrupt_denied = 5,         ///< posted write to the interrupt range, DTE.IntCtl = 0
    reserved_interrupt = 6,       ///< posted write to a reserved interrupt range
    system_management_denied = 7, ///< DTE.SysMgt forbids it
};
} // namespace record

/// A page request, 2.6.2.
namespace page_request {
inline constexpr unsigned bytes = 16;
inline constexpr bit_field DeviceID{"DeviceID", 0, 16}, PASID_15_0{"PASID[15:0]", 16, 16}, Tag{"Tag", 32, 10},
    PASID_19_16{"PASID[19:16]", 42, 4}, NX{"NX", 49, 1}, Read{"R", 50, 1}, Write{"W", 53, 1}, User{"US", 54, 1},
    RZ{"RZ", 55, 1}, GN{"GN", 56, 1}, PPRCode{"PPRCode", 60, 4};
inline constexpr address_field Address{"Address", 12, 52}; // in word 1
/// PPRCode of PAGE_SERVICE_REQUEST.
inline constexpr unsigned PAGE_SERVICE_REQUEST = 1;
} // namespace page_request

/// An event in words: "IO_PAGE_FAULT DeviceID=0x10 DomainID=0x1 write PE PR Address=0x5000"; for logs and results.
std::string describe_event(std::span<const std::uint64_t> words);

} // namespace iommulab::amd_vi
