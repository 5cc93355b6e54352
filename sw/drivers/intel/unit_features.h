// SPDX-License-Identifier: Apache-2.0
// What a remapping unit can do, read from its capability registers (VT-d, "Capability Register", "Extended Capability
// Register"), as the driver of Linux 6.1 takes it.
#pragma once

#include "sw/iommu/device.h"

#include <cstdint>

namespace iommulab::sw::intel {

struct unit_features {
    unsigned domain_ids = 16;
    int agaw = -1, max_agaw = -1;  ///< levels less two, of the tables it gets and at most; -1: none
    unsigned max_width = 0;        ///< MGAW: bits of DMA addresses
    bool scalable = false;         ///< scalable mode is in use
    bool wide_descriptors = false; ///< the unit has scalable mode, used or not: descriptors of 32 bytes
    bool first_level = false, second_level = true, five_levels = false, first_level_1g = false;
    bool pass_through = false, snoop_control = false, caching_mode = false, queued_invalidation = false;
    bool coherent = false;           ///< root, context and PASID structures are read coherently
    bool coherent_page_walk = false; ///< and page tables too
    bool device_tlb = false, pasid = false, supervisor_requests = false, page_requests = false,
         page_request_drain = false;
    bool write_buffer_flush = false, protected_regions = false, root_set_invalidates = false;
    bool page_selective = false, write_drain = false, read_drain = false;
    unsigned max_address_mask = 0;        ///< MAMV
    unsigned pasid_bits = 0;              ///< PSS
    std::uint64_t second_level_sizes = 0; ///< superpages, a bit each
    unsigned fault_records = 1;
    std::uint32_t fault_offset = 0, iotlb_offset = 0; ///< bytes into the register space

    [[nodiscard]] unsigned width() const; ///< of addresses that tables and unit take: the narrower of both
};

/// Firmware and command line: "scalable" 0 keeps to legacy mode (intel_iommu=sm_off), "queued-invalidation" 0 to
/// registers, "domain-ids" shrinks their number.
unit_features read_features(std::uint64_t cap, std::uint64_t ecap, const instance_firmware& firmware);

} // namespace iommulab::sw::intel
