// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

// What Intel VT-d does with a request, worked out anew for each, without caches or time: written from the specification
// ("DMA Remapping", "Translation Structure Formats", the tables of fault conditions) and sharing nothing with the
// model.
namespace iommulab::reference {

/// 8 bytes at an address; nullopt: nothing answers there.
using vtd_memory = std::function<std::optional<std::uint64_t>(std::uint64_t)>;

struct vtd_setup {
    std::uint64_t root_table = 0;
    bool scalable = false;
    std::uint64_t cap = 0, ecap = 0;
    unsigned host_bits = 46;
};

struct vtd_request {
    std::uint32_t source = 0;
    std::uint64_t address = 0;
    bool write = false;
    std::optional<std::uint32_t> pasid;
    bool privileged = false, instruction = false; ///< of requests with a PASID
    bool updates = true;                          ///< false: accessed and dirty bits stay as they are
};

struct vtd_answer {
    bool ok = false;
    std::uint64_t output = 0;
    unsigned reason = 0;   ///< 0: none
    bool recorded = false; ///< else FPD suppresses the record, or there is none for this
};

vtd_answer vtd_translate(const vtd_memory& memory, const vtd_setup& setup, const vtd_request& request);

} // namespace iommulab::reference
