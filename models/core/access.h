// SPDX-License-Identifier: Apache-2.0
// What a device asks for: one access, as it reaches an IOMMU.
#pragma once

#include <cstdint>

namespace iommulab {

/// PCIe address type (PCIe Base 2.2.4.1): what the requester says of the address it sends.
enum class address_type : std::uint8_t { untranslated, translated, translation_request };

/// One access to a contiguous range of input addresses. Plain data, copied freely.
struct access {
    std::uint64_t address = 0;      ///< input address (IOVA), in bytes
    std::uint32_t length_bytes = 0; ///< 0 is legal: a probe of one address
    std::uint32_t source_id = 0;    ///< StreamID, requester id, LIODN, master number: what the bus calls the requester
    std::uint32_t pasid = 0;        ///< PASID or SubstreamID; meaningless unless has_pasid
    bool has_pasid = false;
    bool write = false;  ///< it may change memory
    bool atomic = false; ///< a write whose answer tells what was there: it must be allowed to read too
    bool privileged = false;
    bool instruction = false;
    bool secure = false;
    address_type type = address_type::untranslated;
};

} // namespace iommulab
