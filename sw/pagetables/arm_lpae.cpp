// SPDX-License-Identifier: Apache-2.0
#include "sw/pagetables/arm_lpae.h"

#include <algorithm>

namespace iommulab::sw {

namespace {

// Descriptor fields: DDI 0487, D8.3.1 (table), D8.3.2 (block and page), D8.5 (attributes).
constexpr std::uint64_t bit_valid = 1;
constexpr std::uint64_t bit_table_or_page = 2; ///< table above level 3, page at level 3
constexpr unsigned AttrIndx_shift = 2;
constexpr std::uint64_t MemAttr_device_nGnRE = 0x1 << 2;
constexpr std::uint64_t MemAttr_normal_nc = 0x5 << 2;
constexpr std::uint64_t MemAttr_normal_wb = 0xf << 2;
constexpr std::uint64_t AP_unprivileged = std::uint64_t{1} << 6;
constexpr std::uint64_t AP_read_only = std::uint64_t{1} << 7;
constexpr std::uint64_t S2AP_read = std::uint64_t{1} << 6;
constexpr std::uint64_t S2AP_write = std::uint64_t{1} << 7;
constexpr std::uint64_t SH_outer = std::uint64_t{2} << 8;
constexpr std::uint64_t SH_inner = std::uint64_t{3} << 8;
constexpr std::uint64_t AF = std::uint64_t{1} << 10;
constexpr std::uint64_t nG = std::uint64_t{1} << 11;
constexpr std::uint64_t Contiguous = std::uint64_t{1} << 52;
constexpr std::uint64_t PXN = std::uint64_t{1} << 53;
constexpr std::uint64_t XN = std::uint64_t{1} << 54; ///< UXN at stage 1, XN[1] at stage 2
constexpr std::uint64_t address_mask = 0x0000fffffffff000;
constexpr std::uint64_t high_address_mask = 0xf000; ///< 64 KiB granule: bits 51:48 of the address
constexpr unsigned most_concatenated_log2 = 4;      ///< stage 2: up to 16 tables at the start level (D8.2.7)

} // namespace

/// An entry, where a descent ended: at the level asked for, or above it at a leaf or an invalid entry.
struct arm_lpae_tables::entry_place {
    unsigned level = 0;
    std::uint64_t table = 0;
    std::uint64_t address = 0;
    std::uint64_t descriptor = 0;
};

arm_lpae_tables::arm_lpae_tables(const arm_lpae_configuration& configuration, table_memory& memory,
                                 std::optional<std::uint64_t> root)
    : configuration_(configuration), memory_(memory) {
    const arm_lpae_configuration& c = configuration_;
    const bool granule_ok = c.granule_log2 == 12 || c.granule_log2 == 14 || c.granule_log2 == 16;
    const unsigned most_bits = c.granule_log2 == 16 ? 52 : 48;
    if (!granule_ok || (c.stage != 1 && c.stage != 2) || c.input_bits <= c.granule_log2 || c.input_bits > most_bits ||
        c.output_bits < 32 || c.output_bits > most_bits) {
        status_ = table_status::invalid_argument;
        return;
    }
    const unsigned table_bits = c.input_bits - c.granule_log2;
    const unsigned levels = (table_bits + index_bits() - 1) / index_bits();
    start_level_ = 4 - levels;
    unsigned root_index_bits = table_bits - (levels - 1) * index_bits();
    if (c.stage == 2 && levels > 1 && root_index_bits <= most_concatenated_log2) {
        ++start_level_; // the few entries of the top level become as many tables side by side
        root_index_bits += index_bits();
    }
    root_bytes_ = std::uint64_t{8} << root_index_bits;
    for (unsigned level = start_level_; level <= 3; ++level) {
        if (level == 3 || (c.blocks && block_allowed(level))) {
            page_sizes_.push_back(span_of(level));
        }
    }
    if (root) {
        root_given_ = true;
        root_ = *root;
    } else if (const auto place = memory_.allocate(start_level_, 0, root_bytes_)) {
        root_ = *place;
    } else {
        status_ = table_status::no_memory;
        return;
    }
    memory_.zero(root_, root_bytes_);
}

bool arm_lpae_tables::block_allowed(unsigned level) const {
    // DDI 0487, D8.3.2: level 1 and 2 with 4 KiB, level 2 with 16 and 64 KiB (level 1 there needs 52-bit formats not
    // built here).
    return level == 2 || (level == 1 && configuration_.granule_log2 == 12);
}

bool arm_lpae_tables::is_leaf(std::uint64_t descriptor, unsigned level) const {
    return (descriptor & bit_valid) != 0 && ((descriptor & bit_table_or_page) != 0) == (level == 3);
}

bool arm_lpae_tables::is_table(std::uint64_t descriptor, unsigned level) const {
    return (descriptor & bit_valid) != 0 && level != 3 && (descriptor & bit_table_or_page) != 0;
}

unsigned arm_lpae_tables::run_entries(unsigned level) const {
    // DDI 0487, D8.6.1: how many adjacent entries a run has.
    switch (configuration_.granule_log2) {
    case 12:
        return 16;
    case 14:
        return level == 3 ? 128 : 32;
    default:
        return 32;
    }
}

std::uint64_t arm_lpae_tables::entry_address(std::uint64_t table, unsigned level, std::uint64_t iova) const {
    // At the start level the index may have more bits (concatenated tables) or fewer than a table has.
    const std::uint64_t mask = level == start_level_ ? root_bytes_ / 8 - 1 : (std::uint64_t{1} << index_bits()) - 1;
    return table + 8 * (iova >> shift_of(level) & mask);
}

std::uint64_t arm_lpae_tables::encode_address(std::uint64_t address) const {
    if (configuration_.granule_log2 == 16) {
        return (address & address_mask & ~high_address_mask) | (address >> 48 & 0xf) << 12;
    }
    return address & address_mask;
}

std::uint64_t arm_lpae_tables::decode_address(std::uint64_t descriptor) const {
    if (configuration_.granule_log2 == 16) {
        return (descriptor & address_mask & ~high_address_mask) | (descriptor & high_address_mask) >> 12 << 48;
    }
    return descriptor & address_mask & ~(granule_bytes() - 1);
}

std::uint64_t arm_lpae_tables::attributes(const page_protection& protection) const {
    const bool cacheable = protection.cacheable && !protection.device;
    std::uint64_t bits = bit_valid | AF | (cacheable ? SH_inner : SH_outer);
    if (configuration_.stage == 1) {
        const std::uint64_t attribute_index = protection.device ? 2 : cacheable ? 1 : 0;
        bits |= nG | attribute_index << AttrIndx_shift;
        bits |= protection.privileged ? 0 : AP_unprivileged;
        bits |= protection.write ? 0 : AP_read_only;
        bits |= protection.execute ? 0 : XN | PXN;
    } else {
        bits |= protection.device ? MemAttr_device_nGnRE : cacheable ? MemAttr_normal_wb : MemAttr_normal_nc;
        bits |= (protection.read ? S2AP_read : 0) | (protection.write ? S2AP_write : 0);
        bits |= protection.execute ? 0 : XN;
    }
    return bits;
}

page_protection arm_lpae_tables::decode_protection(std::uint64_t descriptor) const {
    page_protection protection;
    protection.execute = (descriptor & XN) == 0;
    if (configuration_.stage == 1) {
        protection.write = (descriptor & AP_read_only) == 0;
        protection.privileged = (descriptor & AP_unprivileged) == 0;
        const std::uint64_t attribute_index = descriptor >> AttrIndx_shift & 7;
        protection.cacheable = attribute_index == 1;
        protection.device = attribute_index == 2;
    } else {
        protection.read = (descriptor & S2AP_read) != 0;
        protection.write = (descriptor & S2AP_write) != 0;
        const std::uint64_t attribute = descriptor & MemAttr_normal_wb;
        protection.cacheable = attribute == MemAttr_normal_wb;
        protection.device = attribute == MemAttr_device_nGnRE;
    }
    return protection;
}

bool arm_lpae_tables::range_ok(std::uint64_t iova, std::uint64_t size_bytes, unsigned bits) const {
    const std::uint64_t last = (std::uint64_t{1} << bits) - 1;
    return iova <= last && size_bytes - 1 <= last - iova;
}

table_status arm_lpae_tables::check_map(std::uint64_t iova, std::uint64_t address, std::uint64_t size_bytes,
                                        const page_protection& protection) const {
    if (status_ != table_status::ok) {
        return status_;
    }
    // Stage 1 has no encoding for pages that may be written and not read (DDI 0487, D8.4.1).
    const bool encodable = configuration_.stage == 1 ? protection.read : protection.read || protection.write;
    if (size_bytes == 0 || ((iova | address | size_bytes) & (granule_bytes() - 1)) != 0 || !encodable) {
        return table_status::invalid_argument;
    }
    if (!range_ok(iova, size_bytes, configuration_.input_bits) ||
        !range_ok(address, size_bytes, configuration_.output_bits)) {
        return table_status::out_of_range;
    }
    return table_status::ok;
}

arm_lpae_tables::entry_place arm_lpae_tables::descend(std::uint64_t iova, unsigned to_level) {
    entry_place place;
    place.level = start_level_;
    place.table = root_;
    for (;;) {
        place.address = entry_address(place.table, place.level, iova);
        place.descriptor = memory_.read64(place.address);
        if (place.level == to_level || !is_table(place.descriptor, place.level)) {
            return place;
        }
        place.table = decode_address(place.descriptor);
        ++place.level;
    }
}

std::optional<std::uint64_t> arm_lpae_tables::make_table(unsigned level, std::uint64_t iova) {
    const auto table = memory_.allocate(level, iova, granule_bytes());
    if (table) {
        memory_.zero(*table, granule_bytes());
    }
    return table;
}

bool arm_lpae_tables::is_empty(std::uint64_t table, unsigned level) {
    for (std::uint64_t at = table; at < table + granule_bytes(); at += 8) {
        const std::uint64_t descriptor = memory_.read64(at);
        if ((descriptor & bit_valid) != 0 &&
            (!is_table(descriptor, level) || !is_empty(decode_address(descriptor), level + 1))) {
            return false;
        }
    }
    return true;
}

void arm_lpae_tables::release_table(std::uint64_t table, unsigned level) {
    const std::uint64_t bytes = level == start_level_ ? root_bytes_ : granule_bytes();
    for (std::uint64_t at = table; level < 3 && at < table + bytes; at += 8) {
        const std::uint64_t descriptor = memory_.read64(at);
        if (is_table(descriptor, level)) {
            release_table(decode_address(descriptor), level + 1);
        }
    }
    if (level != start_level_ || !root_given_) {
        memory_.release(table, bytes);
    }
}

void arm_lpae_tables::release_all() {
    if (status_ == table_status::ok) {
        release_table(root_, start_level_);
        status_ = table_status::no_memory;
    }
}

table_status arm_lpae_tables::install(std::uint64_t iova, std::uint64_t address, unsigned level, unsigned entries,
                                      std::uint64_t attribute_bits, table_listener* listener) {
    entry_place place = descend(iova, level);
    while (place.level != level) {
        if ((place.descriptor & bit_valid) != 0) {
            return table_status::exists; // a block above
        }
        const auto table = make_table(place.level + 1, iova);
        if (!table) {
            return table_status::no_memory;
        }
        memory_.write64(place.address, encode_address(*table) | bit_table_or_page | bit_valid);
        place = descend(iova, level);
    }
    for (unsigned i = 0; i < entries; ++i) {
        const std::uint64_t descriptor = i == 0 ? place.descriptor : memory_.read64(place.address + 8 * i);
        if ((descriptor & bit_valid) == 0) {
            continue;
        }
        if (!is_table(descriptor, level) || !is_empty(decode_address(descriptor), level + 1)) {
            return table_status::exists;
        }
        memory_.write64(place.address + 8 * i, 0);
        if (listener != nullptr) {
            listener->table_removed((iova & ~(span_of(level) - 1)) + i * span_of(level), span_of(level));
        }
        release_table(decode_address(descriptor), level + 1);
    }
    const std::uint64_t bits = attribute_bits | (level == 3 ? bit_table_or_page : 0) | (entries > 1 ? Contiguous : 0);
    for (unsigned i = 0; i < entries; ++i) {
        memory_.write64(place.address + 8 * i, encode_address(address + i * span_of(level)) | bits);
    }
    return table_status::ok;
}

table_result arm_lpae_tables::map(std::uint64_t iova, std::uint64_t address, std::uint64_t size_bytes,
                                  const page_protection& protection, table_listener* listener) {
    table_result result{check_map(iova, address, size_bytes, protection), 0};
    while (result.status == table_status::ok && result.done_bytes < size_bytes) {
        const std::uint64_t in = iova + result.done_bytes;
        const std::uint64_t out = address + result.done_bytes;
        const std::uint64_t rest = size_bytes - result.done_bytes;
        const auto fits = [&](std::uint64_t bytes) { return ((in | out) & (bytes - 1)) == 0 && bytes <= rest; };
        const std::uint64_t page = *std::find_if(page_sizes_.begin(), page_sizes_.end(), fits);
        unsigned level = start_level_;
        while (span_of(level) != page) {
            ++level;
        }
        const unsigned run = run_entries(level);
        const unsigned entries = configuration_.contiguous_hint && fits(run * page) ? run : 1;
        result.status = install(in, out, level, entries, attributes(protection), listener);
        if (result.status == table_status::ok) {
            result.done_bytes += entries * page;
        }
    }
    return result;
}

table_result arm_lpae_tables::map_pages(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes,
                                        std::uint64_t count, const page_protection& protection,
                                        table_listener* listener) {
    if (std::find(page_sizes_.begin(), page_sizes_.end(), page_bytes) == page_sizes_.end() ||
        ((iova | address) & (page_bytes - 1)) != 0 || count == 0 || count > ~std::uint64_t{0} / page_bytes) {
        return {status_ == table_status::ok ? table_status::invalid_argument : status_, 0};
    }
    const std::uint64_t size_bytes = page_bytes * count;
    table_result result{check_map(iova, address, size_bytes, protection), 0};
    unsigned level = start_level_;
    while (span_of(level) != page_bytes) {
        ++level;
    }
    while (result.status == table_status::ok && result.done_bytes < size_bytes) {
        const std::uint64_t in = iova + result.done_bytes;
        const std::uint64_t out = address + result.done_bytes;
        const std::uint64_t run_bytes = run_entries(level) * page_bytes;
        const bool run = configuration_.contiguous_hint && ((in | out) & (run_bytes - 1)) == 0 &&
                         size_bytes - result.done_bytes >= run_bytes;
        result.status = install(in, out, level, run ? run_entries(level) : 1, attributes(protection), listener);
        if (result.status == table_status::ok) {
            result.done_bytes += run ? run_bytes : page_bytes;
        }
    }
    return result;
}

/// Takes the hint off the whole run around `iova`. All entries of a run must agree (D8.6.1), so they go and come back
/// together.
void arm_lpae_tables::drop_hint(std::uint64_t table, unsigned level, std::uint64_t iova, table_listener* listener) {
    const std::uint64_t run_bytes = run_entries(level) * span_of(level);
    const std::uint64_t from = iova & ~(run_bytes - 1);
    const std::uint64_t first = entry_address(table, level, from);
    std::vector<std::uint64_t> descriptors(run_entries(level));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
        descriptors[i] = memory_.read64(first + 8 * i);
        memory_.write64(first + 8 * i, 0);
    }
    if (listener != nullptr) {
        listener->leaf_removed(from, run_bytes);
    }
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
        memory_.write64(first + 8 * i, descriptors[i] & ~Contiguous);
    }
}

