// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/arm_lpae/io_pgtable.h"

#include "sw/drivers/arm_lpae/failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace iommulab::sw::arm_lpae {
namespace {

constexpr std::uint64_t bit(unsigned n) {
    return std::uint64_t{1} << n;
}

/// The granule: the kernel's page size if the hardware has it, else the largest smaller one, else the smallest.
unsigned choose_granule_log2(std::uint64_t hardware, unsigned page_shift) {
    const std::uint64_t granules = hardware & (bit(12) | bit(14) | bit(16));
    if (granules & bit(page_shift))
        return page_shift;
    if (const std::uint64_t smaller = granules & (bit(page_shift) - 1))
        return static_cast<unsigned>(std::bit_width(smaller)) - 1;
    return granules ? static_cast<unsigned>(std::countr_zero(granules)) : 0;
}

std::uint64_t sizes_of_granule(unsigned granule_log2, unsigned output_bits) {
    switch (granule_log2) {
    case 12:
        return bit(12) | bit(21) | bit(30);
    case 14:
        return bit(14) | bit(25);
    default:
        return bit(16) | bit(29) | (output_bits > 48 ? bit(42) : 0);
    }
}

} // namespace

std::unique_ptr<io_pgtable> io_pgtable::make(kernel& k, const configuration& c, tlb_operations& tlb,
                                             std::string device) {
    std::unique_ptr<io_pgtable> made(new io_pgtable(k, c, tlb, std::move(device)));
    return made->have_root_ ? std::move(made) : nullptr;
}

io_pgtable::io_pgtable(kernel& k, const configuration& c, tlb_operations& tlb, std::string device)
    : kernel_(k), configuration_(c), tlb_(tlb), device_(std::move(device)) {
    const unsigned granule_log2 = choose_granule_log2(c.hardware_page_sizes, k.options().page_shift);
    if (granule_log2 == 0)
        return;
    const unsigned most = granule_log2 == 16 ? 52 : 48;
    arm_lpae_configuration tables;
    tables.stage = c.stage;
    tables.granule_log2 = granule_log2;
    tables.input_bits = std::min(c.input_bits, most);
    tables.output_bits = std::min(c.output_bits, most);
    tables.contiguous_hint = c.contiguous;
    page_sizes_ = c.hardware_page_sizes & sizes_of_granule(granule_log2, c.output_bits);
    tables_ = std::make_unique<arm_lpae_tables>(tables, static_cast<table_memory&>(*this));
    have_root_ = tables_->status() == table_status::ok;
    kernel_.machine().barrier();
}

io_pgtable::~io_pgtable() {
    if (!have_root_ || !kernel_.powered())
        return;
    tlb_.flush_all();
    tables_->release_all();
}

std::uint64_t io_pgtable::read64(std::uint64_t address) {
    return kernel_.machine().read(address, 8);
}

void io_pgtable::write64(std::uint64_t address, std::uint64_t value) {
    kernel_.machine().write(address, value, 8);
    if (!configuration_.coherent_walk)
        kernel_.machine().clean(address, 8);
}

void io_pgtable::zero(std::uint64_t address, std::uint64_t size_bytes) {
    kernel_.machine().zero(address, size_bytes);
    if (!configuration_.coherent_walk)
        kernel_.machine().clean(address, size_bytes);
}

std::optional<std::uint64_t> io_pgtable::allocate(unsigned, std::uint64_t, std::uint64_t size_bytes) {
    const std::uint64_t address =
        kernel_.allocate(have_root_ ? "arm_lpae.table.alloc" : "arm_lpae.root.alloc", size_bytes,
                         std::bit_ceil(size_bytes), configuration_.node, memory_kind::cached);
    return address == 0 ? std::nullopt : std::optional(address);
}

void io_pgtable::release(std::uint64_t address, std::uint64_t size_bytes) {
    kernel_.machine().release(address, size_bytes);
}

std::uint64_t io_pgtable::page_of(std::uint64_t size_bytes) const {
    return std::bit_floor(page_sizes_ & (size_bytes | (size_bytes - 1)));
}

io_pgtable::unmapping*& io_pgtable::of_this_cpu() {
    const unsigned id = kernel_.machine().id();
    if (unmapping_.size() <= id)
        unmapping_.resize(id + 1);
    return unmapping_[id];
}

