// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/mapping.h"

#include "sw/iommu/core_failures.h"
#include "sw/iommu/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace iommulab::sw {
namespace {

std::string name(const domain& d) {
    return fmt::format("domain {}", d.number());
}

} // namespace

page_choice choose_pages(std::uint64_t sizes, std::uint64_t iova, std::uint64_t address, std::uint64_t bytes) {
    const auto up_to = [](unsigned bit) { return ~std::uint64_t{0} >> (63 - bit); };
    const std::uint64_t both = iova | address;
    std::uint64_t fitting = sizes & up_to(static_cast<unsigned>(std::bit_width(bytes)) - 1);
    if (both != 0)
        fitting &= up_to(static_cast<unsigned>(std::countr_zero(both)));
    const auto chosen = static_cast<unsigned>(std::bit_width(fitting)) - 1;
    page_choice choice{std::uint64_t{1} << chosen, bytes >> chosen};
    const std::uint64_t larger = sizes & ~up_to(chosen);
    if (larger == 0)
        return choice;
    const std::uint64_t next = std::uint64_t{1} << std::countr_zero(larger);
    if (((iova ^ address) & (next - 1)) != 0)
        return choice; // the larger size will never fit both addresses
    const std::uint64_t before = next - (both & (next - 1));
    if (before <= ~std::uint64_t{0} - next && before + next <= bytes)
        choice.count = before >> chosen;
    return choice;
}

result<void> map(kernel& k, domain& d, std::uint64_t iova, std::uint64_t address, std::uint64_t bytes,
                 const protection& prot) {
    if (!d.offers_mapping() || d.page_sizes() == 0)
        return k.fail(core_row::map_no_op, name(d));
    if (!is_paging(d.type()))
        return k.fail(core_row::map_not_paging, name(d));
    if (((iova | address | bytes) & (d.smallest_page_bytes() - 1)) != 0)
        return k.fail(core_row::map_unaligned, name(d),
                      fmt::format("map of {:#x} to {:#x}, {:#x} bytes: not multiples of {:#x}", iova, address, bytes,
                                  d.smallest_page_bytes()));
    std::uint64_t done = 0;
    while (done < bytes) {
        const page_choice c = choose_pages(d.page_sizes(), iova + done, address + done, bytes - done);
        const map_result r = d.map_pages(iova + done, address + done, c.page_bytes, c.count, prot);
        done += r.mapped_bytes;
        if (!r.status) {
            if (done != 0)
                static_cast<void>(unmap(k, d, iova, done));
            return r.status;
        }
    }
    d.iotlb_sync_map(iova, bytes);
    return {};
}

std::uint64_t unmap_fast(kernel& k, domain& d, std::uint64_t iova, std::uint64_t bytes, iotlb_gather& gather) {
    if (!d.offers_mapping() || d.page_sizes() == 0 || !is_paging(d.type()))
        return 0;
    if (((iova | bytes) & (d.smallest_page_bytes() - 1)) != 0) {
        k.note(
            core_row::unmap_unaligned, name(d),
            fmt::format("unmap of {:#x}, {:#x} bytes: not multiples of {:#x}", iova, bytes, d.smallest_page_bytes()));
        return 0;
    }
    std::uint64_t done = 0;
    while (done < bytes) {
        const page_choice c = choose_pages(d.page_sizes(), iova + done, iova + done, bytes - done);
        const std::uint64_t unmapped = d.unmap_pages(iova + done, c.page_bytes, c.count, gather);
        if (unmapped == 0)
            break;
        done += unmapped;
    }
    return done;
}

void iotlb_sync(domain& d, iotlb_gather& gather) {
    d.iotlb_sync(gather);
    gather = iotlb_gather{.queued = gather.queued};
}

std::uint64_t unmap(kernel& k, domain& d, std::uint64_t iova, std::uint64_t bytes) {
    iotlb_gather gather;
    const std::uint64_t done = unmap_fast(k, d, iova, bytes, gather);
    iotlb_sync(d, gather);
    return done;
}

std::uint64_t iova_to_phys(domain& d, std::uint64_t iova) {
    if (d.type() == domain_type::identity)
        return iova;
    if (d.type() == domain_type::blocked)
        return 0;
    return d.iova_to_phys(iova);
}

void iotlb_gather::add_page(domain& d, std::uint64_t iova, std::uint64_t bytes) {
    const std::uint64_t last = iova + bytes - 1;
    const bool apart = end != 0 && (last + 1 < start || iova > end + 1);
    if ((page_bytes != 0 && page_bytes != bytes) || apart)
        sw::iotlb_sync(d, *this);
    page_bytes = bytes;
    start = std::min(start, iova);
    end = std::max(end, last);
}

} // namespace iommulab::sw
