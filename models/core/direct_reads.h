// SPDX-License-Identifier: Apache-2.0
// What of memory can be read in place: the pages for which memory has given out a direct pointer.
#pragma once

#include "models/core/time_sheet.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace iommulab {

/// Direct memory pointers by 4 KiB page, direct-mapped.
class direct_reads {
  public:
    direct_reads() { recent_.fill(pages_.data()); }
    direct_reads(const direct_reads&) = delete;
    direct_reads& operator=(const direct_reads&) = delete;

    struct page {
        std::uint64_t first = 0;           ///< address of the granted range, clipped to the page
        std::uint64_t places_of_words = 0; ///< addresses from there at which 8 bytes can be read; 0: empty
        const unsigned char* data = nullptr;
        std::uint64_t latency_ps = 0;

        [[nodiscard]] bool holds_word(std::uint64_t address) const { return address - first < places_of_words; }
        /// `length`: as of a memory_request. The last 4 bytes alone count as not held.
        [[nodiscard]] bool holds(std::uint64_t address, unsigned length) const {
            return holds_word(address) && address - first + length <= places_of_words + 7;
        }
    };
    /// The place of the page around `address`: another one's, until it is filled.
    page& place_of(std::uint64_t address) { return pages_[(address >> log2_page_bytes) % pages_.size()]; }
    /// 8 bytes at `address` and what reading them takes; false: not to be had here. Reads of one `part` often come from
    /// one page, which is therefore tried first: where it is, is known before the address.
    bool read64(time_part part, std::uint64_t address, std::uint64_t& value, std::uint64_t& took_ps) {
        const page*& recent = recent_[static_cast<std::size_t>(part)];
        if (!recent->holds_word(address)) {
            const page& p = place_of(address);
            if (!p.holds_word(address)) [[unlikely]]
                return false;
            recent = &p;
        }
        std::memcpy(&value, recent->data + (address - recent->first), 8);
        took_ps = recent->latency_ps;
        ++reads;
        return true;
    }
    void forget() { pages_.fill({}); }

    std::uint64_t reads = 0; ///< of the IOMMU, these and all others

    static constexpr unsigned log2_page_bytes = 12;

  private:
    std::array<page, 64> pages_{};
    std::array<const page*, time_parts> recent_;
};

} // namespace iommulab
