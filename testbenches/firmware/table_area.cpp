// SPDX-License-Identifier: Apache-2.0
#include "testbenches/firmware/table_area.h"

#include <algorithm>
#include <map>

namespace iommulab::firmware {

namespace {

std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

} // namespace

std::uint64_t table_area::take(std::uint64_t bytes, std::uint64_t alignment) {
    const std::uint64_t at = round_up(next_, alignment);
    if (at > end_ || bytes > end_ - at)
        throw setup_error({{0, space_part::tables, 0, "memory for tables that is used up", "a larger tables_size"}});
    next_ = at + bytes;
    return at;
}

std::uint64_t table_area::read64(std::uint64_t address) {
    std::uint64_t value = 0;
    cpu_.look(address, &value, sizeof value);
    return value;
}

void table_area::write64(std::uint64_t address, std::uint64_t value) {
    cpu_.load(address, &value, sizeof value);
}

void table_area::zero(std::uint64_t address, std::uint64_t size_bytes) {
    const std::vector<unsigned char> zeros(size_bytes);
    cpu_.load(address, zeros.data(), zeros.size());
}

std::optional<std::uint64_t> table_area::allocate(unsigned, std::uint64_t, std::uint64_t size_bytes) {
    return take(size_bytes, size_bytes);
}

const char* reason(sw::table_status s) {
    switch (s) {
    case sw::table_status::exists:
        return "something is mapped there already";
    case sw::table_status::invalid_argument:
        return "not aligned to a page, or a page size that this granule doesn't have";
    case sw::table_status::out_of_range:
        return "beyond the address size";
    default:
        return "no memory for tables";
    }
}

std::vector<mapping> identity_maps(const firmware_setup& setup, const address_space& a) {
    const std::uint64_t page = std::uint64_t{1} << a.granule_log2;
    std::map<std::uint64_t, std::uint64_t> ranges; // first, end
    const auto add = [&](std::uint64_t base, std::uint64_t bytes) {
        const std::uint64_t first = base / page * page;
        auto& end = ranges[first];
        end = std::max(end, round_up(base + bytes, page));
    };
    add(setup.area_base, setup.area_bytes);
    for (const mapping& m : a.maps)
        add(m.address, m.size_bytes);
    std::vector<mapping> merged;
    for (const auto& [first, end] : ranges) {
        const std::uint64_t last_end = merged.empty() ? 0 : merged.back().iova + merged.back().size_bytes;
        if (!merged.empty() && first <= last_end)
            merged.back().size_bytes = std::max(last_end, end) - merged.back().iova;
        else
            merged.push_back({first, first, end - first, 0, true, true});
    }
    return merged;
}

} // namespace iommulab::firmware
