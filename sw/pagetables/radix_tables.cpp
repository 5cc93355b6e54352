// SPDX-License-Identifier: Apache-2.0
#include "sw/pagetables/radix_tables.h"

#include <algorithm>
#include <bit>

namespace iommulab::sw {

radix_tables::radix_tables(const radix_format& format, unsigned levels, table_memory& memory)
    : format_(format), memory_(memory), levels_(levels) {
    if (levels == 0 || levels > most_levels) {
        status_ = table_status::invalid_argument;
        return;
    }
    const auto root = make_table(levels, 0);
    if (root)
        root_ = *root;
    else
        status_ = table_status::no_memory;
}

unsigned radix_tables::input_bits() const {
    return std::min(64U, table_log2_bytes + levels_ * index_bits);
}

bool radix_tables::beyond(std::uint64_t iova) const {
    return input_bits() < 64 && iova >> input_bits() != 0;
}

std::uint64_t radix_tables::entry_address(std::uint64_t table, unsigned level, std::uint64_t iova) const {
    return table + 8 * (iova >> shift_of(level) & ((1U << index_bits) - 1));
}

radix_tables::place radix_tables::entry_at(std::uint64_t table, unsigned level, std::uint64_t iova) {
    const std::uint64_t at = entry_address(table, level, iova);
    return {level, at, format_.decode(memory_.read64(at), level)};
}

radix_tables::place radix_tables::descend(std::uint64_t iova, unsigned to_level) {
    place p = entry_at(root_, levels_, iova);
    while (p.level > to_level && p.entry.is == radix_entry::kind::table)
        p = entry_at(p.entry.address, p.level - 1, iova);
    return p;
}

std::optional<std::uint64_t> radix_tables::make_table(unsigned level, std::uint64_t iova) {
    const auto table = memory_.allocate(level, iova, table_bytes);
    if (table)
        memory_.zero(*table, table_bytes);
    return table;
}

radix_tables::extent radix_tables::remove_leaf(const place& p, std::uint64_t iova, table_listener* listener) {
    const std::uint64_t bytes = std::max(std::uint64_t{1} << p.entry.page_log2, span_of(p.level));
    const std::uint64_t begin = iova & ~(bytes - 1), entries = bytes / span_of(p.level);
    const std::uint64_t first = p.at & ~(8 * entries - 1);
    for (std::uint64_t n = 0; n < entries; ++n)
        memory_.write64(first + 8 * n, 0);
    if (listener)
        listener->leaf_removed(begin, bytes);
    return {begin, bytes};
}

void radix_tables::remove_table(const place& p, std::uint64_t iova, table_listener* listener) {
    memory_.write64(p.at, 0);
    if (listener)
        listener->table_removed(iova & ~(span_of(p.level) - 1), span_of(p.level));
    release_below(p.entry.address, p.level - 1);
}

void radix_tables::release_below(std::uint64_t table, unsigned level) {
    for (std::uint64_t at = table; level > 1 && at < table + table_bytes; at += 8)
        if (const radix_entry e = format_.decode(memory_.read64(at), level); e.is == radix_entry::kind::table)
            release_below(e.address, level - 1);
    memory_.release(table, table_bytes);
}

void radix_tables::release_all() {
    if (status_ == table_status::ok)
        release_below(root_, levels_);
    status_ = table_status::no_memory;
}

table_status radix_tables::install(std::uint64_t iova, std::uint64_t address, unsigned page_log2,
                                   const page_protection& protection, occupied policy, table_listener* listener) {
    // The lowest level that has a whole entry for the page, or several.
    const unsigned level = (page_log2 - table_log2_bytes) / index_bits + 1;
    place p = descend(iova, level);
    while (p.level > level) {
        if (p.entry.is == radix_entry::kind::leaf) {
            if (policy == occupied::refuse)
                return table_status::exists;
            remove_leaf(p, iova, listener);
        }
        const auto below = make_table(p.level - 1, iova);
        if (!below)
            return table_status::no_memory;
        memory_.write64(p.at, format_.table(*below, p.level));
        p = descend(iova, level);
    }
    const std::uint64_t entries = (std::uint64_t{1} << page_log2) / span_of(level);
    for (std::uint64_t n = 0; n < entries; ++n) {
        const std::uint64_t there = iova + n * span_of(level);
        const place old{level, p.at + 8 * n, format_.decode(memory_.read64(p.at + 8 * n), level)};
        if (old.entry.is == radix_entry::kind::leaf) {
            if (policy == occupied::refuse)
                return table_status::exists;
            remove_leaf(old, there, listener);
        } else if (old.entry.is == radix_entry::kind::table) {
            remove_table(old, there, listener);
        }
    }
    const std::uint64_t leaf = format_.leaf(address, level, page_log2, protection);
    for (std::uint64_t n = 0; n < entries; ++n)
        memory_.write64(p.at + 8 * n, leaf);
    return table_status::ok;
}

radix_result radix_tables::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t bytes,
                                     std::uint64_t count, const page_protection& protection, occupied policy,
                                     table_listener* listener) {
    if (status_ != table_status::ok)
        return {status_, 0};
    if (!std::has_single_bit(bytes) || bytes < page_bytes || ((iova | address) & (bytes - 1)) != 0 || count == 0 ||
        count > ~std::uint64_t{0} / bytes)
        return {table_status::invalid_argument, 0};
    const std::uint64_t all = bytes * count;
    const bool larger_than_root =
        static_cast<unsigned>(std::countr_zero(bytes)) >= table_log2_bytes + levels_ * index_bits;
    if (larger_than_root || beyond(iova) || all - 1 > ~iova || beyond(iova + all - 1))
        return {table_status::out_of_range, 0};
    radix_result r;
    while (r.status == table_status::ok && r.done_bytes < all) {
        r.status = install(iova + r.done_bytes, address + r.done_bytes, static_cast<unsigned>(std::countr_zero(bytes)),
                           protection, policy, listener);
        if (r.status == table_status::ok)
            r.done_bytes += bytes;
    }
    return r;
}

