// SPDX-License-Identifier: Apache-2.0
// Mapping, and invalidation of what was mapped.
#include "sw/drivers/amd/amd_domain.h"
#include "sw/drivers/amd/amd_driver.h"
#include "sw/drivers/amd/failures.h"
#include "sw/drivers/amd/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace iommulab::sw::amd {

std::uint64_t amd_domain::read64(std::uint64_t address) {
    return kernel_.machine().read(address, 8);
}

void amd_domain::write64(std::uint64_t address, std::uint64_t value) {
    kernel_.machine().write(address, value, 8);
}

void amd_domain::zero(std::uint64_t address, std::uint64_t size_bytes) {
    kernel_.machine().zero(address, size_bytes);
}

std::optional<std::uint64_t> amd_domain::allocate(unsigned, std::uint64_t, std::uint64_t size_bytes) {
    const std::uint64_t at = kernel_.allocate("amd.page_table.alloc", size_bytes, size_bytes, 0, memory_kind::cached);
    return at == 0 ? std::nullopt : std::optional(at);
}

void amd_domain::release(std::uint64_t address, std::uint64_t size_bytes) {
    if (freeing_)
        kernel_.machine().release(address, size_bytes);
    else
        unlinked_.push_back(address);
}

amd_domain::removal& amd_domain::of_this_cpu() {
    const unsigned id = kernel_.machine().id();
    if (removals_.size() <= id)
        removals_.resize(id + 1);
    return removals_[id];
}

void amd_domain::leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    removal& r = of_this_cpu();
    r.any = true;
    r.first = std::min(r.first, iova);
    r.last = std::max(r.last, iova + (size_bytes - 1));
}

void amd_domain::free_unlinked() {
    std::vector<std::uint64_t> gone;
    gone.swap(unlinked_);
    for (const std::uint64_t at : gone)
        kernel_.machine().release(at, page_bytes);
}

bool amd_domain::grow_to(std::uint64_t last) {
    while (tables_->input_bits() < 64 && last >> tables_->input_bits() != 0) {
        const std::lock_guard held(lock_);
        if (!tables_->grow())
            return false;
        kernel_.machine().barrier();
        write_all_entries(); // before anything is mapped that the old root does not reach
        wait_for_all();
    }
    return true;
}

map_result amd_domain::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t bytes, std::uint64_t count,
                                 const protection& prot) {
    const std::string where = fmt::format("domain {}", number());
    if (kind_ == tables::none)
        return {0, kernel_.fail(row::map_no_table, where)};
    if (!prot.read && !prot.write)
        return {0, kernel_.fail(row::map_no_permission, where)};
    const std::uint64_t last = iova + (bytes * count - 1);
    if ((bytes & page_sizes()) == 0 || last < iova || last > aperture_last())
        return {0, kernel_.fail(row::map_page_size, where)};

    page_protection p;
    p.read = prot.read;
    p.write = prot.write;
    of_this_cpu() = {};
    radix_result done{table_status::no_memory, 0};
    if (kind_ == tables::version_2 || grow_to(last))
        done = tables_->map_pages(iova, address, bytes, count, p, radix_tables::occupied::replace, this);
    kernel_.machine().barrier();
    if (of_this_cpu().any) { // something was mapped there before
        const std::lock_guard held(lock_);
        flush_all_pages();
        wait_for_all();
        free_unlinked();
    }
    map_result r{done.done_bytes, {}};
    if (done.status == table_status::no_memory)
        r.status = kernel_.fail(row::map_memory, where);
    else if (done.status != table_status::ok)
        r.status = kernel_.fail(row::map_page_size, where);
    return r;
}

std::uint64_t amd_domain::unmap_pages(std::uint64_t iova, std::uint64_t bytes, std::uint64_t count,
                                      iotlb_gather& gather) {
    if (kind_ == tables::none || (bytes & page_sizes()) == 0)
        return 0;
    of_this_cpu() = {};
    const std::uint64_t done = tables_->unmap_leaves(iova, bytes * count, this);
    const removal gone = of_this_cpu();
    kernel_.machine().barrier();
    if (done != 0 && !gather.queued) {
        gather.start = std::min({gather.start, iova, gone.first});
        gather.end = std::max({gather.end, iova + (done - 1), gone.last});
        gather.page_bytes = bytes;
    }
    return done;
}

std::uint64_t amd_domain::iova_to_phys(std::uint64_t iova) {
    return tables_ ? tables_->iova_to_phys(iova).value_or(0) : 0;
}

void amd_domain::flush_pages(std::uint64_t address, std::uint64_t bytes) {
    for (const auto& [unit, devices] : units_) {
        unit->commands().queue(commands::invalidate_pages(id_, address, bytes, true));
        if (kind_ == tables::version_2)
            unit->commands().queue(commands::invalidate_guest_pages(id_, 0, address, bytes));
    }
    for (const amd_device* d : devices_)
        if (d->ats_enabled)
            d->behind.commands().queue(commands::invalidate_iotlb(d->id, address, bytes));
}

void amd_domain::wait_for_all() {
    const auto units = units_; // waiting lets other CPUs run
    for (const auto& [unit, devices] : units)
        unit->commands().wait();
}

void amd_domain::flush_iotlb_all() {
    const std::lock_guard held(lock_);
    flush_all_pages();
    wait_for_all();
}

void amd_domain::iotlb_sync(iotlb_gather& gather) {
    if (gather.page_bytes == 0)
        return;
    const std::lock_guard held(lock_);
    flush_pages(gather.start, gather.end - gather.start + 1);
    wait_for_all();
}

} // namespace iommulab::sw::amd
