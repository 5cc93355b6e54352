// SPDX-License-Identifier: Apache-2.0
#include "sw/drivers/intel/translation_structures.h"

#include "models/vtd/spec/structures.h"
#include "sw/drivers/intel/layout.h"

#include <algorithm>
#include <bit>

namespace iommulab::sw::intel {

using namespace iommulab::vtd;

void structure_memory::write(std::uint64_t address, std::uint64_t value) {
    kernel_.machine().write(address, value, 8);
}

void structure_memory::clean(std::uint64_t address, std::uint64_t bytes) {
    if (!coherent_)
        kernel_.machine().clean(address, bytes);
    kernel_.machine().barrier();
}

std::uint64_t structure_memory::page(const char* point, unsigned node) {
    const std::uint64_t at = kernel_.allocate(point, page_bytes, page_bytes, node, memory_kind::cached);
    if (at != 0)
        clean(at, page_bytes);
    return at;
}

context_tables::context_tables(kernel& k, const instance_firmware& firmware, const unit_features& f)
    : kernel_(k), firmware_(firmware), features_(f), memory_(k, f.coherent) {}

context_tables::~context_tables() {
    if (root_ == 0 || !kernel_.powered())
        return;
    for (std::uint64_t at = root_; at < root_ + page_bytes; at += 8)
        if (const std::uint64_t half = kernel_.machine().read(at, 8); root_entry::P.of(half))
            kernel_.machine().release(root_entry::CTP.of(half), page_bytes);
    kernel_.machine().release(root_, page_bytes);
}

bool context_tables::allocate_root() {
    root_ = memory_.page("intel.root_table.alloc", firmware_.node);
    return root_ != 0;
}

unsigned context_tables::entry_bytes() const {
    return features_.scalable ? sm_context_entry::bytes : context_entry::bytes;
}

std::uint64_t context_tables::entry_address(std::uint16_t rid, bool make) {
    // Both halves of a scalable-mode root entry look like the low one of the other kind.
    constexpr unsigned half = context_entries / 2;
    std::uint64_t at = root_ + std::uint64_t{root_entry::bytes} * (rid >> 8);
    unsigned index = rid & 0xff;
    if (features_.scalable && index >= half) {
        at += 8;
        index -= half;
    }
    std::uint64_t entry = kernel_.machine().read(at, 8);
    if (!root_entry::P.of(entry)) {
        if (!make)
            return 0;
        const std::uint64_t table = memory_.page("intel.context_table.alloc", firmware_.node);
        if (table == 0)
            return 0;
        entry = root_entry::CTP.put(root_entry::P.make(1), table);
        memory_.write(at, entry);
        memory_.clean(at, 8);
    }
    return root_entry::CTP.of(entry) + std::uint64_t{index} * entry_bytes();
}

bool context_tables::present(std::uint16_t rid) {
    const std::uint64_t at = entry_address(rid, false);
    return at != 0 && context_entry::P.of(first_word(at)) != 0;
}

std::uint64_t context_tables::first_word(std::uint64_t at) {
    return kernel_.machine().read(at, 8);
}

std::uint32_t context_tables::domain_id(std::uint64_t at) {
    const std::array<std::uint64_t, 2> words{0, kernel_.machine().read(at + 8, 8)};
    return static_cast<std::uint32_t>(context_entry::DID.of(words));
}

void context_tables::write(std::uint64_t at, std::span<const std::uint64_t> words) {
    for (std::size_t n = words.size(); n-- > 0;)
        memory_.write(at + 8 * n, words[n]);
    memory_.clean(at, 8 * words.size());
}

void context_tables::clear_present(std::uint64_t at) {
    memory_.write(at, context_entry::P.put(first_word(at), 0));
    memory_.clean(at, entry_bytes());
}

void context_tables::clear(std::uint64_t at) {
    for (unsigned offset = 0; offset < entry_bytes(); offset += 8)
        memory_.write(at + offset, 0);
    memory_.clean(at, entry_bytes());
}

std::unique_ptr<pasid_tables> pasid_tables::make(kernel& k, const instance_firmware& firmware, const unit_features& f,
                                                 std::uint32_t pasids) {
    std::unique_ptr<pasid_tables> made(new pasid_tables(k, firmware, f));
    const std::uint64_t wanted =
        (std::uint64_t{pasids} >> pasid_directory_entry::log2_pasids) * pasid_directory_entry::bytes;
    const std::uint64_t bytes = std::bit_ceil(std::max(wanted, page_bytes));
    made->order_ = static_cast<unsigned>(std::countr_zero(bytes)) - page_shift;
    made->directory_ = k.allocate("intel.pasid_directory.alloc", bytes, bytes, firmware.node, memory_kind::cached);
    if (made->directory_ == 0)
        return nullptr;
    made->memory_.clean(made->directory_, bytes);
    return made;
}

pasid_tables::~pasid_tables() {
    if (directory_ == 0 || !kernel_.powered())
        return;
    for (std::uint64_t at = directory_; at < directory_ + directory_bytes(); at += pasid_directory_entry::bytes)
        if (const std::uint64_t entry = kernel_.machine().read(at, 8); pasid_directory_entry::P.of(entry))
            kernel_.machine().release(pasid_directory_entry::SMPTBLPTR.of(entry), page_bytes);
    kernel_.machine().release(directory_, directory_bytes());
}

std::uint64_t pasid_tables::directory_bytes() const {
    return page_bytes << order_;
}

unsigned pasid_tables::size_code() const {
    const unsigned log2_entries = order_ + page_shift - std::countr_zero(pasid_directory_entry::bytes);
    return log2_entries - sm_context_entry::log2_directory_entries(0);
}

std::uint64_t pasid_tables::entry_address(std::uint32_t pasid) {
    const std::uint64_t offset =
        std::uint64_t{pasid >> pasid_directory_entry::log2_pasids} * pasid_directory_entry::bytes;
    if (offset >= directory_bytes())
        return 0;
    const std::uint64_t at = directory_ + offset;
    std::uint64_t entry = kernel_.machine().read(at, 8);
    if (!pasid_directory_entry::P.of(entry)) {
        const std::uint64_t table = memory_.page("intel.pasid_table.alloc", firmware_.node);
        if (table == 0)
            return 0;
        entry = pasid_directory_entry::SMPTBLPTR.put(pasid_directory_entry::P.make(1), table);
        memory_.write(at, entry);
        memory_.clean(at, pasid_directory_entry::bytes);
    }
    const std::uint32_t index = pasid & ((1U << pasid_directory_entry::log2_pasids) - 1);
    return pasid_directory_entry::SMPTBLPTR.of(entry) + std::uint64_t{index} * pasid_entry::bytes;
}

pasid_tables::words pasid_tables::read(std::uint64_t at) {
    words entry{};
    for (std::size_t n = 0; n < entry.size(); ++n)
        entry[n] = kernel_.machine().read(at + 8 * n, 8);
    return entry;
}

void pasid_tables::write(std::uint64_t at, const words& entry) {
    for (std::size_t n = entry.size(); n-- > 0;)
        memory_.write(at + 8 * n, entry[n]);
    memory_.clean(at, pasid_entry::bytes);
}

void pasid_tables::clear_present(std::uint64_t at) {
    memory_.write(at, pasid_entry::P.put(kernel_.machine().read(at, 8), 0));
    memory_.clean(at, pasid_entry::bytes);
}

} // namespace iommulab::sw::intel