/// Puts a table of the next level, which maps the same, in the place of a block.
table_status arm_lpae_tables::split(const entry_place& place, std::uint64_t iova, table_listener* listener) {
    const auto table = make_table(place.level + 1, iova);
    if (!table) {
        return table_status::no_memory;
    }
    const unsigned below = place.level + 1;
    const std::uint64_t bits = place.descriptor & ~(address_mask | Contiguous);
    const std::uint64_t address = decode_address(place.descriptor);
    for (std::uint64_t i = 0; i < granule_bytes() / 8; ++i) {
        memory_.write64(*table + 8 * i,
                        encode_address(address + i * span_of(below)) | bits | (below == 3 ? bit_table_or_page : 0));
    }
    memory_.write64(place.address, 0);
    if (listener != nullptr) {
        listener->leaf_removed(iova & ~(span_of(place.level) - 1), span_of(place.level));
    }
    memory_.write64(place.address, encode_address(*table) | bit_table_or_page | bit_valid);
    return table_status::ok;
}

table_result arm_lpae_tables::unmap(std::uint64_t iova, std::uint64_t size_bytes, table_listener* listener) {
    if (status_ != table_status::ok) {
        return {status_, 0};
    }
    if (size_bytes == 0 || ((iova | size_bytes) & (granule_bytes() - 1)) != 0) {
        return {table_status::invalid_argument, 0};
    }
    if (!range_ok(iova, size_bytes, configuration_.input_bits)) {
        return {table_status::out_of_range, 0};
    }
    table_result result;
    while (result.done_bytes < size_bytes) {
        const std::uint64_t at = iova + result.done_bytes;
        const std::uint64_t rest = size_bytes - result.done_bytes;
        // The highest entry that the rest of the range covers whole, or a leaf above it, which has to be split.
        unsigned level = start_level_;
        while (level < 3 && ((at & (span_of(level) - 1)) != 0 || span_of(level) > rest)) {
            ++level;
        }
        const entry_place place = descend(at, level);
        if ((place.descriptor & bit_valid) == 0) {
            result.status = table_status::not_mapped;
            return result;
        }
        const std::uint64_t span = span_of(place.level);
        if (is_leaf(place.descriptor, place.level)) {
            const std::uint64_t run_bytes = run_entries(place.level) * span;
            if ((place.descriptor & Contiguous) != 0 && ((at & (run_bytes - 1)) != 0 || rest < run_bytes)) {
                drop_hint(place.table, place.level, at, listener);
                continue;
            }
            if (place.level < level) {
                result.status = split(place, at, listener);
                if (result.status != table_status::ok) {
                    return result;
                }
                continue;
            }
            const bool run = (place.descriptor & Contiguous) != 0;
            for (unsigned i = 0; i < (run ? run_entries(place.level) : 1); ++i) {
                memory_.write64(place.address + 8 * i, 0);
            }
            if (listener != nullptr) {
                listener->leaf_removed(at, run ? run_bytes : span);
            }
            result.done_bytes += run ? run_bytes : span;
            continue;
        }
        memory_.write64(place.address, 0);
        if (listener != nullptr) {
            listener->table_removed(at, span);
        }
        release_table(decode_address(place.descriptor), place.level + 1);
        result.done_bytes += span;
    }
    return result;
}

std::optional<table_translation> arm_lpae_tables::translate(std::uint64_t iova) {
    if (status_ != table_status::ok || !range_ok(iova, 1, configuration_.input_bits)) {
        return std::nullopt;
    }
    const entry_place place = descend(iova, 3);
    if (!is_leaf(place.descriptor, place.level)) {
        return std::nullopt;
    }
    table_translation translation;
    translation.page_bytes = span_of(place.level);
    translation.level = place.level;
    translation.contiguous = (place.descriptor & Contiguous) != 0;
    translation.address = decode_address(place.descriptor) + (iova & (translation.page_bytes - 1));
    translation.protection = decode_protection(place.descriptor);
    return translation;
}

std::optional<std::uint64_t> arm_lpae_tables::iova_to_phys(std::uint64_t iova) {
    const auto translation = translate(iova);
    return translation ? std::optional(translation->address) : std::nullopt;
}

} // namespace iommulab::sw
