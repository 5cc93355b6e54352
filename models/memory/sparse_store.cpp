// SPDX-License-Identifier: Apache-2.0
#include "models/memory/sparse_store.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <new>

namespace iommulab {

void sparse_store::release::operator()(unsigned char* page) const {
    std::free(page);
}

unsigned char* sparse_store::find_slowly(std::uint64_t number) const {
    const auto found = pages_.find(number);
    if (found == pages_.end())
        return nullptr;
    recent_[number % recent_.size()] = {number, found->second.get()};
    return found->second.get();
}

unsigned char* sparse_store::make(std::uint64_t number) {
    // calloc leaves fresh memory to the operating system's zero pages: a page of ours costs the 4 KiB pieces that are
    // touched
    auto* page = static_cast<unsigned char*>(std::calloc(page_bytes, 1));
    if (!page)
        throw std::bad_alloc();
    pages_.emplace(number, page);
    recent_[number % recent_.size()] = {number, page};
    return page;
}

void sparse_store::read_pages(std::uint64_t address, unsigned char* out, std::size_t bytes) const {
    while (bytes > 0) {
        const std::size_t part = std::min<std::size_t>(bytes, page_bytes - address % page_bytes);
        read(address, out, part);
        address += part, out += part, bytes -= part;
    }
}

void sparse_store::write_pages(std::uint64_t address, const unsigned char* in, std::size_t bytes) {
    while (bytes > 0) {
        const std::size_t part = std::min<std::size_t>(bytes, page_bytes - address % page_bytes);
        write(address, in, part);
        address += part, in += part, bytes -= part;
    }
}

void sparse_store::fill(std::uint64_t address, std::uint64_t bytes, unsigned char value) {
    while (bytes > 0) {
        const std::size_t offset = address % page_bytes, part = std::min<std::uint64_t>(bytes, page_bytes - offset);
        if (unsigned char* page = value ? obtain(address / page_bytes) : find(address / page_bytes))
            std::memset(page + offset, value, part);
        address += part, bytes -= part;
    }
}

bool sparse_store::compare_exchange(std::uint64_t address, const void* expected, const void* desired, void* found,
                                    std::size_t bytes) {
    std::array<unsigned char, 16> present{};
    assert(bytes <= present.size());
    read(address, present.data(), bytes);
    const bool equal = std::memcmp(present.data(), expected, bytes) == 0;
    if (equal)
        write(address, desired, bytes);
    std::memcpy(found, present.data(), bytes);
    return equal;
}

std::uint64_t sparse_store::read_u64(std::uint64_t address) const {
    std::array<unsigned char, 8> bytes;
    read(address, bytes.data(), bytes.size());
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

void sparse_store::write_u64(std::uint64_t address, std::uint64_t value) {
    std::array<unsigned char, 8> bytes;
    for (auto& b : bytes) {
        b = static_cast<unsigned char>(value);
        value >>= 8;
    }
    write(address, bytes.data(), bytes.size());
}

void sparse_store::clear() {
    pages_.clear();
    recent_.fill({no_page, nullptr});
}

} // namespace iommulab
