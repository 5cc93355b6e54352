// SPDX-License-Identifier: Apache-2.0
// Mapping, and invalidation of what was mapped.
#include "sw/drivers/intel/failures.h"
#include "sw/drivers/intel/intel_domain.h"
#include "sw/drivers/intel/intel_driver.h"
#include "sw/drivers/intel/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <mutex>

namespace iommulab::sw::intel {

namespace {

/// The smallest aligned block of 2^n pages around some pages.
unsigned covering_order(std::uint64_t first_page, std::uint64_t pages) {
    const std::uint64_t differing = first_page ^ (first_page + pages - 1);
    return static_cast<unsigned>(std::bit_width(differing));
}

/// What qi_flush_piotlb makes of a number of pages: the block begins where the address is aligned down to, so that a
/// range that is not aligned loses its end.
unsigned rounded_order(std::uint64_t pages) {
    return static_cast<unsigned>(std::bit_width(pages - 1));
}

} // namespace

std::uint64_t intel_domain::read64(std::uint64_t address) {
    return kernel_.machine().read(address, 8);
}

void intel_domain::write64(std::uint64_t address, std::uint64_t value) {
    kernel_.machine().write(address, value, 8);
    if (!coherent_)
        kernel_.machine().clean(address, 8);
}

void intel_domain::zero(std::uint64_t address, std::uint64_t size_bytes) {
    kernel_.machine().zero(address, size_bytes);
    if (!coherent_)
        kernel_.machine().clean(address, size_bytes);
}

std::optional<std::uint64_t> intel_domain::allocate(unsigned, std::uint64_t, std::uint64_t size_bytes) {
    const std::uint64_t at = kernel_.allocate("intel.page_table.alloc", size_bytes, size_bytes, 0, memory_kind::cached);
    return at == 0 ? std::nullopt : std::optional(at);
}

void intel_domain::release(std::uint64_t address, std::uint64_t size_bytes) {
    const removal& r = of_this_cpu();
    if (shrinking_)
        skipped_roots_.push_back(address);
    else if (r.now)
        unlinked_.push_back({r.table_first, r.table_last, address});
    else
        kernel_.machine().release(address, size_bytes);
}

intel_domain::removal& intel_domain::of_this_cpu() {
    const unsigned id = kernel_.machine().id();
    if (removals_.size() <= id)
        removals_.resize(id + 1);
    return removals_[id];
}

void intel_domain::leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    removal& r = of_this_cpu();
    r.first = std::min(r.first, iova);
    r.last = std::max(r.last, iova + (size_bytes - 1));
}

void intel_domain::table_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    leaf_removed(iova, size_bytes);
    removal& r = of_this_cpu();
    r.table_first = iova;
    r.table_last = iova + (size_bytes - 1);
    if (r.now)
        return;
    for (const auto& [unit, there] : units_) // a superpage takes its place
        flush_pages(*unit, there.domain_id, iova >> page_shift, size_bytes >> page_shift, false, false);
}

std::uint64_t intel_domain::remove_range(std::uint64_t iova, std::uint64_t bytes, removal& gone) {
    of_this_cpu() = {.now = true};
    const std::uint64_t done = tables_->unmap(iova, bytes, this);
    gone = of_this_cpu();
    of_this_cpu() = {};
    kernel_.machine().barrier();
    return done;
}

map_result intel_domain::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t bytes, std::uint64_t count,
                                   const protection& prot) {
    const std::string where = fmt::format("domain {}", number());
    const bool known = bytes == page_bytes || bytes == 1 << 21 || bytes == 1 << 30;
    if (!known || ((iova | address) & (bytes - 1)) != 0)
        return {0, kernel_.fail(row::map_page_size, where)};
    const std::uint64_t last = iova + (bytes * count - 1);
    if (last < iova || last + 1 == 0 || (width_ < 64 && last >> width_ != 0))
        return {0, kernel_.fail(row::map_too_wide, where,
                                fmt::format("map of {:#x}, {} pages of {:#x} bytes: beyond {} bits of addresses", iova,
                                            count, bytes, width_))};
    max_address_ = std::max(max_address_, last + 1);
    if (!prot.read && !prot.write)
        return {0, kernel_.fail(row::map_no_permission, where)};

    page_protection p;
    p.write = prot.write;
    p.cacheable = snoop_in_entries_;
    map_result r;
    while (r.mapped_bytes < bytes * count) {
        const std::uint64_t at = r.mapped_bytes;
        const radix_result done = tables_->map_pages(iova + at, address + at, bytes, count - at / bytes, p,
                                                     radix_tables::occupied::refuse, this);
        r.mapped_bytes += done.done_bytes;
        if (done.status == table_status::ok)
            break;
        if (done.status != table_status::exists) {
            r.status = kernel_.fail(row::map_memory, where);
            break;
        }
        const std::uint64_t blocked = iova + r.mapped_bytes;
        const auto there = tables_->translate(blocked);
        if (bytes > page_bytes && there && std::uint64_t{1} << there->page_log2 == bytes) {
            removal gone; // a superpage takes the place of another
            static_cast<void>(remove_range(blocked, bytes, gone));
            for (const auto& [unit, here] : units_)
                flush_pages(*unit, here.domain_id, blocked >> page_shift, bytes >> page_shift, false, false);
            free_covered(blocked, blocked + (bytes - 1));
            continue;
        }
        kernel_.note(row::map_occupied, where, fmt::format("{:#x} is mapped already", blocked));
        r.mapped_bytes += bytes;
    }
    kernel_.machine().barrier();
    return r;
}

