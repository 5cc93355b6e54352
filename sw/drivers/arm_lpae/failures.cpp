// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_lpae/failures.h"

namespace iommulab::sw::arm_lpae {
namespace {

using namespace failure_terms;

constexpr failure_table table({
    {"LPAE-1", "arm_lpae_map_pages", "page size not supported", failure_class::other, map, always(einval, W)},
    {"LPAE-2", "arm_lpae_map_pages", "IO virtual or physical address out of range", failure_class::other, map,
     always(erange, W)},
    {"LPAE-3", "arm_lpae_map_pages", "neither readable nor writable", failure_class::other, map, always(einval)},
    {"LPAE-4", "arm_lpae_init_pte", "something is mapped there already", failure_class::other, map, always(eexist, W)},
    {"LPAE-5", "__arm_lpae_map", "no memory for a table", failure_class::memory, map, always(enomem)},
    {"LPAE-6", "arm_lpae_unmap_pages", "page size not supported", failure_class::other, map, swallowed(W)},
    {"LPAE-7", "arm_lpae_unmap_pages", "IO virtual address out of range", failure_class::other, map, swallowed(W)},
    {"LPAE-8", "__arm_lpae_unmap", "nothing is mapped there", failure_class::other, map, swallowed(W)},
});
constexpr injection_point points[] = {
    {"arm_lpae.root.alloc", "memory for the root table of a domain", enomem},
    {"arm_lpae.table.alloc", "memory for a table while mapping, or splitting a block", enomem},
};

} // namespace

std::span<const failure_row> failures() {
    return table.rows();
}
std::span<const injection_point> injection_points() {
    return points;
}

namespace row {
const failure_row &page_size = table["LPAE-1"], &range = table["LPAE-2"], &no_permission = table["LPAE-3"],
                  &exists = table["LPAE-4"], &no_memory = table["LPAE-5"], &unmap_page_size = table["LPAE-6"],
                  &unmap_range = table["LPAE-7"], &unmap_hole = table["LPAE-8"];
} // namespace row

} // namespace iommulab::sw::arm_lpae
