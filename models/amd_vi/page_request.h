// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace iommulab::amd_vi {

/// A device's request for a page (PCIe Base 10.4), which TLM-2.0 has no payload for.
struct page_request_message {
    std::uint32_t source_id = 0, pasid = 0;
    bool has_pasid = false;
    std::uint64_t address = 0;
    bool read = false, write = false, execute = false, privileged = false;
    std::uint16_t tag = 0; ///< page request group and whether it is the last: 10 bits
};

} // namespace iommulab::amd_vi