std::uint64_t intel_domain::unmap_pages(std::uint64_t iova, std::uint64_t bytes, std::uint64_t count,
                                        iotlb_gather& gather) {
    const std::uint64_t size = bytes * count;
    if (size == 0 || iova + (size - 1) < iova ||
        (tables_->input_bits() < 64 && (iova + (size - 1)) >> tables_->input_bits() != 0)) {
        kernel_.note(row::unmap_too_wide, fmt::format("domain {}", number()),
                     fmt::format("unmap of {:#x}, {} pages of {:#x} bytes: beyond the tables", iova, count, bytes));
        return 0;
    }
    removal gone;
    const std::uint64_t done = remove_range(iova, size, gone);
    if (max_address_ == iova + done)
        max_address_ = iova;
    if (!gather.queued) {
        const std::uint64_t first = std::min(iova, gone.first), last = std::max(iova + (done - 1), gone.last);
        gather.add_page(*this, first, last - first + 1);
    }
    return done;
}

std::uint64_t intel_domain::iova_to_phys(std::uint64_t iova) {
    return tables_->iova_to_phys(iova).value_or(0);
}

void intel_domain::flush_pages(dmar_unit& unit, std::uint32_t id, std::uint64_t first_page, std::uint64_t pages,
                               bool leaf, bool mapping) {
    const unit_features& f = unit.has();
    const unsigned order = first_level_ ? rounded_order(pages) : covering_order(first_page, pages);
    const std::uint64_t address = order + page_shift >= 64 ? 0 : first_page >> order << (order + page_shift);
    if (first_level_) {
        if (address != first_page << page_shift)
            driver_.warn_once(unit.name(), "a first level flush that is not aligned to its size");
        unit.flush_pasid_iotlb_pages(id, rid_pasid, address, order, leaf);
    } else if (!f.page_selective || order > f.max_address_mask) {
        unit.flush_iotlb_domain(id);
    } else {
        unit.flush_iotlb_pages(id, address, order, leaf);
    }
    if (!f.caching_mode || !mapping)
        flush_device_tlbs(address, std::min(order, 64 - page_shift));
}

void intel_domain::flush_device_tlbs(std::uint64_t address, unsigned order) {
    std::vector<dmar_device*> with_tlb;
    {
        const std::lock_guard held(lock_);
        std::copy_if(devices_.begin(), devices_.end(), std::back_inserter(with_tlb),
                     [](const dmar_device* d) { return d->ats_enabled; });
    }
    for (const dmar_device* d : with_tlb)
        d->behind.flush_device_tlb(*d, address, order);
}

void intel_domain::free_covered(std::uint64_t first, std::uint64_t last) {
    std::vector<unlinked_table> covered;
    std::erase_if(unlinked_, [&](const unlinked_table& t) {
        const bool inside = first <= t.first && t.last <= last;
        if (inside)
            covered.push_back(t);
        return inside;
    });
    for (const unlinked_table& t : covered)
        kernel_.machine().release(t.address, page_bytes);
}

void intel_domain::iotlb_sync(iotlb_gather& gather) {
    if (gather.page_bytes == 0)
        return;
    const std::uint64_t first = gather.start, last = gather.end;
    const bool tables_gone = std::any_of(unlinked_.begin(), unlinked_.end(),
                                         [&](const unlinked_table& t) { return first <= t.first && t.last <= last; });
    const auto units = units_; // a flush lets other CPUs run
    for (const auto& [unit, there] : units)
        flush_pages(*unit, there.domain_id, first >> page_shift, ((last - first) >> page_shift) + 1, !tables_gone,
                    false);
    free_covered(first, last);
}

void intel_domain::iotlb_sync_map(std::uint64_t iova, std::uint64_t bytes) {
    const auto units = units_;
    for (const auto& [unit, there] : units) {
        if (unit->has().caching_mode && !first_level_) // it may have cached that nothing is there
            flush_pages(*unit, there.domain_id, iova >> page_shift, (bytes + page_bytes - 1) >> page_shift, false,
                        true);
        else
            unit->flush_write_buffer();
    }
}

void intel_domain::flush_iotlb_all() {
    const auto units = units_;
    std::vector<unlinked_table> before; // those that come meanwhile wait for the next
    before.swap(unlinked_);
    for (const auto& [unit, there] : units) {
        if (first_level_)
            unit->flush_pasid_iotlb(there.domain_id, rid_pasid);
        else
            unit->flush_iotlb_domain(there.domain_id);
        if (!unit->has().caching_mode)
            flush_device_tlbs(0, 64 - page_shift);
    }
    for (const unlinked_table& t : before)
        kernel_.machine().release(t.address, page_bytes);
}

} // namespace iommulab::sw::intel
