// SPDX-License-Identifier: Apache-2.0
#include "sw/iommufd/ioas.h"

#include "sw/iommu/mapping.h"
#include "sw/iommufd/failures.h"

#include <algorithm>
#include <limits>

namespace iommulab::sw::iommufd {
namespace {

constexpr const char* who = "iommufd";

std::uint64_t last_of(const user_mapping& m) {
    return m.iova + (m.bytes - 1);
}

} // namespace

ioas::~ioas() {
    if (kernel_.powered()) // else the domains may be gone
        unmap_all();
}

ioas::area_list::const_iterator ioas::first_overlapping(std::uint64_t first, std::uint64_t last) const {
    auto a = areas_.upper_bound(first);
    if (a != areas_.begin() && last_of(std::prev(a)->second.user) >= first)
        --a;
    return a != areas_.end() && a->first <= last ? a : areas_.end();
}

std::uint64_t ioas::alignment() const {
    std::uint64_t bytes = 1;
    for (const domain* d : domains_)
        bytes = std::max(bytes, d->smallest_page_bytes());
    return bytes;
}

result<void> ioas::check(std::uint64_t iova, std::uint64_t bytes) const {
    if (kernel_.injection().fires("iommufd.area.alloc")) // the kernel has the memory before it looks at anything
        return kernel_.fail(row::map_memory, who);
    if (bytes == 0 || ((iova | bytes) & (alignment() - 1)) != 0)
        return kernel_.fail(row::map_unaligned, who);
    if (iova + (bytes - 1) < iova)
        return kernel_.fail(row::map_overflow, who);
    const std::uint64_t last = iova + (bytes - 1);
    if (std::any_of(reserved_.begin(), reserved_.end(),
                    [&](const reservation& r) { return r.first <= last && r.last >= iova; }))
        return kernel_.fail(row::map_reserved, who);
    if (first_overlapping(iova, last) != areas_.end())
        return kernel_.fail(row::map_overlaps, who);
    return {};
}

result<void> ioas::pin(const area& a) {
    if (a.memory->pins == 0 && !memory_.lock(a.memory->bytes))
        return kernel_.fail(row::map_locked, who);
    ++a.memory->pins;
    return {};
}

void ioas::unpin(const area& a) {
    if (--a.memory->pins == 0)
        memory_.unlock(a.memory->bytes);
}

result<void> ioas::check(const area& a) const {
    if (a.user.prot.write && !a.memory->writable)
        return kernel_.fail(row::map_read_only, who);
    if ((a.user.address & ((std::uint64_t{1} << kernel_.options().page_shift) - 1) & (alignment() - 1)) != 0)
        return kernel_.fail(row::map_unaligned, who);
    return {};
}

result<void> ioas::insert(const area& a) {
    if (!domains_.empty()) {
        if (result<void> r = pin(a); !r)
            return r;
        for (std::size_t n = 0; n < domains_.size(); ++n)
            if (result<void> r = sw::map(kernel_, *domains_[n], a.user.iova, a.user.address, a.user.bytes, a.user.prot);
                !r) {
                while (n-- != 0)
                    sw::unmap(kernel_, *domains_[n], a.user.iova, a.user.bytes);
                unpin(a);
                return r;
            }
    }
    areas_.emplace(a.user.iova, a);
    return {};
}

result<void> ioas::map(const user_mapping& m) {
    if (result<void> r = check(m.iova, m.bytes); !r)
        return r;
    area a{m, std::make_shared<pages>()};
    a.user.prot.cache = true;
    *a.memory = {m.bytes, m.prot.write, 0};
    if (result<void> r = check(a); !r)
        return r;
    return insert(a);
}

result<void> ioas::copy(const ioas& source, std::uint64_t source_iova, std::uint64_t bytes, std::uint64_t iova,
                        const protection& prot) {
    if (bytes == 0)
        return kernel_.fail(row::copy_empty, who);
    if (source_iova + (bytes - 1) < source_iova)
        return kernel_.fail(row::map_overflow, who);
    // Pieces as the source has them; each becomes an area of its own.
    std::vector<area> pieces;
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t at = source_iova + done;
        const auto found = source.first_overlapping(at, at);
        if (found == source.areas_.end())
            return kernel_.fail(row::copy_nothing, who);
        const user_mapping& from = found->second.user;
        const std::uint64_t offset = at - from.iova, length = std::min(bytes - done, from.bytes - offset);
        area a{{iova + done, from.address + offset, length, prot}, found->second.memory};
        a.user.prot.cache = true;
        pieces.push_back(std::move(a));
        done += length;
    }
    if (result<void> r = check(iova, bytes); !r)
        return r;
    for (const area& a : pieces)
        if (result<void> r = check(a); !r)
            return r;
    for (std::size_t n = 0; n < pieces.size(); ++n)
        if (result<void> r = insert(pieces[n]); !r) {
            while (n-- != 0)
                remove(areas_.find(pieces[n].user.iova));
            return r;
        }
    return {};
}

