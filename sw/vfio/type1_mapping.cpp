// SPDX-License-Identifier: Apache-2.0
// Mappings of a container: limits, pinning, all domains alike.
#include "sw/iommu/mapping.h"
#include "sw/vfio/failures.h"
#include "sw/vfio/type1.h"

#include <fmt/format.h>

#include <limits>

namespace iommulab::sw::vfio {
namespace {

/// Ranges that are unmapped before the invalidation (VFIO_IOMMU_TLB_SYNC_MAX).
constexpr unsigned ranges_a_sync = 512;

bool wraps(std::uint64_t start, std::uint64_t bytes) {
    return start + bytes - 1 < start;
}

/// The end of the run of addresses from `iova` on that are contiguous behind the domain as well.
std::uint64_t run_bytes(domain& d, std::uint64_t iova, std::uint64_t address, std::uint64_t most,
                        std::uint64_t page_bytes) {
    std::uint64_t bytes = page_bytes;
    while (bytes < most && iova_to_phys(d, iova + bytes) == address + bytes)
        bytes += page_bytes;
    return bytes;
}

} // namespace

std::uint64_t type1::page_sizes() const {
    // Smaller pages than the CPU's are hidden: the user could not tell them apart.
    std::uint64_t sizes = ~std::uint64_t{0};
    for (const auto& d : domains_)
        sizes &= d->iommu->page_sizes();
    return sizes;
}

std::uint64_t type1::page_bytes() const {
    const std::uint64_t page = std::uint64_t{1} << in().options().page_shift, sizes = page_sizes();
    if ((sizes & (page - 1)) != 0)
        return page;
    return sizes == 0 ? page : sizes & -sizes;
}

bool type1::anything_mapped(std::uint64_t first, std::uint64_t last) const {
    const auto after = mappings_.upper_bound(last);
    if (after == mappings_.begin())
        return false;
    const user_mapping& m = std::prev(after)->second;
    return m.iova + (m.bytes - 1) >= first;
}

std::vector<user_mapping> type1::mappings() const {
    std::vector<user_mapping> all;
    for (const auto& [iova, m] : mappings_)
        all.push_back(m);
    return all;
}

result<void> type1::pin(const user_mapping& m) {
    if (!memory().lock(m.bytes))
        return in().fail(row::map_locked, name(),
                         fmt::format("RLIMIT_MEMLOCK ({}) exceeded", options().locked_limit_bytes));
    return {};
}

result<void> type1::map_everywhere(const user_mapping& m) {
    for (std::size_t n = 0; n < domains_.size(); ++n)
        if (result<void> r = sw::map(in(), *domains_[n]->iommu, m.iova, m.address, m.bytes, m.prot); !r) {
            while (n-- != 0)
                sw::unmap(in(), *domains_[n]->iommu, m.iova, m.bytes);
            return r;
        }
    return {};
}

result<void> type1::map(const user_mapping& wanted) {
    if (domains_.empty())
        return in().fail(row::no_iommu, name());
    if (!wanted.prot.read && !wanted.prot.write)
        return in().fail(row::map_without_rights, name());
    if (wanted.bytes == 0 || ((wanted.bytes | wanted.iova | wanted.address) & (page_bytes() - 1)) != 0 ||
        wraps(wanted.iova, wanted.bytes) || wraps(wanted.address, wanted.bytes))
        return in().fail(row::map_unaligned, name());
    if (anything_mapped(wanted.iova, wanted.iova + (wanted.bytes - 1)))
        return in().fail(row::map_overlaps, name());
    if (mappings_.size() >= options().mapping_limit)
        return in().fail(row::map_too_many, name());
    if (!valid_.valid(wanted.iova, wanted.iova + (wanted.bytes - 1)))
        return in().fail(row::map_invalid_range, name());
    if (in().injection().fires("vfio.mapping.alloc"))
        return in().fail(row::map_memory, name());
    user_mapping m = wanted;
    m.prot.cache = true;
    if (result<void> r = pin(m); !r)
        return r;
    if (result<void> r = map_everywhere(m); !r) {
        memory().unlock(m.bytes);
        return r;
    }
    mappings_.emplace(m.iova, m);
    return {};
}

// The first domain knows what is behind the addresses; all others are unmapped before, so that nothing translates any
// more when pages are unpinned.
void type1::unmap_everywhere(const user_mapping& m) {
    const std::uint64_t page = std::uint64_t{1} << in().options().page_shift;
    for (std::size_t n = 1; n < domains_.size(); ++n)
        sw::unmap(in(), *domains_[n]->iommu, m.iova, m.bytes);
    domain& d = *domains_.front()->iommu;
    iotlb_gather gather;
    unsigned waiting = 0;
    for (std::uint64_t done = 0; done < m.bytes;) {
        const std::uint64_t iova = m.iova + done, address = iova_to_phys(d, iova);
        if (address == 0) {
            done += page;
            continue;
        }
        const std::uint64_t bytes =
            domains_.front()->fine_superpages ? page : run_bytes(d, iova, address, m.bytes - done, page);
        std::uint64_t unmapped = unmap_fast(in(), d, iova, bytes, gather);
        if (unmapped == 0 || ++waiting >= ranges_a_sync) {
            iotlb_sync(d, gather);
            waiting = 0;
        }
        if (unmapped == 0 && (unmapped = sw::unmap(in(), d, iova, bytes)) == 0)
            break;
        done += unmapped;
    }
    if (waiting != 0)
        iotlb_sync(d, gather);
    memory().unlock(m.bytes);
}

void type1::remove(mapping_list::iterator m) {
    unmap_everywhere(m->second);
    mappings_.erase(m);
}

result<std::uint64_t> type1::unmap(std::uint64_t iova, std::uint64_t bytes) {
    if (domains_.empty())
        return in().fail(row::no_iommu, name());
    if (bytes == 0 || ((iova | bytes) & (page_bytes() - 1)) != 0 || wraps(iova, bytes))
        return in().fail(row::unmap_unaligned, name());
    const std::uint64_t last = iova + (bytes - 1);
    const auto splits = [&](std::uint64_t before, std::uint64_t after) {
        const auto next = mappings_.upper_bound(before);
        if (next == mappings_.begin())
            return false;
        const user_mapping& m = std::prev(next)->second;
        return m.iova + (m.bytes - 1) >= after;
    };
    if ((iova != 0 && splits(iova - 1, iova)) ||
        (last != std::numeric_limits<std::uint64_t>::max() && splits(last, last + 1)))
        return in().fail(row::unmap_splits, name());
    std::uint64_t done = 0;
    for (auto m = mappings_.lower_bound(iova); m != mappings_.end() && m->first <= last;) {
        done += m->second.bytes;
        remove(m++);
    }
    return done;
}

result<std::uint64_t> type1::unmap_all() {
    if (domains_.empty())
        return in().fail(row::no_iommu, name());
    std::uint64_t done = 0;
    while (!mappings_.empty()) {
        done += mappings_.begin()->second.bytes;
        remove(mappings_.begin());
    }
    return done;
}

result<void> type1::suspend_addresses() {
    if (domains_.empty())
        return in().fail(row::no_iommu, name());
    if (!addresses_valid_ || mappings_.empty())
        return in().fail(row::addresses_unknown, name());
    addresses_valid_ = false;
    return {};
}

result<void> type1::replay(vfio_domain& d) {
    const std::uint64_t page = std::uint64_t{1} << in().options().page_shift;
    result<void> r;
    auto at = mappings_.begin();
    for (; at != mappings_.end(); ++at) {
        // What is there already is looked up where it is: in the newest domain.
        const user_mapping& m = at->second;
        domain& known = *domains_.front()->iommu;
        for (std::uint64_t done = 0; r && done < m.bytes;) {
            const std::uint64_t address = iova_to_phys(known, m.iova + done);
            if (address == 0) {
                done += page;
                continue;
            }
            const std::uint64_t bytes = run_bytes(known, m.iova + done, address, m.bytes - done, page);
            r = sw::map(in(), *d.iommu, m.iova + done, address, bytes, m.prot);
            if (!r && done != 0)
                sw::unmap(in(), *d.iommu, m.iova, done);
            done += bytes;
        }
        if (!r)
            break;
    }
    if (!r)
        while (at != mappings_.begin()) {
            --at;
            sw::unmap(in(), *d.iommu, at->second.iova, at->second.bytes);
        }
    return r;
}

} // namespace iommulab::sw::vfio
