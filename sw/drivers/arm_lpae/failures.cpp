// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_lpae/failures.h"

#include <array>

namespace iommulab::sw::arm_lpae {
namespace {

using enum linux_errno;
constexpr auto map = failure_scope::map;

constexpr std::array table{
    failure_row{"LPAE-1", "arm_lpae_map_pages", "page size not supported", failure_class::other, map,
                always(einval, log_level::warning)},
    failure_row{"LPAE-2", "arm_lpae_map_pages", "IO virtual or physical address out of range", failure_class::other,
                map, always(erange, log_level::warning)},
    failure_row{"LPAE-3", "arm_lpae_map_pages", "neither readable nor writable", failure_class::other, map,
                always(einval)},
    failure_row{"LPAE-4", "arm_lpae_init_pte", "something is mapped there already", failure_class::other, map,
                always(eexist, log_level::warning)},
    failure_row{"LPAE-5", "__arm_lpae_map", "no memory for a table", failure_class::memory, map, always(enomem)},
    failure_row{"LPAE-6", "arm_lpae_unmap_pages", "page size not supported", failure_class::other, map,
                swallowed(log_level::warning)},
    failure_row{"LPAE-7", "arm_lpae_unmap_pages", "IO virtual address out of range", failure_class::other, map,
                swallowed(log_level::warning)},
    failure_row{"LPAE-8", "__arm_lpae_unmap", "nothing is mapped there", failure_class::other, map,
                swallowed(log_level::warning)},
};
constexpr std::array points{
    injection_point{"arm_lpae.root.alloc", "memory for the root table of a domain", enomem},
    injection_point{"arm_lpae.table.alloc", "memory for a table while mapping, or splitting a block", enomem},
};

} // namespace

std::span<const failure_row> failures() {
    return table;
}
std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &page_size = table[0], &range = table[1], &no_permission = table[2], &exists = table[3],
                  &no_memory = table[4], &unmap_page_size = table[5], &unmap_range = table[6], &unmap_hole = table[7];
} // namespace row

} // namespace iommulab::sw::arm_lpae