void io_pgtable::leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    const std::uint64_t page = page_of(size_bytes);
    unmapping* const u = of_this_cpu();
    if (!u || iova < u->iova || iova + size_bytes > u->iova + u->bytes) {
        tlb_.flush_leaves(iova, size_bytes, page); // it comes back in another form: break before make
        return;
    }
    if (!u->gather.queued)
        for (std::uint64_t done = 0; done < size_bytes; done += page)
            u->gather.add_page(u->d, iova + done, page);
}

void io_pgtable::table_removed(std::uint64_t iova, std::uint64_t size_bytes) {
    tlb_.flush_walk(iova, size_bytes, bit(granule_log2()));
}

map_result io_pgtable::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes,
                                 std::uint64_t count, const protection& prot) {
    const auto what = [&] {
        return fmt::format("map of {:#x} to {:#x}, {} pages of {:#x} bytes", iova, address, count, page_bytes);
    };
    if (!std::has_single_bit(page_bytes) || (page_bytes & page_sizes_) == 0)
        return {0, kernel_.fail(row::page_size, device_, what() + ": page size not supported")};
    if (iova >> input_bits() != 0 || address >> output_bits() != 0)
        return {0, kernel_.fail(row::range, device_, what() + ": out of range")};
    if (!prot.read && !prot.write)
        return {0, kernel_.fail(row::no_permission, device_)};

    page_protection p;
    p.read = prot.read || configuration_.stage == 1; // stage 1 has no encoding for write-only
    p.write = prot.write;
    p.execute = !prot.no_execute;
    p.privileged = prot.privileged;
    p.cacheable = prot.cache && !prot.mmio;
    p.device = prot.mmio;

    map_result r;
    for (;;) {
        const std::uint64_t at = r.mapped_bytes;
        const table_result done =
            tables_->map_pages(iova + at, address + at, page_bytes, count - at / page_bytes, p, this);
        r.mapped_bytes += done.done_bytes;
        if (done.status != table_status::exists) {
            kernel_.machine().barrier();
            switch (done.status) {
            case table_status::ok:
                break;
            case table_status::no_memory:
                r.status = kernel_.fail(row::no_memory, device_);
                break;
            case table_status::out_of_range:
                r.status = kernel_.fail(row::range, device_, what() + ": out of range");
                break;
            default:
                r.status = kernel_.fail(row::page_size, device_, what() + ": not encodable");
                break;
            }
            return r;
        }
        // Only a leaf is in the way of a leaf. A table in its place, and all that is mapped through it, goes.
        const std::uint64_t blocked = iova + r.mapped_bytes;
        const auto there = tables_->translate(blocked);
        const bool is_leaf = there && there->page_bytes >= page_bytes;
        if (is_leaf || page_bytes == bit(granule_log2()) ||
            tables_->unmap(blocked, page_bytes, this).done_bytes != page_bytes) {
            r.status = kernel_.fail(row::exists, device_, what() + fmt::format(": {:#x} is mapped already", blocked));
            return r;
        }
    }
}

std::uint64_t io_pgtable::unmap_pages(domain& d, std::uint64_t iova, std::uint64_t page_bytes, std::uint64_t count,
                                      iotlb_gather& gather) {
    const auto what = [&] { return fmt::format("unmap of {:#x}, {} pages of {:#x} bytes", iova, count, page_bytes); };
    if (!std::has_single_bit(page_bytes) || (page_bytes & page_sizes_) == 0 || count == 0) {
        kernel_.note(row::unmap_page_size, device_, what() + ": page size not supported");
        return 0;
    }
    if (iova >> input_bits() != 0) {
        kernel_.note(row::unmap_range, device_, what() + ": out of range");
        return 0;
    }
    const std::uint64_t room = bit(input_bits()) - iova; // what goes beyond the end cannot be mapped
    unmapping u{d, iova, std::min(page_bytes * count, room), gather};
    of_this_cpu() = &u;
    const table_result r = tables_->unmap(iova, u.bytes, this);
    of_this_cpu() = nullptr;
    if (r.status == table_status::not_mapped)
        kernel_.note(row::unmap_hole, device_, what() + fmt::format(": nothing at {:#x}", iova + r.done_bytes));
    return r.done_bytes;
}

std::uint64_t io_pgtable::iova_to_phys(std::uint64_t iova) {
    return iova >> input_bits() != 0 ? 0 : tables_->iova_to_phys(iova).value_or(0);
}

} // namespace iommulab::sw::arm_lpae
