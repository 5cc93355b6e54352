// SPDX-License-Identifier: Apache-2.0
// Host page tables of AMD's IOMMU as tests write them: one entry at a time, bit by bit (publication 48882, 2.2.3), with
// nothing of the model that reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace iommulab::harness {

class amd_v1_builder {
  public:
    using reader = std::function<std::uint64_t(std::uint64_t)>;
    using writer = std::function<void(std::uint64_t, std::uint64_t)>;
    static constexpr std::uint64_t PR = 1, IR = std::uint64_t{1} << 61, IW = std::uint64_t{1} << 62;

    /// Tables of `levels` levels; the root is the first of `next`, which gives zeroed pages one after the other.
    amd_v1_builder(unsigned levels, std::uint64_t& next, reader read, writer write)
        : levels_(levels), next_(next), read_(std::move(read)), write_(std::move(write)), root_(take()) {}

    [[nodiscard]] std::uint64_t root() const { return root_; }
    [[nodiscard]] unsigned levels() const { return levels_; }
    static std::uint64_t pde(std::uint64_t table, unsigned next_level, std::uint64_t rights = IR | IW) {
        return table | std::uint64_t{next_level} << 9 | PR | rights;
    }
    static std::uint64_t pte(std::uint64_t page, std::uint64_t rights = IR | IW) { return page | PR | rights; }
    /// NextLevel 7: the size is in the address.
    static std::uint64_t sized_pte(std::uint64_t page, unsigned log2_size, std::uint64_t rights = IR | IW) {
        const std::uint64_t ones = ((std::uint64_t{1} << (log2_size - 1)) - 1) & ~std::uint64_t{0xfff};
        return page | ones | std::uint64_t{7} << 9 | PR | rights;
    }
    /// The address of the entry for `iova` in the table of `level`; tables above are made as needed.
    std::uint64_t entry(std::uint64_t iova, unsigned level) {
        std::uint64_t table = root_;
        for (unsigned at = levels_; at > level; --at) {
            const std::uint64_t place = table + index(iova, at) * 8;
            if (!(read_(place) & PR))
                write_(place, pde(take(), at - 1));
            table = read_(place) & 0x000f'ffff'ffff'f000;
        }
        return table + index(iova, level) * 8;
    }
    /// Any power of two from 4 KiB on.
    void map(std::uint64_t iova, std::uint64_t page, unsigned log2_size = 12, std::uint64_t rights = IR | IW) {
        const unsigned level = (log2_size - 12) / 9 + 1, of_level = 12 + 9 * (level - 1);
        const std::uint64_t word = log2_size == of_level ? pte(page, rights) : sized_pte(page, log2_size, rights);
        const std::uint64_t first = entry(iova, level);
        for (std::uint64_t n = 0; n < std::uint64_t{1} << (log2_size - of_level); ++n)
            write_(first + 8 * n, word);
    }
    std::uint64_t take() {
        const std::uint64_t page = next_;
        next_ += 0x1000;
        return page;
    }

  private:
    static std::uint64_t index(std::uint64_t iova, unsigned level) { return iova >> (12 + 9 * (level - 1)) & 0x1ff; }
    unsigned levels_;
    std::uint64_t& next_;
    reader read_;
    writer write_;
    std::uint64_t root_;
};

} // namespace iommulab::harness