std::uint64_t radix_tables::unmap(std::uint64_t iova, std::uint64_t size_bytes, table_listener* listener) {
    if (status_ != table_status::ok || size_bytes == 0 || beyond(iova))
        return 0;
    const std::uint64_t room = input_bits() == 64 ? ~iova : (std::uint64_t{1} << input_bits()) - 1 - iova;
    const std::uint64_t last = iova + std::min(size_bytes - 1, room);
    std::uint64_t at = iova;
    for (;;) {
        // The highest entry that the rest of the range covers whole, or what ends the descent above it.
        unsigned level = 1;
        while (level < levels_ && (at & (span_of(level + 1) - 1)) == 0 && span_of(level + 1) - 1 <= last - at)
            ++level;
        const place p = descend(at, level);
        std::uint64_t end = at | (span_of(p.level) - 1);
        if (p.entry.is == radix_entry::kind::leaf) {
            const extent gone = remove_leaf(p, at, listener);
            end = gone.iova + (gone.bytes - 1);
        } else if (p.entry.is == radix_entry::kind::table) {
            remove_table(p, at, listener);
        } else {
            end = std::min(end, last); // a hole
        }
        if (end >= last)
            return end - iova + 1;
        at = end + 1;
    }
}

std::uint64_t radix_tables::unmap_leaves(std::uint64_t iova, std::uint64_t size_bytes, table_listener* listener) {
    std::uint64_t done = 0;
    std::uint64_t at = iova;
    while (status_ == table_status::ok && done < size_bytes && !beyond(at)) {
        const place p = descend(at, 1);
        if (p.entry.is == radix_entry::kind::none && p.level > 1)
            break;
        std::uint64_t next = (at & ~(page_bytes - 1)) + page_bytes;
        std::uint64_t bytes = page_bytes;
        if (p.entry.is == radix_entry::kind::leaf) {
            const extent gone = remove_leaf(p, at, listener);
            next = gone.iova + gone.bytes;
            bytes = gone.bytes;
        }
        done += bytes;
        if (next == 0)
            break; // the end of the address space
        at = next;
    }
    return done;
}

std::optional<radix_translation> radix_tables::translate(std::uint64_t iova) {
    if (status_ != table_status::ok || beyond(iova))
        return std::nullopt;
    const radix_entry e = descend(iova, 1).entry;
    if (e.is != radix_entry::kind::leaf)
        return std::nullopt;
    const std::uint64_t offset = iova & ((std::uint64_t{1} << e.page_log2) - 1);
    return radix_translation{e.address + offset, e.page_log2, e.protection};
}

std::optional<std::uint64_t> radix_tables::iova_to_phys(std::uint64_t iova) {
    const auto t = translate(iova);
    return t ? std::optional(t->address) : std::nullopt;
}

bool radix_tables::grow() {
    if (status_ != table_status::ok || levels_ == most_levels)
        return false;
    const auto above = make_table(levels_ + 1, 0);
    if (!above)
        return false;
    memory_.write64(*above, format_.table(root_, levels_ + 1));
    root_ = *above;
    ++levels_;
    return true;
}

void radix_tables::shrink() {
    if (status_ != table_status::ok || levels_ == 1)
        return;
    const radix_entry first = format_.decode(memory_.read64(root_), levels_);
    --levels_;
    if (first.is != radix_entry::kind::table)
        return;
    memory_.release(root_, table_bytes);
    root_ = first.address;
}

} // namespace iommulab::sw
