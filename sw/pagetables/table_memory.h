// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace iommulab::sw {

/// The memory that a table builder writes to, and where it gets pages for tables from. Addresses are physical.
class table_memory {
  public:
    virtual ~table_memory() = default;

    /// A little-endian 64-bit word at an address that is a multiple of 8.
    virtual std::uint64_t read64(std::uint64_t address) = 0;
    virtual void write64(std::uint64_t address, std::uint64_t value) = 0;
    virtual void zero(std::uint64_t address, std::uint64_t size_bytes) = 0;

    /// A place for a table of `level` that will translate the addresses around `iova`, aligned to its size; empty when
    /// there is none. The builder zeroes it.
    virtual std::optional<std::uint64_t> allocate(unsigned level, std::uint64_t iova, std::uint64_t size_bytes) = 0;
    virtual void release(std::uint64_t address, std::uint64_t size_bytes) = 0;
};

/// Told of every valid entry that a builder takes out or changes, after it has become invalid and before anything takes
/// its place: the time for an architecture's break-before-make invalidation.
class table_listener {
  public:
    virtual ~table_listener() = default;

    /// Leaf entries that covered this range are gone or are about to change; one TLB entry may have covered all of it.
    virtual void leaf_removed(std::uint64_t iova, std::uint64_t size_bytes) = 0;
    /// A next-level table that covered this range is gone: walk caches may hold it.
    virtual void table_removed(std::uint64_t iova, std::uint64_t size_bytes) = 0;
};

/// Why a builder did not do all that it was asked for.
enum class table_status {
    ok,
    exists,           ///< something is mapped there already
    not_mapped,       ///< nothing is mapped there
    invalid_argument, ///< not aligned to a page, no permission asked for, page size not supported
    out_of_range,     ///< input or output address beyond the configured size
    no_memory,        ///< no page for a table
};

/// What an access may do, and what kind of memory it goes to.
struct page_protection {
    bool read = true;
    bool write = false;
    bool execute = true;
    bool privileged = false; ///< stage 1: unprivileged accesses are refused
    bool cacheable = false;  ///< coherent with the CPU's caches
    bool device = false;     ///< device memory (doorbells); overrides cacheable

    friend bool operator==(const page_protection&, const page_protection&) = default;
};

} // namespace iommulab::sw