void ioas::remove(area_list::iterator a) {
    for (domain* d : domains_)
        sw::unmap(kernel_, *d, a->second.user.iova, a->second.user.bytes);
    if (!domains_.empty())
        unpin(a->second);
    areas_.erase(a);
}

result<std::uint64_t> ioas::unmap(std::uint64_t iova, std::uint64_t bytes) {
    if (iova == 0 && bytes == std::numeric_limits<std::uint64_t>::max())
        return unmap_all();
    if (bytes == 0)
        return kernel_.fail(row::unmap_empty, who);
    if (iova + (bytes - 1) < iova)
        return kernel_.fail(row::map_overflow, who);
    const std::uint64_t last = iova + (bytes - 1);
    std::uint64_t done = 0;
    for (auto a = first_overlapping(iova, last); a != areas_.end(); a = first_overlapping(iova, last)) {
        if (a->first < iova || last_of(a->second.user) > last)
            return kernel_.fail(row::unmap_splits, who); // what came before it is gone
        done += a->second.user.bytes;
        remove(areas_.find(a->first));
    }
    if (done == 0)
        return kernel_.fail(row::unmap_nothing, who);
    return done;
}

std::uint64_t ioas::unmap_all() {
    std::uint64_t done = 0;
    while (!areas_.empty()) {
        done += areas_.begin()->second.user.bytes;
        remove(areas_.begin());
    }
    return done;
}

std::vector<user_mapping> ioas::mappings() const {
    std::vector<user_mapping> all;
    for (const auto& [iova, a] : areas_)
        all.push_back(a.user);
    return all;
}

result<void> ioas::reserve(std::uint64_t first, std::uint64_t last, const void* owner, const failure_row& otherwise) {
    if (first_overlapping(first, last) != areas_.end())
        return kernel_.fail(otherwise, who);
    reserved_.push_back({first, last, owner});
    return {};
}

void ioas::unreserve(const void* owner) {
    std::erase_if(reserved_, [&](const reservation& r) { return r.owner == owner; });
}

result<void> ioas::fill(domain& d) {
    auto a = areas_.begin();
    result<void> r;
    for (; a != areas_.end(); ++a) {
        // Pages are pinned for the first domain.
        if (domains_.empty())
            if (r = pin(a->second); !r)
                break;
        const user_mapping& m = a->second.user;
        if (r = sw::map(kernel_, d, m.iova, m.address, m.bytes, m.prot); !r) {
            if (domains_.empty())
                unpin(a->second);
            break;
        }
    }
    if (!r)
        while (a != areas_.begin()) {
            --a;
            sw::unmap(kernel_, d, a->second.user.iova, a->second.user.bytes);
            if (domains_.empty())
                unpin(a->second);
        }
    return r;
}

result<void> ioas::add_domain(domain& d) {
    if (d.smallest_page_bytes() > std::uint64_t{1} << kernel_.options().page_shift)
        return kernel_.fail(row::large_pages, who);
    constexpr std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
    result<void> r;
    if (d.aperture_first() != 0)
        r = reserve(0, d.aperture_first() - 1, &d, row::aperture_conflict);
    if (r && d.aperture_last() != end)
        r = reserve(d.aperture_last() + 1, end, &d, row::aperture_conflict);
    if (r)
        for (const auto& [iova, a] : areas_)
            if (((a.user.iova | a.user.address | a.user.bytes) & (d.smallest_page_bytes() - 1)) != 0) {
                r = kernel_.fail(row::alignment_conflict, who);
                break;
            }
    if (r)
        r = fill(d);
    if (!r) {
        unreserve(&d);
        return r;
    }
    domains_.push_back(&d);
    return {};
}

void ioas::remove_domain(domain& d) {
    if (std::erase(domains_, &d) == 0)
        return;
    unreserve(&d);
    for (const auto& [iova, a] : areas_) {
        sw::unmap(kernel_, d, a.user.iova, a.user.bytes);
        if (domains_.empty())
            unpin(a);
    }
}

} // namespace iommulab::sw::iommufd
