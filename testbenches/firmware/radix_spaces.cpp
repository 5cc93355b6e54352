// SPDX-License-Identifier: Apache-2.0
#include "testbenches/firmware/radix_spaces.h"

#include "testbenches/firmware/table_area.h"
#include "traces/number.h"

#include <algorithm>
#include <bit>

namespace iommulab::firmware {

namespace {

std::uint64_t largest_page(std::uint64_t iova, std::uint64_t address, std::uint64_t left,
                           std::span<const std::uint64_t> sizes) {
    for (const std::uint64_t size : sizes)
        if ((iova | address) % size == 0 && left >= size)
            return size;
    return sizes.back();
}

} // namespace

void map_all(sw::radix_tables& tables, std::span<const mapping> maps, std::span<const std::uint64_t> page_bytes,
             bool cacheable, std::size_t space, refusals& refused) {
    for (std::size_t n = 0; n < maps.size(); ++n) {
        const mapping& m = maps[n];
        if (refused.add_page(space, n, m, page_bytes))
            continue;
        sw::page_protection p;
        p.read = m.read;
        p.write = m.write;
        p.cacheable = cacheable;
        std::uint64_t done = 0;
        sw::table_status status =
            m.size_bytes % page_bytes.back() ? sw::table_status::invalid_argument : sw::table_status::ok;
        while (status == sw::table_status::ok && done < m.size_bytes) {
            const std::uint64_t iova = m.iova + done, address = m.address + done, left = m.size_bytes - done;
            const std::uint64_t page = m.page_bytes ? m.page_bytes : largest_page(iova, address, left, page_bytes);
            if ((iova | address) % page != 0 || left < page)
                status = sw::table_status::invalid_argument;
            else
                status = tables.map_pages(iova, address, page, 1, p, sw::radix_tables::occupied::refuse).status;
            done += status == sw::table_status::ok ? page : 0;
        }
        if (status != sw::table_status::ok)
            refused.add_map(space, n, m, reason(status) + std::string(" at ") + traces::hex(m.iova + done));
    }
}

std::vector<std::pair<std::uint64_t, unsigned>> aligned_ranges(std::uint64_t iova, std::uint64_t size_bytes,
                                                               unsigned most_log2_pages, std::size_t most) {
    constexpr unsigned log2_page = sw::radix_tables::table_log2_bytes;
    std::vector<std::pair<std::uint64_t, unsigned>> ranges;
    std::uint64_t page = iova >> log2_page;
    std::uint64_t left = ((iova + (size_bytes - 1)) >> log2_page) - page + 1;
    while (left != 0 && ranges.size() <= most) {
        const int aligned = page ? std::countr_zero(page) : 63;
        const unsigned log2_pages = std::min(
            {static_cast<unsigned>(aligned), static_cast<unsigned>(std::bit_width(left)) - 1, most_log2_pages});
        ranges.emplace_back(page << log2_page, log2_pages);
        page += std::uint64_t{1} << log2_pages;
        left -= std::uint64_t{1} << log2_pages;
    }
    return ranges;
}

} // namespace iommulab::firmware
