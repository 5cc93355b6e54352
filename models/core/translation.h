// SPDX-License-Identifier: Apache-2.0
// What an IOMMU answers: a translation of one page, or a fault.
#pragma once

#include "models/core/access.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace iommulab {

/// Rights of a page: one bit each for read, write and execute, by unprivileged and by privileged accesses.
class rights {
  public:
    enum bit : std::uint8_t {
        read = 1 << 0,
        write = 1 << 1,
        execute = 1 << 2,
        privileged_read = 1 << 3,
        privileged_write = 1 << 4,
        privileged_execute = 1 << 5,
    };
    static constexpr std::uint8_t all = 0x3f;
    static constexpr std::uint8_t reads = read | privileged_read;
    static constexpr std::uint8_t writes = write | privileged_write;
    static constexpr std::uint8_t executes = execute | privileged_execute;

    /// The one right that `a` needs, as a read or as a write.
    static constexpr std::uint8_t needed_by(const access& a) {
        const unsigned kind = a.write ? 1U : (a.instruction ? 2U : 0U);
        return static_cast<std::uint8_t>(1U << (kind + (a.privileged ? 3U : 0U)));
    }
    /// Is `allowed` enough for all that `a` does?
    static constexpr bool suffice(std::uint8_t allowed, const access& a) {
        return (allowed & needed_by(a)) && (!a.atomic || (allowed & (a.privileged ? privileged_read : read)));
    }
};

/// Whose translation it is: the keys by which software invalidates. An architecture gives the numbers their meaning:
/// `vm` is a VMID or domain id, `space` an ASID or PASID, `regime` tells apart what must never match each other.
struct translation_tag {
    std::uint32_t vm = 0;
    std::uint32_t space = 0;
    std::uint8_t regime = 0;

    friend constexpr bool operator==(const translation_tag&, const translation_tag&) = default;
};

/// The translation of one page, or of any naturally aligned range for which it is linear.
struct translation {
    std::uint64_t input_base = 0;  ///< first input address; aligned to the size
    std::uint64_t output_base = 0; ///< first output address; aligned to the size
    std::uint8_t log2_size = 12;   ///< log2 of the size in bytes; 64 covers everything
    std::uint8_t allowed = 0;      ///< rights bits
    bool global = false;           ///< serves every `space` of its vm and regime
    bool cacheable = true;         ///< false: a TLB must not keep it
    bool bypassed = false;         ///< no table was used: the address went through as it is
    std::uint8_t log2_leaf = 0;    ///< of the leaf (or the run of leaves) that this is a piece of, if it is one
    std::uint16_t attributes = 0;  ///< memory attributes in the architecture's own encoding
    translation_tag tag;

    [[nodiscard]] constexpr std::uint64_t offset_mask() const { return ones_below(log2_size); }
    /// The same of what software invalidates it by: a leaf that is kept in pieces goes as a whole, whichever of its
    /// addresses is named.
    [[nodiscard]] constexpr std::uint64_t leaf_mask() const { return ones_below(std::max(log2_size, log2_leaf)); }
    [[nodiscard]] constexpr std::uint64_t leaf_base() const { return input_base & ~leaf_mask(); }
    /// Becomes its part of 2^`log2_part` bytes around `address`: a piece of the same leaf.
    constexpr void cut(std::uint64_t address, unsigned log2_part) {
        const std::uint64_t to = output(address);
        log2_leaf = std::max(log2_leaf, log2_size);
        log2_size = static_cast<std::uint8_t>(log2_part);
        input_base = address & ~offset_mask();
        output_base = to & ~offset_mask();
    }
    [[nodiscard]] constexpr bool covers(std::uint64_t address) const {
        return (address & ~offset_mask()) == input_base;
    }
    [[nodiscard]] constexpr std::uint64_t output(std::uint64_t address) const {
        return output_base | (address & offset_mask());
    }
    /// Bytes from `address` to the end of the page, never less than 1, saturating.
    [[nodiscard]] constexpr std::uint64_t bytes_from(std::uint64_t address) const {
        const std::uint64_t left = offset_mask() - (address & offset_mask());
        return left == ~std::uint64_t{0} ? left : left + 1;
    }

  private:
    static constexpr std::uint64_t ones_below(unsigned bits) {
        return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    }
};

/// Why an access was refused. The engine knows how the access ends; what the words mean is the architecture's.
struct fault {
    enum class ending : std::uint8_t {
        abort,  ///< the master gets an error response
        ignore, ///< reads return zero, writes vanish, the master sees success
        stall,  ///< the access waits in the stall buffer for software's verdict
    };
    std::uint32_t reason = 0; ///< the architecture's number of the event
    ending ends = ending::abort;
    bool recorded = true;                 ///< false: no event is written for it
    std::array<std::uint64_t, 8> words{}; ///< the event record, in the architecture's layout
};

} // namespace iommulab
