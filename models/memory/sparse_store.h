// SPDX-License-Identifier: Apache-2.0
// The contents of a memory: 2^64 bytes of zeros, of which only the pages that were written exist.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>

namespace iommulab {

/// Costs a page for each page written. Pages never move and are never given up before clear(), so pointers to them stay
/// valid (direct memory access relies on it). Knows no ranges: whether an address exists is the business of the memory
/// around it. Ranges must not wrap past 2^64.
class sparse_store {
  public:
    static constexpr std::size_t page_bytes = 64 * 1024; ///< also the grain of direct memory access

    sparse_store() { recent_.fill({no_page, nullptr}); }
    sparse_store(const sparse_store&) = delete;
    sparse_store& operator=(const sparse_store&) = delete;

    /// Copies `bytes` from `address` to `out`. What was never written reads as zero, and stays unallocated.
    void read(std::uint64_t address, void* out, std::size_t bytes) const {
        const std::size_t offset = address % page_bytes;
        if (offset + bytes > page_bytes) [[unlikely]]
            return read_pages(address, static_cast<unsigned char*>(out), bytes);
        if (const unsigned char* page = find(address / page_bytes))
            std::memcpy(out, page + offset, bytes);
        else
            std::memset(out, 0, bytes);
    }
    /// Copies `bytes` from `in` to `address`.
    void write(std::uint64_t address, const void* in, std::size_t bytes) {
        const std::size_t offset = address % page_bytes;
        if (offset + bytes > page_bytes) [[unlikely]]
            return write_pages(address, static_cast<const unsigned char*>(in), bytes);
        std::memcpy(obtain(address / page_bytes) + offset, in, bytes);
    }
    /// Sets `bytes` from `address` to `value`; filling untouched pages with zero allocates nothing.
    void fill(std::uint64_t address, std::uint64_t bytes, unsigned char value);
    /// Compares `bytes` (at most 16) at `address` with `expected` and, when they are equal, replaces them by `desired`.
    /// What was there goes to `found`. True when replaced. Works on bytes, so for either endianness.
    bool compare_exchange(std::uint64_t address, const void* expected, const void* desired, void* found,
                          std::size_t bytes);

    /// Little-endian 64-bit values, for loaders and tests.
    [[nodiscard]] std::uint64_t read_u64(std::uint64_t address) const;
    void write_u64(std::uint64_t address, std::uint64_t value);

    /// The page that holds `address` (page_bytes long, beginning at a multiple of it), made when it is not there.
    unsigned char* page_of(std::uint64_t address) { return obtain(address / page_bytes); }
    /// The same, but null when nothing was ever written there.
    [[nodiscard]] const unsigned char* find_page_of(std::uint64_t address) const { return find(address / page_bytes); }

    /// Memory that the written pages take, in bytes.
    [[nodiscard]] std::uint64_t allocated_bytes() const { return pages_.size() * std::uint64_t{page_bytes}; }
    /// All zeros again; pointers to pages become invalid.
    void clear();

  private:
    struct release {
        void operator()(unsigned char* page) const;
    };
    struct slot {
        std::uint64_t number;
        unsigned char* data;
    };
    static constexpr std::uint64_t no_page = ~std::uint64_t{0}; // page numbers have at most 48 bits

    unsigned char* find(std::uint64_t number) const {
        const slot& s = recent_[number % recent_.size()];
        return s.number == number ? s.data : find_slowly(number);
    }
    unsigned char* obtain(std::uint64_t number) {
        unsigned char* page = find(number);
        return page ? page : make(number);
    }
    unsigned char* find_slowly(std::uint64_t number) const;
    unsigned char* make(std::uint64_t number);
    void read_pages(std::uint64_t address, unsigned char* out, std::size_t bytes) const;
    void write_pages(std::uint64_t address, const unsigned char* in, std::size_t bytes);

    std::unordered_map<std::uint64_t, std::unique_ptr<unsigned char[], release>> pages_;
    mutable std::array<slot, 64> recent_; // the pages found last, direct-mapped
};

} // namespace iommulab
