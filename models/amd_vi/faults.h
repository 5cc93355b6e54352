// SPDX-License-Identifier: Apache-2.0
// From what went wrong to the event log entry: publication 48882, 2.5. No SystemC.
#pragma once

#include "models/amd_vi/device_table.h"
#include "models/amd_vi/spec/events.h"
#include "models/core/access.h"
#include "models/core/translation.h"
#include "models/pagetables/amd_v1_walk.h"

#include <cstdint>

namespace iommulab::amd_vi {

/// ILLEGAL_DEV_TABLE_ENTRY (2.5.2): also for a DeviceID beyond the table.
fault illegal_device_table_entry(const access& a, bad_entry why);
/// DEV_TAB_HARDWARE_ERROR (2.5.4): the entry at `fetch_address` could not be read.
fault device_table_error(const access& a, std::uint64_t fetch_address);
/// INVALID_DEVICE_REQUEST (2.5.9).
fault invalid_device_request(const access& a, record::invalid_request type);

/// INVALID_PPR_REQUEST (2.5.10): page requests are off, for all or for this device.
fault invalid_page_request(const access& a);

/// What an IO_PAGE_FAULT says of the translation that was not to be had (2.5.3).
struct page_fault_cause {
    bool present = false;      ///< PR
    bool permission = false;   ///< PE
    bool reserved_bit = false; ///< RZ
};
/// IO_PAGE_FAULT (2.5.3). `guest`: of a guest table, with the PASID; otherwise `address` is what the host tables were
/// asked for.
fault page_fault(const access& a, const device_configuration& c, page_fault_cause cause, std::uint64_t address,
                 bool guest);
/// PAGE_TAB_HARDWARE_ERROR (2.5.5): the entry at `fetch_address` could not be read.
fault page_table_error(const access& a, const device_configuration& c, std::uint64_t fetch_address, bool guest);
/// A fault of a walk of host tables for `address`.
fault host_fault(const amd_v1::walk_fault& f, const access& a, const device_configuration& c, std::uint64_t address);

/// ILLEGAL_COMMAND_ERROR and COMMAND_HARDWARE_ERROR (2.5.6, 2.5.7), with the address of the command, or of the access
/// that failed.
fault command_fault(event e, std::uint64_t address);

} // namespace iommulab::amd_vi
