// SPDX-License-Identifier: Apache-2.0
// What must become of a request without a PASID behind an AMD IOMMU that is on: publication 48882, 2.1.2.1, 2.2.2.1,
// 2.2.3, 2.5.2 to 2.5.9. Written from the manual, as one plain function over memory.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

namespace iommulab::reference {

/// 8 bytes of memory; nothing where there is none.
using amd_vi_memory = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

struct amd_vi_setup {
    std::uint64_t device_table = 0, device_table_bytes = 0;
    unsigned most_levels = 6; ///< HATS
    bool exclusion = false, exclusion_for_all = false;
    std::uint64_t exclusion_first = 0, exclusion_last = 0;
};
struct amd_vi_request {
    std::uint32_t device = 0;
    std::uint64_t address = 0;
    bool write = false;
};
struct amd_vi_answer {
    bool ok = false;
    std::uint64_t output = 0;
    std::optional<std::array<std::uint64_t, 2>> event; ///< what must be logged; SE not considered
};

amd_vi_answer amd_vi_translate(const amd_vi_memory& memory, const amd_vi_setup& setup, const amd_vi_request& request);

} // namespace iommulab::reference
